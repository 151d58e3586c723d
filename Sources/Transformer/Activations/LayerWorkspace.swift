import AttentionKernels

/// The activations that all layers of a stack share. The residual stream is `Float`; what products and attention read is of
/// the precision's type.
final class LayerWorkspace {
    /// The widths of a stack.
    struct Widths {
        var hidden: Int
        /// Of query, key and value together.
        var projected: Int
        /// Of the heads' outputs together.
        var attended: Int
        /// Between the matrices of a feed-forward block, gates included.
        var inner: Int
    }

    /// The residual stream, `[rows, hidden]`.
    let hidden: ActivationBuffer
    /// What the next product reads, `[rows, hidden]`: normalised or rounded; the residual stream itself where it needs
    /// neither.
    let operand: ActivationBuffer
    /// Query, key and value, `[rows, projected]`.
    let projected: ActivationBuffer
    /// The heads' outputs, `[rows, attended]`.
    let attended: ActivationBuffer
    /// Behind the first matrix of a feed-forward block, of some rows at a time.
    let inner: ActivationBuffer
    /// Behind its gate.
    let gated: ActivationBuffer

    /// A workspace of no rows.
    ///
    /// - Parameter rotates: whether queries and keys turn before attention rounds them, and so are projected to `Float`.
    init(_ widths: Widths, precision: Precision, placement: NormPlacement, rotates: Bool, isGated: Bool) {
        let type = precision.operandType
        hidden = ActivationBuffer(width: widths.hidden)
        operand =
            placement == .post && type == .float32 ? hidden : ActivationBuffer(width: widths.hidden, type: type)
        projected = ActivationBuffer(width: widths.projected, type: rotates ? .float32 : type)
        attended = ActivationBuffer(width: widths.attended, type: type)
        inner = ActivationBuffer(width: widths.inner, type: isGated ? .float32 : type)
        gated = isGated ? ActivationBuffer(width: widths.inner / 2, type: type) : inner
    }

    /// A workspace of no rows for layers of these parts.
    convenience init(
        _ attention: MultiHeadAttention, _ network: FeedForward, precision: Precision, placement: NormPlacement,
        rotates: Bool
    ) {
        self.init(
            Widths(
                hidden: attention.output.outputs, projected: attention.projectedWidth,
                attended: attention.attendedWidth, inner: network.inner.outputs),
            precision: precision, placement: placement, rotates: rotates, isGated: network.isGated)
    }

    /// Makes room for `rows` everywhere.
    func reserve(_ rows: Int) {
        // One by one: an array of them would be an allocation a step.
        hidden.reserve(rows)
        operand.reserve(rows)
        projected.reserve(rows)
        attended.reserve(rows)
        inner.reserve(min(rows, FeedForward.rowsAtOnce))
        gated.reserve(min(rows, FeedForward.rowsAtOnce))
    }
}

/// How the calls of a stack run.
struct LayerRun {
    let workspace: LayerWorkspace
    /// The rows of this call.
    let rows: Range<Int>
    let kernel: AttentionKernel
    let execution: Execution
}
