import AttentionKernels
import Testing

/// What explain() says of a call.
@Suite struct ExplanationTests {
    private func explain(
        _ options: AttentionOptions, _ kernel: AttentionKernel = .fused, length: Int = 1024, queries: Int? = nil,
        returning outputs: AttentionOutputs = [], execution: Execution = Execution(threads: 2)
    ) throws -> AttentionExplanation {
        let query = try Tensor(shape: [2, 4, queries ?? length, 16])
        let key = try Tensor(shape: [2, 2, length, 16])
        return try kernel.explain(
            query: query, key: key, value: key, options: options, returning: outputs, execution: execution)
    }

    @Test func aPlainCallComputesEverything() throws {
        for kernel in AttentionKernel.allCases {
            let plan = try explain(AttentionOptions(), kernel)
            #expect(plan.kernel == kernel && plan.threads == 2 && plan.isEntirelyFused == (kernel == .fused))
            #expect(plan.pairs == 8 * 1024 * 1024 && plan.computedPairs == plan.pairs && plan.skippedShare == 0)
            #expect(plan.flops == plan.pairs * 2 * 32)
            #expect(plan.bytes == Double(2 * 4 * 1024 * 32 + 2 * 2 * 1024 * 32) * 4)
            #expect(plan.tasks >= 2 && plan.workspaceByteCount > 0 && !plan.reasons.isEmpty)
            #expect(plan.description.contains(kernel.rawValue))
        }
    }

    @Test func masksSkipWhatTheyHide() throws {
        let causal = try explain(AttentionOptions(causality: .bottomRight))
        #expect((0.44...0.5).contains(causal.skippedShare))
        #expect(try explain(AttentionOptions(causality: .bottomRight), .naive).skippedShare > 0.499)
        #expect((0.3...0.5).contains(try explain(AttentionOptions(causality: .bottomRight), .blocked).skippedShare))
        let window = KeyVisibility(window: SlidingWindow(left: 63, right: 0))
        #expect((0.9...0.94).contains(try explain(AttentionOptions(visibility: window)).skippedShare))
        let documents = KeyVisibility(segments: AttentionSegments(documentLengths: [256, 256, 256, 256]))
        #expect(try explain(AttentionOptions(visibility: documents)).skippedShare == 0.75)
        let blocks = try BlockMask(
            queryBlock: 256, keyBlock: 512, queryLength: 1024, keyLength: 1024, visible: [(0, 0), (1, 0), (3, 1)])
        #expect(try explain(AttentionOptions(visibility: KeyVisibility(blocks: blocks))).skippedShare == 1 - 3.0 / 8)
        #expect(try explain(AttentionOptions(keyLengths: [1024, 512])).skippedShare == 0.25)
        #expect(causal.reasons.contains { $0.contains("skipped") })
    }

    /// Few rows skip tiles of keys that none of them sees.
    @Test func fewRowsSkipWhatIsHidden() throws {
        func skipped(_ visibility: KeyVisibility) throws -> Double {
            try explain(AttentionOptions(visibility: visibility), queries: 1).skippedShare
        }
        let window = KeyVisibility(window: SlidingWindow(left: 63, right: 0), alignment: .bottomRight)
        #expect(try skipped(window) == 1 - 64.0 / 1024)
        let ids = (0..<1024).map { Int32($0 / 256) }
        #expect(try skipped(KeyVisibility(segments: AttentionSegments(query: [3], key: ids))) == 0.75)
        let blocks = try BlockMask(queryBlock: 1, keyBlock: 128, queryLength: 1, keyLength: 1024, visible: [(0, 2)])
        #expect(try skipped(KeyVisibility(blocks: blocks)) == 7.0 / 8)
    }

    @Test func fewRowsSplitTheKeys() throws {
        let plan = try explain(AttentionOptions(), length: 8192, queries: 1)
        #expect(plan.keyChunks == 8 && plan.splitsKeys == (plan.threads > 1 && plan.tasks > 4))
        let small = try explain(AttentionOptions(), length: 3)
        #expect(small.threads == 1 && small.reasons.contains { $0.contains("too little work") })
    }

    @Test func fusedOnlyRefusesTheRest() throws {
        let only = Execution(isFusedOnly: true)
        #expect(try explain(AttentionOptions(), execution: only).isEntirelyFused)
        let plan = try explain(AttentionOptions(), returning: .weights)
        #expect(!plan.isEntirelyFused && plan.reasons.contains { $0.contains("weights") })
        expectError(.notFused, .weights) { _ = try explain(AttentionOptions(), returning: .weights, execution: only) }
        expectError(.notFused, .kernel) { _ = try explain(AttentionOptions(), .blocked, execution: only) }
        let key = try Tensor(shape: [4, 8])
        expectError(.notFused, .weights) {
            _ = try AttentionKernel.fused.attend(query: key, key: key, value: key, returning: .weights, execution: only)
        }
        let output = try AttentionKernel.fused.forward(query: key, key: key, value: key, execution: only)
        #expect(output.shape == [4, 8])
    }
}
