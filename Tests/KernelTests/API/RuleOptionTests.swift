import AttentionKernels
import TestSupport
import Testing

/// Visibility rules and score options through the Swift face: what they mean, and what it refuses.
@Suite struct RuleOptionTests {
    static let sample = AttentionSample(
        batch: 2, heads: 4, kvHeads: 2, queryLength: 40, keyLength: 56, headDim: 16, seed: 5)

    private func attend(_ options: AttentionOptions, _ sample: AttentionSample = sample) throws -> Tensor {
        try AttentionKernel.fused.attend(
            query: Tensor(
                shape: [sample.batch, sample.heads, sample.queryLength, sample.headDim], elements: sample.query),
            key: Tensor(shape: [sample.batch, sample.kvHeads, sample.keyLength, sample.headDim], elements: sample.key),
            value: Tensor(
                shape: [sample.batch, sample.kvHeads, sample.keyLength, sample.valueDim], elements: sample.value),
            options: options
        ).output
    }

    /// The same rule as a boolean mask gives the same bits.
    private func expectMask(
        _ options: AttentionOptions, sourceLocation: SourceLocation = #_sourceLocation,
        _ visible: (_ b: Int, _ h: Int, _ i: Int, _ j: Int) -> Bool
    ) throws {
        let mask = try ScoreMask(shape: [2, 4, 40, 56]) { n in
            visible(n / (4 * 40 * 56), n / (40 * 56) % 4, n / 56 % 40, n % 56)
        }
        let expected = try attend(AttentionOptions(mask: .keep(mask)))
        #expect(isMostlyNonzero(expected.elements), sourceLocation: sourceLocation)
        #expect(bits(try attend(options)) == bits(expected), sourceLocation: sourceLocation)
    }

    @Test func windowsAreMasks() throws {
        let visibility = KeyVisibility(window: SlidingWindow(left: 7, right: 3), alignment: .bottomRight)
        try expectMask(AttentionOptions(visibility: visibility)) { _, _, i, j in (i + 9...i + 19).contains(j) }
        let left = KeyVisibility(window: SlidingWindow(left: 5))
        try expectMask(AttentionOptions(causality: .offset(2), visibility: left)) { _, _, i, j in
            (i - 3...i + 2).contains(j)
        }
    }

    @Test func lengthsAndPrefixesAreMasks() throws {
        let visibility = KeyVisibility(queryLengths: [40, 31], prefixLengths: [20, 3])
        try expectMask(AttentionOptions(causality: .bottomRight, keyLengths: [56, 50], visibility: visibility)) {
            b, _, i, j in
            let (queries, keys) = b == 0 ? (40, 56) : (31, 50)
            return i < queries && j < keys && (j <= i + keys - queries || j < (b == 0 ? 20 : 3))
        }
    }

    @Test func segmentsAreMasks() throws {
        let segments = AttentionSegments(query: (0..<40).map { Int32($0 / 9) }, key: (0..<56).map { Int32($0 / 12) })
        try expectMask(AttentionOptions(visibility: KeyVisibility(segments: segments))) { _, _, i, j in i / 9 == j / 12
        }
        #expect(AttentionSegments(documentLengths: [2, 0, 1]) == AttentionSegments(query: [0, 0, 2], key: [0, 0, 2]))
    }

    @Test func blockListsAreMasks() throws {
        let blocks = try BlockMask(
            queryBlock: 16, keyBlock: 24, queryLength: 40, keyLength: 56,
            visible: [(0, 0), (0, 2), (1, 1), (2, 0), (2, 1)])
        try expectMask(AttentionOptions(visibility: KeyVisibility(blocks: blocks))) { _, _, i, j in
            [[true, false, true], [false, true, false], [true, true, false]][i / 16][j / 24]
        }
    }

