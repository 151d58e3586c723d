import AllocationCounter
import AttentionKernels
import TestSupport
import Testing

/// The caller's scratch memory: its exact size can be asked, and nothing else is touched.
@Suite struct WorkspaceTests {
    static let sample = AttentionSample(
        batch: 2, heads: 4, kvHeads: 2, queryLength: 70, keyLength: 300, headDim: 24, valueDim: 40, seed: 31)

    /// A call on borrowed memory with the given outputs and scratch memory.
    static func forward(
        _ kernel: AttentionKernel, lse: Bool, weights: Bool, workspace: UnsafeMutableRawBufferPointer,
        execution: Execution
    ) throws -> [Float] {
        let outputBuffer = GuardedBuffer(count: sample.outputLayout.elementCount)
        let lseBuffer = GuardedBuffer(count: 2 * 4 * 70)
        let weightsBuffer = GuardedBuffer(count: 2 * 4 * 70 * 300)
        let (query, key, value) = (sample.query, sample.key, sample.value)
        var lseOutput: AttentionOutput?
        if lse {
            lseOutput = AttentionOutput(lseBuffer.mutableSpan(), .perRow(batch: 2, heads: 4, length: 70))
        }
        var weightsOutput: AttentionOutput?
        if weights {
            weightsOutput = AttentionOutput(
                weightsBuffer.mutableSpan(), .bhsd(batch: 2, heads: 4, length: 70, width: 300))
        }
        try kernel.forward(
            AttentionProblem(
                query: AttentionInput(query.span, sample.queryLayout), key: AttentionInput(key.span, sample.keyLayout),
                value: AttentionInput(value.span, sample.valueLayout)),
            into: AttentionOutput(outputBuffer.mutableSpan(), sample.outputLayout), lse: lseOutput,
            weights: weightsOutput, workspace: MutableRawSpan(_unsafeBytes: workspace), execution: execution)
        return outputBuffer.elements(sample.outputLayout)
    }

    static func byteCount(
        _ kernel: AttentionKernel, _ outputs: AttentionOutputs, _ execution: Execution
    ) throws -> Int {
        let (query, key, value) = (sample.query, sample.key, sample.value)
        return try kernel.workspaceByteCount(
            for: AttentionProblem(
                query: AttentionInput(query.span, sample.queryLayout), key: AttentionInput(key.span, sample.keyLayout),
                value: AttentionInput(value.span, sample.valueLayout)),
            returning: outputs, execution: execution)
    }

    @Test(arguments: KernelConfiguration.all)
    func theSizeIsExact(_ run: KernelConfiguration) throws {
        let expected = bits(try Self.sample.run(run.kernel, execution: run.execution).output)
        for (lse, weights) in [(false, false), (true, false), (false, true), (true, true)] {
            var outputs: AttentionOutputs = []
            if lse { outputs.insert(.lse) }
            if weights { outputs.insert(.weights) }
            let byteCount = try Self.byteCount(run.kernel, outputs, run.execution)
            #expect(byteCount >= 0 && byteCount % 4 == 0)
            // What is in the memory before does not matter, and what is around it stays.
            let memory = GuardedBuffer(count: byteCount / 4)
            let bytes = UnsafeMutableRawBufferPointer(start: memory.start, count: byteCount)
            let output = try Self.forward(
                run.kernel, lse: lse, weights: weights, workspace: bytes, execution: run.execution)
            #expect(bits(output) == expected)
            #expect(memory.isIntact(.bhsd(batch: 1, heads: 1, length: 1, width: byteCount / 4)))
            if byteCount == 0 { continue }
            for (tooLittle, what) in [
                (bytes.prefixed(byteCount - 1), "\(byteCount - 1) bytes"), (bytes.prefixed(0), "0 bytes"),
            ] {
                expectError(.workspaceTooSmall, .workspace, what, "\(byteCount) bytes or more") {
                    _ = try Self.forward(
                        run.kernel, lse: lse, weights: weights, workspace: tooLittle, execution: run.execution)
                }
            }
        }
    }

    /// The scores of 2^23 queries and keys take 2^48 bytes, more than an address space.
    @Test(.disabled(if: allocation_counter_is_sanitized(), "a sanitizer ends the process when memory runs out"))
    func refusesWhatMemoryCannotHold() throws {
        let x = try Tensor(shape: [1 << 23, 1])
        var output = x
        expectError(.outOfMemory, .workspace, "not enough memory", "bytes") {
            try AttentionKernel.naive.forward(query: x, key: x, value: x, into: &output)
        }
        #expect(output.span[0] == 0)
    }

    @Test func refusesMemoryThatIsNotAligned() throws {
        let execution = Execution(threads: 1)
        let byteCount = try Self.byteCount(.fused, [], execution)
        let memory = GuardedBuffer(count: byteCount / 4 + 16)
        let bytes = UnsafeMutableRawBufferPointer(start: memory.start + 1, count: byteCount + 60)
        expectError(.workspaceTooSmall, .workspace, "aligned to 64") {
            _ = try Self.forward(.fused, lse: false, weights: false, workspace: bytes, execution: execution)
        }
        #expect(memory.isIntact())
    }

    @Test(arguments: Configuration.all)
    func theSizeOfProductsIsExact(_ run: Configuration) throws {
        var random = SeededRandom(seed: 32)
        let (a, b) = (random.normals(3 * 50 * 33), random.normals(3 * 70 * 33))
        let aLayout = MatrixLayout(batch: 3, rows: 50, columns: 33)
        let bLayout = MatrixLayout(batch: 3, rows: 70, columns: 33)
        let cLayout = MatrixLayout(batch: 3, rows: 50, columns: 70)
        let byteCount = try matmulWorkspaceByteCount(
            MatrixInput(a.span, aLayout), MatrixInput(b.span, bLayout, transposed: true), execution: run.execution)
        #expect(byteCount > 0)
        let memory = GuardedBuffer(count: byteCount / 4)
        func multiply(_ byteCount: Int) throws(KernelError) -> [Float] {
            let c = GuardedBuffer(count: cLayout.elementCount)
            let bytes = UnsafeMutableRawBufferPointer(start: memory.start, count: byteCount)
            try matmul(
                MatrixInput(a.span, aLayout), MatrixInput(b.span, bLayout, transposed: true),
                into: MatrixOutput(c.mutableSpan(), cLayout), workspace: MutableRawSpan(_unsafeBytes: bytes),
                execution: run.execution)
            return (0..<c.count).map { c[$0] }
        }
        let product = try multiply(byteCount)
        #expect(memory.isIntact(.bhsd(batch: 1, heads: 1, length: 1, width: byteCount / 4)))
        let expected = try matmul(
            Tensor(shape: [3, 50, 33], elements: a), Tensor(shape: [3, 70, 33], elements: b), transposeB: true,
            execution: run.execution)
        #expect(bits(product) == bits(expected))
        expectError(.workspaceTooSmall, .workspace, "\(byteCount) bytes or more") { _ = try multiply(byteCount - 1) }
    }
}

extension UnsafeMutableRawBufferPointer {
    fileprivate func prefixed(_ count: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: baseAddress, count: count)
    }
}
