import AttentionKernels
import TestSupport
import Testing

/// Decoding over a cache: the bits of one causal call over all tokens, however the tokens came and wherever they lie.
@Suite struct KeyValueCacheTests {
    static let storages: [KeyValueCache<Float>.Storage] = [
        .contiguous, .paged(length: 128, count: 20), .paged(length: 16, count: 140), .paged(length: 7, count: 330),
        .paged(length: 1, count: 2300),
    ]
    /// How many tokens come at a time; they add up to 1100.
    static let steps = [[1100], [300, 1, 1, 1, 797], [1, 127, 1, 64, 831, 1, 1, 74], [1023, 1, 1, 1, 70, 4]]

    static func tensor(_ shape: [Int], _ random: inout SeededRandom) throws -> Tensor {
        try Tensor(shape: shape, elements: random.normals(shape.reduce(1, *)))
    }

    /// Rows `range` of every head of a `[batch, heads, length, width]` tensor.
    static func rows<Element>(_ tensor: TypedTensor<Element>, _ range: Range<Int>) throws -> TypedTensor<Element> {
        try tensor.slice(2, range).contiguous()
    }

    struct Tokens {
        let query, key, value: Tensor

        init(batch: Int, heads: Int, kvHeads: Int, length: Int, headDim: Int, valueDim: Int, seed: UInt64 = 3) throws {
            var random = SeededRandom(seed: seed)
            query = try tensor([batch, heads, length, headDim], &random)
            key = try tensor([batch, kvHeads, length, headDim], &random)
            value = try tensor([batch, kvHeads, length, valueDim], &random)
        }
    }

    @Test(arguments: storages, steps)
    func piecesHaveTheBitsOfOneCausalCall(storage: KeyValueCache<Float>.Storage, steps: [Int]) throws {
        let tokens = try Tokens(batch: 2, heads: 6, kvHeads: 2, length: 1100, headDim: 40, valueDim: 24)
        for run in Configuration.instructionSets + [Configuration(InstructionSet.available[0], threads: 3)] {
            let whole = try AttentionKernel.fused.forward(
                query: tokens.query, key: tokens.key, value: tokens.value, causality: .topLeft, execution: run.execution
            )
            var cache = try KeyValueCache<Float>(
                batch: 2, kvHeads: 2, capacity: 1100, headDim: 40, valueDim: 24, storage: storage)
            var first = 0
            for count in steps {
                let range = first..<first + count
                let output = try cache.attend(
                    query: Self.rows(tokens.query, range), appendingKey: Self.rows(tokens.key, range),
                    value: Self.rows(tokens.value, range), execution: run.execution)
                #expect(bits(output) == bits(try Self.rows(whole, range)), "\(run) tokens \(range)")
                first += count
            }
            #expect(cache.lengths == [1100, 1100])
        }
    }

    @Test(arguments: storages) func sequencesGrowEachOnItsOwn(storage: KeyValueCache<Float>.Storage) throws {
        let tokens = try Tokens(batch: 3, heads: 4, kvHeads: 1, length: 60, headDim: 16, valueDim: 16)
        let whole = try AttentionKernel.fused.forward(
            query: tokens.query, key: tokens.key, value: tokens.value, causality: .topLeft)
        var cache = try KeyValueCache<Float>(batch: 3, kvHeads: 1, capacity: 60, headDim: 16, storage: storage)
        for (sequence, length) in [(1, 17), (0, 40), (2, 5)] {
            func part(_ x: Tensor) throws -> TypedTensorView<Float> {
                try x.slice(0, sequence..<sequence + 1).slice(2, 0..<length)
            }
            try cache.append(
                key: part(tokens.key), value: part(tokens.value), sequences: sequence..<sequence + 1)
        }
        #expect(cache.lengths == [40, 17, 5])
        // One step of all three at once: each query stands at the end of its own sequence.
        func step(_ x: Tensor) throws -> Tensor {
            let width = x.shape[3]
            let elements = x.elements
            return try Tensor(shape: [3, x.shape[1], 1, width]) { index in
                let (b, h) = (index / width / x.shape[1], index / width % x.shape[1])
                return elements[((b * x.shape[1] + h) * 60 + [40, 17, 5][b]) * width + index % width]
            }
        }
        let output = try cache.attend(
            query: step(tokens.query), appendingKey: step(tokens.key), value: step(tokens.value))
        #expect(bits(output) == bits(try step(whole)))
        #expect(cache.lengths == [41, 18, 6])
        let again = try cache.attend(query: step(tokens.query))
        #expect(bits(again) == bits(output))
    }