    @Test func alibiIsABias() throws {
        let slopes = ScoreOptions.standardAlibiSlopes(heads: 4)
        #expect(slopes == [0.25, 0.0625, 0.015625, 0.00390625])
        #expect(ScoreOptions.standardAlibiSlopes(heads: 3)[2] == 0.25)
        #expect(ScoreOptions.standardAlibiSlopes(heads: 12).count == 12)
        let bias = try Tensor(shape: [4, 40, 56]) { n in
            let (head, query, key) = (n / (40 * 56), n / 56 % 40, n % 56)
            return -slopes[head] * Float(abs(query + 16 - key))
        }
        let expected = try attend(AttentionOptions(causality: .bottomRight, bias: bias)).elements.map(Double.init)
        let output = try attend(
            AttentionOptions(causality: .bottomRight, scores: ScoreOptions(alibiSlopes: slopes)))
        #expect(Comparison(output.elements, oracle: expected, bound: 1e-6).passes)
    }

    /// `exp(x) / (1 + sum)` is the softmax with one key more, whose score and value are 0.
    @Test func offByOneIsAZeroKey() throws {
        var sample = Self.sample
        sample.keyLength += 1
        func extended(_ rows: [Float]) -> [Float] {
            var result: [Float] = []
            for head in stride(from: 0, to: rows.count, by: 56 * 16) {
                result += rows[head..<head + 56 * 16]
                result += [Float](repeating: 0, count: 16)
            }
            return result
        }
        sample.key = extended(sample.key)
        sample.value = extended(sample.value)
        let expected = try attend(AttentionOptions(), sample).elements.map(Double.init)
        let output = try attend(AttentionOptions(scores: ScoreOptions(sinks: .offByOne)))
        #expect(Comparison(output.elements, oracle: expected, bound: 5e-7).passes)
    }

    private struct Relative: ScoreModifier {
        func callAsFunction(_ score: Float, batch: Int, head: Int, query: Int, key: Int) -> Float {
            key > query + 16 ? -.infinity : score + 0.125 * Float(head) * Float(key - query)
        }
    }

    /// A modifier is a mask and a bias; every kernel and way to run calls it alike.
    @Test(arguments: AttentionKernel.allCases) func scoreFunctions(kernel: AttentionKernel) throws {
        let sample = Self.sample
        let query = try Tensor(shape: [2, 4, 40, 16], elements: sample.query)
        let key = try Tensor(shape: [2, 2, 56, 16], elements: sample.key)
        let value = try Tensor(shape: [2, 2, 56, 16], elements: sample.value)
        let bias = try Tensor(shape: [4, 40, 56]) { n in
            0.125 * Float(n / (40 * 56)) * Float(n % 56 - n / 56 % 40)
        }
        let plain = AttentionOptions(causality: .bottomRight, bias: bias, keyLengths: [56, 50])
        let expected = try kernel.attend(
            query: query, key: key, value: value, options: plain, returning: [.lse, .weights])
        var options = AttentionOptions(keyLengths: [56, 50])
        // Causality by the function needs the offset of each sequence; here both are those of the whole length.
        options.causality = .bottomRight
        let functions = [
            ScoreFunction(Relative()), ScoreFunction { Relative()($0, batch: $1, head: $2, query: $3, key: $4) },
        ]
        for function in functions {
            options.scoreFunction = function
            for configuration in Configuration.all {
                let result = try kernel.attend(
                    query: query, key: key, value: value, options: options, returning: [.lse, .weights],
                    execution: configuration.execution)
                for (actual, right) in [
                    (result.output, expected.output), (result.lse, expected.lse), (result.weights, expected.weights),
                ] as [(Tensor?, Tensor?)] {
                    let oracle = try #require(right).elements.map(Double.init)
                    #expect(Comparison(try #require(actual).elements, oracle: oracle, bound: 4e-6).passes)
                }
            }
        }
    }

    /// A function that hides everything leaves nothing; after a cap it sees capped scores.
    @Test func scoreFunctionsSeeCappedScores() throws {
        var options = AttentionOptions(scores: ScoreOptions(softcap: 0.5))
        options.scoreFunction = ScoreFunction { score, _, _, _, _ in abs(score) <= 0.5 ? -.infinity : score }
        #expect(try attend(options).elements.allSatisfy { $0 == 0 })
    }

