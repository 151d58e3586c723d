import AttentionKernels

/// One contestant of a sweep: a kernel with its inputs, an output of its own and a warm workspace.
struct TimedAttention {
    let sweepCase: SweepCase
    private let workload: AttentionWorkload
    private let execution: Execution
    private var output: Tensor

    init(_ sweepCase: SweepCase, _ workload: AttentionWorkload) throws(KernelError) {
        let shape = sweepCase.shape
        self.sweepCase = sweepCase
        self.workload = workload
        execution = Execution(threads: sweepCase.threads, instructionSet: sweepCase.isa)
        output = try Tensor(shape: [shape.batch, shape.heads, shape.queryLength, shape.valueDim])
    }

    /// Runs once through the library's interface for borrowed memory, and returns the seconds it took.
    mutating func run() throws(KernelError) -> Double {
        let (shape, workload, execution) = (sweepCase.shape, workload, execution)
        func layout(_ heads: Int, _ length: Int, _ width: Int) -> AttentionLayout {
            .bhsd(batch: shape.batch, heads: heads, length: length, width: width)
        }
        let start = Stopwatch.now
        try sweepCase.kernel.forward(
            AttentionProblem(
                query: AttentionInput(workload.query.span, layout(shape.heads, shape.queryLength, shape.headDim)),
                key: AttentionInput(workload.key.span, layout(shape.kvHeads, shape.keyLength, shape.headDim)),
                value: AttentionInput(workload.value.span, layout(shape.kvHeads, shape.keyLength, shape.valueDim)),
                causality: workload.causality),
            into: AttentionOutput(output.mutableSpan, layout(shape.heads, shape.queryLength, shape.valueDim)),
            execution: execution)
        return Stopwatch.now - start
    }

    /// Compares what the last run wrote with the oracle.
    func check(_ reference: AttentionReference) -> CaseCheck {
        let errors = output.span.withUnsafeBufferPointer { reference.errors(ofOutput: $0) }
        return CaseCheck(
            maxError: errors.maximum, bound: reference.outputBound, rowsChecked: reference.rows.count)
    }
}
