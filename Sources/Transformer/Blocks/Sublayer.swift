import AttentionKernels

/// What surrounds attention and feed-forward blocks: the residual sum and the norm before or behind it.
///
/// ```
/// post:  x <- norm(x + f(x))        pre:  x <- x + f(norm(x))
/// ```
///
/// "Attention Is All You Need", section 3.1, and Xiong and others 2020, figure 1.
struct Sublayer: Sendable {
    let norm: Normalization
    let placement: NormPlacement

    /// Makes what the block reads.
    func enter(_ run: LayerRun) throws(KernelError) {
        guard placement == .pre else { return }
        let workspace = run.workspace
        try norm.apply(
            workspace.hidden.input(run.rows), into: workspace.operand.output(run.rows), execution: run.execution)
    }

    /// Behind the block, whose last product has added its result to the residual stream.
    func leave(_ run: LayerRun) throws(KernelError) {
        guard placement == .post else { return }
        let workspace = run.workspace
        if workspace.operand === workspace.hidden {
            try norm.apply(nil, into: workspace.hidden.output(run.rows), execution: run.execution)
        } else {
            try norm.apply(
                nil, into: workspace.hidden.output(run.rows), copy: workspace.operand.output(run.rows),
                execution: run.execution)
        }
    }
}