    @Test func wrongShapesAreRefused() throws {
        func expectRefusal(
            _ reason: KernelError.Reason, _ argument: KernelError.Argument, _ word: String,
            _ visibility: KeyVisibility = KeyVisibility(), _ scores: ScoreOptions = ScoreOptions(),
            sourceLocation: SourceLocation = #_sourceLocation
        ) {
            expectError(reason, argument, word, sourceLocation: sourceLocation) {
                _ = try attend(AttentionOptions(visibility: visibility, scores: scores))
            }
        }
        expectRefusal(.shapeMismatch, .queryLengths, "batch is 2", KeyVisibility(queryLengths: [1]))
        expectRefusal(.invalidLength, .queryLengths, "0 ... 40", KeyVisibility(queryLengths: [1, 41]))
        expectRefusal(.invalidLength, .prefixLengths, "element 0 is -1", KeyVisibility(prefixLengths: [-1, 0]))
        expectRefusal(.invalidLength, .prefixLengths, "0 ... 56", KeyVisibility(prefixLengths: [0, 57]))
        expectRefusal(.negativeSize, .windowLeft, "-3", KeyVisibility(window: SlidingWindow(left: -3)))
        expectRefusal(.negativeSize, .windowRight, "-1", KeyVisibility(window: SlidingWindow(right: -1)))
        let ids = AttentionSegments(query: [1, 2], key: [Int32](repeating: 0, count: 56))
        expectRefusal(.shapeMismatch, .querySegments, "there are 2 ids", KeyVisibility(segments: ids))
        let keyIDs = AttentionSegments(query: [Int32](repeating: 0, count: 80), key: [])
        expectRefusal(.shapeMismatch, .keySegments, "56", KeyVisibility(segments: keyIDs))
        let mask = try ScoreMask(shape: [3, 2], bytes: [1, 1, 1, 1, 1, 1])
        expectRefusal(
            .shapeMismatch, .blocks, "[2, 4, 3, 3]",
            KeyVisibility(blocks: BlockMask(queryBlock: 16, keyBlock: 24, visible: mask)))
        expectRefusal(
            .invalidValue, .blocks, "1 or more",
            KeyVisibility(blocks: BlockMask(queryBlock: 0, keyBlock: 24, visible: mask)))
        expectRefusal(.notFinite, .softcap, "nan", KeyVisibility(), ScoreOptions(softcap: .nan))
        expectRefusal(.invalidValue, .softcap, "-2.0", KeyVisibility(), ScoreOptions(softcap: -2))
        expectRefusal(.shapeMismatch, .headScales, "4 heads", KeyVisibility(), ScoreOptions(headScales: [1, 1]))
        expectRefusal(
            .notFinite, .alibiSlopes, "element 2", KeyVisibility(), ScoreOptions(alibiSlopes: [1, 1, .nan, 1]))
        expectRefusal(.notFinite, .sinks, "element 0", KeyVisibility(), ScoreOptions(sinks: .perHead([.infinity])))
        expectError(.invalidValue, .blocks, "(2, 0)") {
            _ = try BlockMask(queryBlock: 4, keyBlock: 4, queryLength: 8, keyLength: 8, visible: [(2, 0)])
        }
    }

    @Test func optionsReachBorrowedCalls() throws {
        let sample = Self.sample
        var output = [Float](repeating: .nan, count: 2 * 4 * 40 * 16)
        var span = output.mutableSpan
        var problem = AttentionProblem(
            query: AttentionInput(sample.query.span, sample.queryLayout),
            key: AttentionInput(sample.key.span, sample.keyLayout),
            value: AttentionInput(sample.value.span, sample.valueLayout))
        problem.visibility.window = SlidingWindow(left: 4, right: 4)
        problem.scores.softcap = 3
        try AttentionKernel.fused.forward(problem, into: AttentionOutput(&span, sample.outputLayout))
        let options = AttentionOptions(
            visibility: KeyVisibility(window: SlidingWindow(left: 4, right: 4)), scores: ScoreOptions(softcap: 3))
        #expect(bits(output) == bits(try attend(options)))
    }
}