    /// Prompts in bf16, through the bf16 dot product where there is one, from pages of even and odd length.
    @Test(arguments: [
        KeyValueCache<BFloat16>.Storage.contiguous, .paged(length: 8, count: 40), .paged(length: 7, count: 45),
    ])
    func promptsOf16BitsEqualOneCall(storage: KeyValueCache<BFloat16>.Storage) throws {
        for headDim in [64, 43] {
            let tokens = try Tokens(batch: 1, heads: 4, kvHeads: 2, length: 300, headDim: headDim, valueDim: 33)
            let query = try TypedTensor<BFloat16>(tokens.query)
            let (key, value) = (try TypedTensor<BFloat16>(tokens.key), try TypedTensor<BFloat16>(tokens.value))
            let expected = try AttentionKernel.fused.forward(query: query, key: key, value: value, causality: .topLeft)
            var cache = try KeyValueCache<BFloat16>(
                batch: 1, kvHeads: 2, capacity: 300, headDim: headDim, valueDim: 33, storage: storage)
            for range in [0..<200, 200..<300] {
                let output = try cache.attend(
                    query: query.slice(2, range).contiguous(), appendingKey: key.slice(2, range).contiguous(),
                    value: value.slice(2, range).contiguous())
                #expect(output == (try expected.slice(2, range).contiguous()), "tokens \(range)")
            }
        }
    }

    /// A cache of 16 bits holds the rounded rows, whatever they were given as.
    @Test(arguments: [KeyValueCache<BFloat16>.Storage.contiguous, .paged(length: 8, count: 40)])
    func rowsAreRoundedToTheTypeOfTheCache(storage: KeyValueCache<BFloat16>.Storage) throws {
        let tokens = try Tokens(batch: 1, heads: 4, kvHeads: 2, length: 300, headDim: 64, valueDim: 32)
        let (key, value) = (try TypedTensor<BFloat16>(tokens.key), try TypedTensor<BFloat16>(tokens.value))
        let expected = try AttentionKernel.fused.forward(
            query: tokens.query, key: key, value: value, causality: .topLeft)
        var cache = try KeyValueCache<BFloat16>(
            batch: 1, kvHeads: 2, capacity: 300, headDim: 64, valueDim: 32, storage: storage)
        for range in [0..<200, 200..<201, 201..<300] {
            let output =
                range.lowerBound == 200
                ? try cache.attend(
                    query: Self.rows(tokens.query, range), appendingKey: Self.rows(key, range),
                    value: Self.rows(value, range))
                : try cache.attend(
                    query: Self.rows(tokens.query, range), appendingKey: Self.rows(tokens.key, range),
                    value: Self.rows(tokens.value, range))
            #expect(bits(output) == bits(try Self.rows(expected, range)), "tokens \(range)")
        }
    }

