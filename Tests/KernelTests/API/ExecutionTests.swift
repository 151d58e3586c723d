import AttentionKernels
import TestSupport
import Testing

/// Executions: shared by many tasks at once, and keeping their memory.
@Suite struct ExecutionTests {
    static let samples = (1...6).map { size in
        AttentionSample(
            batch: 1 + size % 2, heads: 4, kvHeads: 2, queryLength: 17 * size, keyLength: 23 * size, headDim: 16,
            valueDim: 24, causality: size % 2 == 0 ? .bottomRight : .none, seed: UInt64(size))
    }

    /// Many tasks share one execution, each call with its own workspace: all get the bits of a call alone.
    @Test(arguments: AttentionKernel.allCases, [1, 2, 5])
    func isSafeFromManyTasks(kernel: AttentionKernel, threads: Int) async throws {
        let execution = Execution(threads: threads)
        let expected = try Self.samples.map { bits(try $0.run(kernel, execution: Execution(threads: 1)).output) }
        try await withThrowingTaskGroup(of: (Int, [UInt32]).self) { group in
            for task in 0..<48 {
                group.addTask {
                    let index = task % Self.samples.count
                    return (index, bits(try Self.samples[index].run(kernel, execution: execution).output))
                }
            }
            for try await (index, result) in group { #expect(result == expected[index]) }
        }
        // No more workspaces are kept than calls can have run at once.
        let kept = execution.idleWorkspaceByteCount
        execution.releaseWorkspaces()
        #expect(execution.idleWorkspaceByteCount == 0)
        #expect(kept >= 0)
    }

    @Test(arguments: [1, 2, 5])
    func productsAreSafeFromManyTasks(threads: Int) async throws {
        let execution = Execution(threads: threads)
        var random = SeededRandom(seed: 41)
        let a = try random.normalTensor([90, 70])
        let b = try random.normalTensor([70, 110])
        let expected = bits(try matmul(a, b, execution: Execution(threads: 1)))
        try await withThrowingTaskGroup(of: [UInt32].self) { group in
            for _ in 0..<32 { group.addTask { bits(try matmul(a, b, execution: execution)) } }
            for try await result in group { #expect(result == expected) }
        }
    }

    @Test func keepsOneWorkspaceForCallsInTurn() throws {
        let execution = Execution(threads: 2)
        #expect(execution.idleWorkspaceByteCount == 0)
        let sample = Self.samples[3]
        _ = try sample.run(.blocked, execution: execution)
        let kept = execution.idleWorkspaceByteCount
        #expect(kept > 0)
        for _ in 0..<3 { _ = try sample.run(.blocked, execution: execution) }
        #expect(execution.idleWorkspaceByteCount == kept)
        // A smaller call borrows it; a larger one replaces it.
        _ = try Self.samples[0].run(.blocked, execution: execution)
        #expect(execution.idleWorkspaceByteCount == kept)
        _ = try Self.samples[5].run(.blocked, execution: execution)
        #expect(execution.idleWorkspaceByteCount > kept)
    }

    @Test func keepsItsMemoryWhenACallFails() throws {
        let execution = Execution(threads: 1)
        _ = try Self.samples[1].run(.naive, execution: execution)
        let kept = execution.idleWorkspaceByteCount
        var bad = Self.samples[1]
        bad.scale = .nan
        expectError(.notFinite, .scale) { _ = try bad.run(.naive, execution: execution) }
        #expect(execution.idleWorkspaceByteCount == kept)
    }

    /// The number of threads and the caller's sharing of memory do not change a bit.
    @Test(arguments: KernelConfiguration.all)
    func threadsChangeNothing(_ run: KernelConfiguration) throws {
        let one = Execution(threads: 1, instructionSet: run.configuration.instructionSet)
        for sample in Self.samples.suffix(2) {
            let expected = try sample.run(run.kernel, returning: [.lse], execution: one)
            let result = try sample.run(run.kernel, returning: [.lse], execution: run.execution)
            #expect(bits(result.output) == bits(expected.output))
            #expect(result.lse.map(bits) == expected.lse.map(bits))
        }
    }

    @Test func writesIntoATensorOfItsOwn() throws {
        let sample = Self.samples[2]
        let query = try Tensor(shape: [2, 4, 51, 16], elements: sample.query)
        let key = try Tensor(shape: [2, 2, 69, 16], elements: sample.key)
        let value = try Tensor(shape: [2, 2, 69, 24], elements: sample.value)
        var output = try Tensor(shape: [2, 4, 51, 24])
        let earlier = output
        try AttentionKernel.fused.forward(query: query, key: key, value: value, into: &output)
        #expect(bits(output) == bits(try sample.run(.fused).output))
        #expect(earlier.elements.allSatisfy { $0 == 0 })
        // An input as its own output: the input is kept alive, the output becomes a copy.
        var both = query
        try AttentionKernel.fused.forward(query: both, key: query, value: query, into: &both, options: .init(scale: 1))
        let expected = try AttentionKernel.fused.forward(query: query, key: query, value: query, scale: 1)
        #expect(bits(both) == bits(expected))
        #expect(query.elements == sample.query)
    }
}
