import AttentionKernels
import TestSupport
import Testing

/// A mask or bias with sizes of 1 is the same as one written out in full.
@Suite struct MaskBroadcastTests {
    static let sample = AttentionSample(
        batch: 2, heads: 4, kvHeads: 2, queryLength: 5, keyLength: 70, headDim: 8, valueDim: 6, seed: 11)
    static let scores = [2, 4, 5, 70]

    /// Each of the 16 ways to have the problem's size or 1 in each dimension.
    static let shapes = (0..<16).map { choice in
        (0..<4).map { choice >> $0 & 1 == 0 ? scores[$0] : 1 }
    }

    /// The elements of `shape` repeated to the shape of the scores.
    static func expanded<Element>(_ elements: [Element], _ shape: [Int]) -> [Element] {
        (0..<scores.reduce(1, *)).map { index in
            var (rest, position, stride) = (index, 0, 1)
            for dimension in (0..<4).reversed() {
                let coordinate = rest % scores[dimension]
                rest /= scores[dimension]
                if shape[dimension] != 1 { position += coordinate * stride }
                stride *= shape[dimension]
            }
            return elements[position]
        }
    }

    static func bytes(_ shape: [Int]) -> [UInt8] {
        var random = SeededRandom(seed: UInt64(shape.reduce(7, +)))
        // Any nonzero byte counts as true.
        return (0..<shape.reduce(1, *)).map { _ in
            random.uniform() < 0.3 ? 0 : UInt8.random(in: 1...255, using: &random)
        }
    }

    @Test(arguments: AttentionKernel.allCases, shapes)
    func repeatsMasks(kernel: AttentionKernel, shape: [Int]) throws {
        let bytes = Self.bytes(shape)
        for keeps in [true, false] {
            var short = Self.sample
            var full = Self.sample
            let shortArray = ScoreArray(shape: shape, elements: bytes)
            let fullArray = ScoreArray(shape: Self.scores, elements: Self.expanded(bytes, shape))
            if keeps {
                (short.keep, full.keep) = (shortArray, fullArray)
            } else {
                (short.drop, full.drop) = (shortArray, fullArray)
            }
            let result = try short.run(kernel, returning: [.lse, .weights])
            let expected = try full.run(kernel, returning: [.lse, .weights])
            #expect(bits(result.output) == bits(expected.output))
            #expect(result.lse.map(bits) == expected.lse.map(bits))
            #expect(result.weights.map(bits) == expected.weights.map(bits))
            try Self.expectNearOracle(result, full)
        }
    }

    @Test(arguments: AttentionKernel.allCases, shapes)
    func repeatsBiases(kernel: AttentionKernel, shape: [Int]) throws {
        var random = SeededRandom(seed: 3)
        var elements = random.normals(shape.reduce(1, *))
        if elements.count > 3 { elements[1] = -.infinity }
        var short = Self.sample
        var full = Self.sample
        short.bias = ScoreArray(shape: shape, elements: elements)
        full.bias = ScoreArray(shape: Self.scores, elements: Self.expanded(elements, shape))
        let result = try short.run(kernel, returning: [.lse, .weights])
        let expected = try full.run(kernel, returning: [.lse, .weights])
        #expect(bits(result.output) == bits(expected.output))
        #expect(result.lse.map(bits) == expected.lse.map(bits))
        try Self.expectNearOracle(result, full)
    }

    /// Masks of rank 1, 2 and 3 lack leading dimensions.
    @Test(
        arguments: AttentionKernel.allCases,
        [[70], [1], [5, 70], [5, 1], [1, 70], [4, 5, 70], [4, 1, 70], [1, 5, 1]])
    func putsMissingDimensionsInFront(kernel: AttentionKernel, shape: [Int]) throws {
        let padded = [Int](repeating: 1, count: 4 - shape.count) + shape
        let bytes = Self.bytes(padded)
        var whole = Self.sample
        whole.keep = ScoreArray(shape: padded, elements: bytes)
        let expected = try whole.run(kernel)
        var options = try Self.sample.options()
        options.mask = .keep(try ScoreMask(shape: shape, bytes: bytes))
        let sample = Self.sample
        let result = try kernel.attend(
            query: Tensor(shape: [2, 4, 5, 8], elements: sample.query),
            key: Tensor(shape: [2, 2, 70, 8], elements: sample.key),
            value: Tensor(shape: [2, 2, 70, 6], elements: sample.value), options: options)
        #expect(bits(result.output) == bits(expected.output))
    }

    /// A bias seen through a view: keys backwards, every second query, repeated by stride 0.
    @Test(arguments: AttentionKernel.allCases)
    func takesViewsAsBias(kernel: AttentionKernel) throws {
        var random = SeededRandom(seed: 4)
        let stored = try random.normalTensor([10, 70])
        let view = try stored.strided(shape: [2, 4, 5, 70], strides: [0, 0, 140, -1], offset: 69)
        var sample = Self.sample
        sample.bias = ScoreArray(shape: Self.scores, elements: try view.contiguous().elements)
        let expected = try sample.run(kernel)
        var options = AttentionOptions()
        options.bias = view
        let result = try kernel.attend(
            query: Tensor(shape: [2, 4, 5, 8], elements: sample.query),
            key: Tensor(shape: [2, 2, 70, 8], elements: sample.key),
            value: Tensor(shape: [2, 2, 70, 6], elements: sample.value), options: options)
        #expect(bits(result.output) == bits(expected.output))
    }

    /// Keep and drop are each other's negation.
    @Test func keepAndDropAreOpposite() throws {
        let bytes = Self.bytes(Self.scores)
        var keep = Self.sample
        keep.keep = ScoreArray(shape: Self.scores, elements: bytes)
        var drop = Self.sample
        drop.drop = ScoreArray(shape: Self.scores, elements: bytes.map { $0 == 0 ? 1 : 0 })
        for kernel in AttentionKernel.allCases {
            #expect(bits(try keep.run(kernel).output) == bits(try drop.run(kernel).output))
        }
    }

    static func expectNearOracle(_ result: AttentionResult, _ sample: AttentionSample) throws {
        let oracle = try sample.oracle()
        let naive = try sample.run(.naive, returning: [.lse, .weights])
        let output = Comparison(result.output.elements, naive: naive.output.elements, oracle: oracle.output)
        #expect(output.passes, "\(sample): \(output)")
        let lse = Comparison(
            result.lse?.elements ?? [], naive: naive.lse?.elements ?? [], oracle: oracle.lse)
        #expect(lse.passes, "\(sample): lse \(lse)")
        let weights = Comparison(
            result.weights?.elements ?? [], naive: naive.weights?.elements ?? [], oracle: oracle.weights)
        #expect(weights.passes, "\(sample): weights \(weights)")
    }
}
