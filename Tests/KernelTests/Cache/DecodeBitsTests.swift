import AttentionKernels
import TestSupport
import Testing

/// Decode equals prefill bit for bit: random shapes, groups of heads, windows, rules and storages, one call over all
/// tokens against steps of a few.
@Suite struct DecodeBitsTests {
    /// A cache and a query type.
    enum Elements: String, CaseIterable, Sendable {
        case float, bfloat16, float16, int8
        case bfloat16Queries, int8BFloat16Queries
    }

    /// What becomes of a score beside the scale.
    enum Rule: String, CaseIterable {
        case none, norms, function, hidingFunction, cappedFunction
    }

    /// Hides every eleventh key of some heads, if it is to hide any, and moves the other scores.
    struct Modifier: ScoreModifier {
        let hides: Bool

        func callAsFunction(_ score: Float, batch: Int, head: Int, query: Int, key: Int) -> Float {
            hides && (3 * key + head + batch) % 11 == 0 ? -.infinity : score * 0.5 + 0.01 * Float((key + 2 * head) % 37)
        }
    }

    /// A random decoder: its shape, window, rule and storage, and the sizes of its steps.
    struct Shape: CustomStringConvertible {
        let batch, kvHeads, group, length, headDim, valueDim, page: Int
        let window: Int?
        let keepsFloatProbabilities: Bool
        let steps: [Int]
        let rule: Rule

        init(_ random: inout SeededRandom) {
            batch = Int.random(in: 1...2, using: &random)
            kvHeads = Int.random(in: 1...3, using: &random)
            group = [1, 2, 3, 4, 6, 12][Int.random(in: 0..<6, using: &random)]
            length = [1, 2, 7, 33, 128, 131, 260, 1030, 1100][Int.random(in: 0..<9, using: &random)]
            headDim = [1, 3, 16, 43, 64, 66, 128][Int.random(in: 0..<7, using: &random)]
            valueDim = [1, 5, 32, 47, 64, 128][Int.random(in: 0..<6, using: &random)]
            page = [1, 7, 16, 128][Int.random(in: 0..<4, using: &random)]
            window = Bool.random(using: &random) ? Int.random(in: 0..<150, using: &random) : nil
            keepsFloatProbabilities = Int.random(in: 0..<4, using: &random) == 0
            // Single tokens at the ends, where blocks and chunks of keys begin and end, and larger pieces between.
            var (steps, first) = ([Int](), 0)
            while first < length {
                let isNear = [0, 1, 126, 127, 128, 1022, 1023, 1024].contains { abs($0 - first) < 2 }
                let most = isNear || first > length - 4 ? 1 : 300
                steps.append(min(length - first, Int.random(in: 1...most, using: &random)))
                first += steps.last ?? 1
            }
            self.steps = steps
            rule = Rule.allCases[Int.random(in: 0..<Rule.allCases.count, using: &random)]
        }

        var description: String {
            "batch \(batch) heads \(kvHeads) x \(group) length \(length) dims \(headDim), \(valueDim) page \(page) window "
                + "\(window.map(String.init) ?? "none") rule \(rule) steps \(steps)"
        }

        /// The options of a call; keys of 8 bits have no norms.
        func options(hasNorms: Bool) -> AttentionOptions {
            var options = AttentionOptions(causality: .bottomRight)
            switch rule {
            case .none: break
            case .norms: options.scores.normalizesQueryAndKey = hasNorms
            case .function: options.scoreFunction = ScoreFunction(Modifier(hides: false))
            case .hidingFunction: options.scoreFunction = ScoreFunction(Modifier(hides: true))
            case .cappedFunction:
                options.scores.softcap = 1.5
                options.scoreFunction = ScoreFunction(Modifier(hides: true))
            }
            options.keepsFloatProbabilities = keepsFloatProbabilities
            if let window { options.visibility.window = SlidingWindow(left: window) }
            return options
        }
    }

    static func check<Element: CacheElement, Query: TensorElement>(
        _: Element.Type, _: Query.Type, seed: UInt64
    ) throws {
        var random = SeededRandom(seed: seed)
        let shape = Shape(&random)
        let heads = shape.kvHeads * shape.group
        let query = try TypedTensor<Query>(
            random.normalTensor([shape.batch, heads, shape.length, shape.headDim]))
        let key = try random.normalTensor([shape.batch, shape.kvHeads, shape.length, shape.headDim])
        let value = try random.normalTensor([shape.batch, shape.kvHeads, shape.length, shape.valueDim])
        func makeCache(_ storage: KeyValueCache<Element>.Storage) throws -> KeyValueCache<Element> {
            try KeyValueCache<Element>(
                batch: shape.batch, kvHeads: shape.kvHeads, capacity: shape.length, headDim: shape.headDim,
                valueDim: shape.valueDim, storage: storage)
        }
        let options = shape.options(hasNorms: Element.self != Int8.self)
        let pages = shape.batch * ((shape.length + shape.page - 1) / shape.page)
        let ring = shape.window.map { KeyValueCache<Element>.Storage.ring(window: $0, step: shape.steps.max() ?? 1) }
        let storages = [.contiguous, .paged(length: shape.page, count: pages)] + (ring.map { [$0] } ?? [])
        for instructionSet in InstructionSet.available {
            var whole = try makeCache(.contiguous)
            let expected = try whole.attend(
                query: query, appendingKey: key, value: value, options: options,
                execution: Execution(threads: 1, instructionSet: instructionSet))
            for storage in storages {
                var cache = try makeCache(storage)
                var first = 0
                for (index, count) in shape.steps.enumerated() {
                    let range = first..<first + count
                    let output = try cache.attend(
                        query: query.slice(2, range), appendingKey: key.slice(2, range), value: value.slice(2, range),
                        options: options,
                        execution: Execution(threads: 1 + index % 3, instructionSet: instructionSet))
                    let rows = try expected.slice(2, range).contiguous()
                    #expect(
                        output.elements.map { $0.floatValue.bitPattern }
                            == rows.elements.map { $0.floatValue.bitPattern },
                        "\(instructionSet.name), \(storage), tokens \(range) of \(shape)")
                    first += count
                }
            }
        }
    }

    @Test(arguments: Elements.allCases, 0..<12)
    func stepsHaveTheBitsOfOneCall(elements: Elements, seed: UInt64) throws {
        switch elements {
        case .float: try Self.check(Float.self, Float.self, seed: seed)
        case .bfloat16: try Self.check(BFloat16.self, Float.self, seed: seed)
        case .float16: try Self.check(Float16.self, Float16.self, seed: seed)
        case .int8: try Self.check(Int8.self, Float.self, seed: seed)
        case .bfloat16Queries: try Self.check(BFloat16.self, BFloat16.self, seed: seed)
        case .int8BFloat16Queries: try Self.check(Int8.self, BFloat16.self, seed: seed)
        }
    }
}
