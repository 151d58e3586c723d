import AttentionKernels

/// Layer normalisation, `(x - mean) / sqrt(variance + epsilon) * scale + shift` over the columns of each row (Ba, Kiros and
/// Hinton 2016), or RMS normalisation, `x / sqrt(mean of x² + epsilon) * scale` (Zhang and Sennrich 2019).
public struct Normalization: Sendable {
    /// Which of the two.
    public let norm: Norm
    /// A factor of each column, `[width]`.
    public let scale: Tensor
    /// What is added to each column, `[width]`, or nil.
    public let shift: Tensor?
    /// What is added under the root.
    public let epsilon: Float

    /// The number of columns.
    public var width: Int { scale.count }

    /// A norm with its trained factors.
    ///
    /// - Throws: ``TransformerError`` if `shift` has another shape than `scale`.
    public init(_ norm: Norm, scale: Tensor, shift: Tensor? = nil, epsilon: Float) throws(TransformerError) {
        if let shift, shift.shape != scale.shape {
            throw TransformerError(.shapeMismatch, "shift", "its shape is \(shift.shape); it should be \(scale.shape)")
        }
        self.norm = norm
        self.scale = scale
        self.shift = shift
        self.epsilon = epsilon
    }

    /// Normalises rows in borrowed memory.
    ///
    /// - Parameters:
    ///   - x: `[rows, width]`; nil for `y` in place.
    ///   - y: `[rows, width]`.
    ///   - copy: the same once more, of another type; nil for none.
    ///   - execution: threads and instruction set.
    /// - Throws: `KernelError` if an argument is wrong.
    /// - Complexity: O(*rows · width*).
    public func apply(
        _ x: MatrixInput?, into y: consuming MatrixOutput, copy: consuming MatrixOutput? = nil,
        execution: Execution = .shared
    ) throws(KernelError) {
        try normalize(
            x, norm, scale: scale.span, shift: shift?.span, epsilon: epsilon, into: y, copy: copy, execution: execution)
    }

    /// Normalises the rows of a tensor, over its last dimension.
    ///
    /// - Throws: `KernelError` if that is not ``width``.
    public func callAsFunction(_ x: Tensor, execution: Execution = .shared) throws(KernelError) -> Tensor {
        var y = try Tensor(shape: x.shape)
        let layout = MatrixLayout(rows: x.shape.dropLast().reduce(1, *), columns: x.shape.last ?? 0)
        try apply(MatrixInput(x.span, layout), into: MatrixOutput(y.mutableSpan, layout), execution: execution)
        return y
    }
}
