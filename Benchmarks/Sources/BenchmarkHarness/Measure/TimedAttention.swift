import AttentionKernels

/// One contestant of a sweep: a kernel with its inputs, an output of its own and a warm workspace.
struct TimedAttention {
    let sweepCase: SweepCase
    private let call: AttentionCall
    private let execution: Execution

    init(_ sweepCase: SweepCase, _ workload: AttentionWorkload) throws(KernelError) {
        self.sweepCase = sweepCase
        call = try AttentionCall.make(workload)
        execution = Execution(threads: sweepCase.threads, instructionSet: sweepCase.isa)
    }

    /// Runs once through the library's interface for borrowed memory, and returns the seconds it took.
    func run() throws(KernelError) -> Double {
        let start = Stopwatch.now
        try call.run(sweepCase.kernel, execution: execution)
        return Stopwatch.now - start
    }

    /// Compares what the last run wrote with the oracle.
    func check(_ reference: AttentionReference) -> CaseCheck {
        CaseCheck(
            maxError: reference.errors(ofOutput: call.outcome.output).maximum, bound: reference.outputBound,
            rowsChecked: reference.rows.count)
    }
}