    /// Queries of 16 bits too, for which an instruction set may have a kernel of its own.
    @Test(arguments: [
        KeyValueCache<BFloat16>.Storage.contiguous, .paged(length: 8, count: 40), .paged(length: 7, count: 45),
    ])
    func queriesOf16Bits(storage: KeyValueCache<BFloat16>.Storage) throws {
        let tokens = try Tokens(batch: 1, heads: 4, kvHeads: 2, length: 300, headDim: 63, valueDim: 32)
        let query = try TypedTensor<BFloat16>(tokens.query)
        let (key, value) = (try TypedTensor<BFloat16>(tokens.key), try TypedTensor<BFloat16>(tokens.value))
        let whole = try AttentionKernel.fused.forward(query: query, key: key, value: value, causality: .topLeft)
        var cache = try KeyValueCache<BFloat16>(
            batch: 1, kvHeads: 2, capacity: 300, headDim: 63, valueDim: 32, storage: storage)
        for range in [0..<200, 200..<201, 201..<300] {
            let output = try cache.attend(
                query: Self.rows(query, range), appendingKey: Self.rows(key, range),
                value: Self.rows(value, range))
            let expected = try Self.rows(whole, range)
            #expect(output.elements == expected.elements, "tokens \(range)")
        }
    }

    /// A ring keeps the bits of one call with a window over all tokens, with every rule that a cache may have besides.
    @Test(arguments: [(0, 1), (5, 3), (100, 64), (130, 300), (1000, 64)], [AttentionKernel.fused, .blocked, .naive])
    func ringsHaveTheBitsOfAWindow(size: (Int, Int), kernel: AttentionKernel) throws {
        let (window, step) = size
        let tokens = try Tokens(batch: 2, heads: 6, kvHeads: 2, length: 700, headDim: 24, valueDim: 20)
        var options = AttentionOptions(causality: .bottomRight)
        options.scores = ScoreOptions(softcap: 20, alibiSlopes: [0.1, 0.02, 0, 0.4, 0.01, 0.3], sinks: .perHead([0.5]))
        options.visibility.window = SlidingWindow(left: window)
        let whole = try kernel.attend(
            query: tokens.query, key: tokens.key, value: tokens.value, options: options
        ).output
        var cache = try KeyValueCache<Float>(
            batch: 2, kvHeads: 2, capacity: 700, headDim: 24, valueDim: 20, storage: .ring(window: window, step: step))
        #expect(cache.storage == .ring(window: window, step: step))
        var plain = options
        plain.visibility.window = nil
        var (first, count) = (0, step)
        while first < 700 {
            let range = first..<min(first + count, 700)
            let output = try cache.attend(
                query: Self.rows(tokens.query, range), appendingKey: Self.rows(tokens.key, range),
                value: Self.rows(tokens.value, range), options: plain, kernel: kernel)
            // GEMM's bits do not depend on the rows of a call, and a row of `naive` is a loop of its own.
            #expect(bits(output) == bits(try Self.rows(whole, range)), "tokens \(range)")
            first += range.count
            count = max(1, count * 5 / 7)
            if first % 3 == 0 { count = step }
        }
        // All pages of both sequences come back.
        let used = cache.freePageCount ?? 0
        try cache.truncate(0)
        try cache.truncate(1)
        let free = cache.freePageCount ?? 0
        #expect(free > used && free % 2 == 0)
    }

