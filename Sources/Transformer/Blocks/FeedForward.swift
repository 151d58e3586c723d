import AttentionKernels

/// The position-wise network of a layer ("Attention Is All You Need", section 3.3), and its gated form (Shazeer 2020):
///
/// ```
/// plain:  W2 activation(W1 x + b1) + b2
/// gated:  W2 (activation(Wg x) * Wu x)            SwiGLU with .silu
/// ```
///
/// The activation of the plain one happens in the registers of the first product; gate and up matrix are one product.
public struct FeedForward: Sendable {
    /// The function between the matrices.
    public let activation: Activation
    /// Whether the first matrix is a gate and what it lets through.
    public let isGated: Bool
    let inner: Linear
    let outer: Linear

    /// The plain network.
    ///
    /// - Parameters:
    ///   - inner: `[width, hidden]` and its bias.
    ///   - outer: `[hidden, width]` and its bias.
    ///   - activation: the function between them.
    ///   - precision: what the inputs will be.
    ///   - execution: threads and instruction set.
    /// - Throws: ``TransformerError`` if the shapes disagree.
    public init(
        inner: LinearWeights, outer: LinearWeights, activation: Activation, precision: Precision = .float32,
        execution: Execution = .shared
    ) throws {
        self.activation = activation
        isGated = false
        self.inner = try Linear([inner], precision: precision, execution: execution)
        self.outer = try Linear([outer], precision: precision, execution: execution)
        try requireFit()
    }

    /// The gated network.
    ///
    /// - Parameters:
    ///   - gate: `[width, hidden]`, the gates.
    ///   - up: `[width, hidden]`, what they let through.
    ///   - down: `[hidden, width]`.
    ///   - activation: the function of a gate.
    ///   - precision: what the inputs will be.
    ///   - execution: threads and instruction set.
    /// - Throws: ``TransformerError`` if the shapes disagree.
    public init(
        gate: LinearWeights, up: LinearWeights, down: LinearWeights, activation: Activation = .silu,
        precision: Precision = .float32, execution: Execution = .shared
    ) throws {
        self.activation = activation
        isGated = true
        guard gate.weight.shape == up.weight.shape else {
            throw TransformerError(
                .shapeMismatch, up.weight.name, "its shape is \(up.weight.shape); it should be \(gate.weight.shape)")
        }
        inner = try Linear([gate, up], precision: precision, execution: execution)
        outer = try Linear([down], precision: precision, execution: execution)
        try requireFit()
    }

    private func requireFit() throws(TransformerError) {
        let width = isGated ? inner.outputs / 2 : inner.outputs
        guard outer.inputs == width, outer.outputs == inner.inputs else {
            throw TransformerError(
                .shapeMismatch, "outer",
                "its shape is [\(outer.outputs), \(outer.inputs)]; it should be [\(inner.inputs), \(width)]")
        }
    }

    /// The most rows between the two products, which bounds the memory for what is between them, the widest of all
    /// activations. In parts of 1,366 rows 4,096 of them went 1 % faster, but in parts of 1,088 rows 2,176 went 2 % slower.
    static let rowsAtOnce = 3072

    /// The block of a layer: from the operand to the residual stream.
    func apply(_ run: LayerRun) throws(KernelError) {
        let parts = (run.rows.count + Self.rowsAtOnce - 1) / Self.rowsAtOnce
        for part in 0..<parts {
            let first = run.rows.lowerBound + part * run.rows.count / parts
            let end = run.rows.lowerBound + (part + 1) * run.rows.count / parts
            try apply(first..<end, run)
        }
    }

    private func apply(_ rows: Range<Int>, _ run: LayerRun) throws(KernelError) {
        let (workspace, between) = (run.workspace, 0..<rows.count)
        try inner.apply(
            workspace.operand.input(rows), into: workspace.inner.output(between),
            activation: isGated ? .none : activation, execution: run.execution)
        if isGated {
            try gate(
                workspace.inner.input(between), activation, into: workspace.gated.output(between),
                execution: run.execution)
        }
        try outer.apply(
            workspace.gated.input(between), into: workspace.hidden.output(rows), accumulating: true,
            execution: run.execution)
    }

    /// The network on a tensor `[..., hidden]`, without a residual.
    ///
    /// - Throws: `KernelError` if the last dimension has another size.
    public func callAsFunction(_ x: Tensor, execution: Execution = .shared) throws(KernelError) -> Tensor {
        let first = try inner(x, activation: isGated ? .none : activation, execution: execution)
        guard isGated else { return try outer(first, execution: execution) }
        let layout = MatrixLayout(rows: x.shape.dropLast().reduce(1, *), columns: inner.outputs)
        var gated = try Tensor(shape: x.shape.dropLast() + [outer.inputs])
        try gate(
            MatrixInput(first.span, layout), activation,
            into: MatrixOutput(gated.mutableSpan, MatrixLayout(rows: layout.rows, columns: outer.inputs)),
            execution: execution)
        return try outer(gated, execution: execution)
    }
}