    /// Masks, padding on the left and rules of scores, through every storage.
    @Test(arguments: storages) func cachesTakeEveryRule(storage: KeyValueCache<Float>.Storage) throws {
        let tokens = try Tokens(batch: 2, heads: 6, kvHeads: 2, length: 160, headDim: 24, valueDim: 20)
        var random = SeededRandom(seed: 8)
        let bytes: [UInt8] = (0..<2 * 160 * 160).map { _ in random.uniform() < 0.7 ? 1 : 0 }
        let bias = try TypedTensor<BFloat16>(try Self.tensor([6, 160, 160], &random))
        let alibi = ScoreOptions(softcap: 5, headScales: [2], alibiSlopes: [0.25], sinks: .perHead([1]))
        func options(_ queries: Range<Int>) throws -> [AttentionOptions] {
            let part = try ScoreMask(
                shape: [2, 1, queries.count, queries.upperBound],
                bytes: (0..<2).flatMap { b in
                    queries.flatMap { i in (0..<queries.upperBound).map { bytes[(b * 160 + i) * 160 + $0] } }
                })
            var all = [AttentionOptions](repeating: AttentionOptions(causality: .bottomRight), count: 4)
            all[0].mask = .keep(part)
            all[1].bias = try bias.slice(1, queries).slice(2, 0..<queries.upperBound)
            all[2].scores = alibi
            all[2].visibility.keyStarts = [3, 40]
            all[3].scale = 0.7
            all[3].visibility.window = SlidingWindow(left: 30)
            return all
        }
        for (index, option) in try options(0..<160).enumerated() {
            let whole = try AttentionKernel.fused.attend(
                query: tokens.query, key: tokens.key, value: tokens.value, options: option
            ).output
            var cache = try KeyValueCache<Float>(
                batch: 2, kvHeads: 2, capacity: 160, headDim: 24, valueDim: 20, storage: storage)
            for range in [0..<77, 77..<78, 78..<80, 80..<160] {
                var part = try options(range)[index]
                // A key start may not lie behind the keys there are.
                part.visibility.keyStarts = part.visibility.keyStarts?.map { min($0, range.upperBound) }
                let output = try cache.attend(
                    query: Self.rows(tokens.query, range), appendingKey: Self.rows(tokens.key, range),
                    value: Self.rows(tokens.value, range), options: part)
                #expect(bits(output) == bits(try Self.rows(whole, range)), "rule \(index) tokens \(range)")
            }
        }
    }

    @Test(arguments: AttentionKernel.allCases, storages)
    func everyKernelReadsTheCache(kernel: AttentionKernel, storage: KeyValueCache<Float>.Storage) throws {
        let tokens = try Tokens(batch: 1, heads: 2, kvHeads: 1, length: 150, headDim: 24, valueDim: 40)
        let expected = try kernel.forward(
            query: Self.rows(tokens.query, 140..<150), key: tokens.key, value: tokens.value, causality: .bottomRight)
        var cache = try KeyValueCache<Float>(
            batch: 1, kvHeads: 1, capacity: 151, headDim: 24, valueDim: 40, storage: storage)
        try cache.append(key: Self.rows(tokens.key, 0..<140), value: Self.rows(tokens.value, 0..<140))
        let output = try cache.attend(
            query: Self.rows(tokens.query, 140..<150), appendingKey: Self.rows(tokens.key, 140..<150),
            value: Self.rows(tokens.value, 140..<150), kernel: kernel)
        #expect(bits(output) == bits(expected))
    }

    @Test(arguments: storages) func truncatedTokensAreForgotten(storage: KeyValueCache<Float>.Storage) throws {
        let tokens = try Tokens(batch: 1, heads: 1, kvHeads: 1, length: 90, headDim: 8, valueDim: 8)
        let nans = try Tensor(shape: [1, 1, 30, 8]) { _ in .nan }
        var cache = try KeyValueCache<Float>(batch: 1, kvHeads: 1, capacity: 100, headDim: 8, storage: storage)
        let free = cache.freePageCount
        try cache.append(key: Self.rows(tokens.key, 0..<60), value: Self.rows(tokens.value, 0..<60))
        try cache.append(key: nans, value: nans)
        try cache.truncate(0, to: 60)
        let expected = try AttentionKernel.fused.forward(
            query: tokens.query, key: tokens.key, value: tokens.value, causality: .topLeft)
        let output = try cache.attend(
            query: Self.rows(tokens.query, 60..<90), appendingKey: Self.rows(tokens.key, 60..<90),
            value: Self.rows(tokens.value, 60..<90))
        #expect(bits(output) == bits(try Self.rows(expected, 60..<90)))
        try cache.truncate(0)
        #expect(cache.lengths == [0])
        #expect(cache.freePageCount == free)
    }
}
