/// The product of two matrices, or of two batches of them, as a new tensor: `alpha * A B`.
///
/// ```swift
/// let c = try matmul(a, b, transposeB: true)
/// ```
///
/// Rank 2 is `[rows, columns]`, rank 3 `[batch, rows, columns]`. A matrix of rank 2, or a batch of 1, is used for the
/// whole batch of the other. Views work by their strides as long as rows or columns are contiguous; a transposed view
/// is read in place.
///
/// - Parameters:
///   - a: `[m, k]`, or `[k, m]` with `transposeA`.
///   - b: `[k, n]`, or `[n, k]` with `transposeB`.
///   - transposeA: whether to read `a` transposed.
///   - transposeB: whether to read `b` transposed.
///   - alpha: the factor of the product, finite.
///   - kernel: `naive` for the triple loop; `blocked` and `fused` both name the packed, cache-blocked, parallel one.
///   - execution: threads and instruction set.
/// - Returns: `[m, n]`, or `[batch, m, n]` if `a` or `b` has rank 3.
/// - Throws: ``KernelError`` if an argument is wrong.
public func matmul(
    _ a: some StridedTensor<Float>, _ b: some StridedTensor<Float>, transposeA: Bool = false, transposeB: Bool = false,
    alpha: Float = 1, kernel: AttentionKernel = .fused, execution: Execution = .shared
) throws(KernelError) -> Tensor {
    let call = try MatrixTensorCall(a.view, b.view, transposeA, transposeB)
    var output = try Tensor(uninitialized: call.outputShape)
    try call.run(into: &output, alpha: alpha, beta: 0, kernel, execution)
    return output
}

/// Multiplies two matrices, or two batches of them, into a tensor: `C = alpha * A B + beta * C`. Shapes as in
/// ``matmul(_:_:transposeA:transposeB:alpha:kernel:execution:)``; `output` must have that of the result.
///
/// - Parameters:
///   - a: `[m, k]`, or `[k, m]` with `transposeA`.
///   - b: `[k, n]`, or `[n, k]` with `transposeB`.
///   - output: `[m, n]` or `[batch, m, n]`.
///   - transposeA: whether to read `a` transposed.
///   - transposeB: whether to read `b` transposed.
///   - alpha: the factor of the product, finite; 0 does not read `a` and `b`.
///   - beta: the factor of what `output` holds, finite; 0 does not read it.
///   - execution: threads and instruction set.
/// - Throws: ``KernelError`` if an argument is wrong; then nothing has been written.
public func matmul(
    _ a: some StridedTensor<Float>, _ b: some StridedTensor<Float>, into output: inout Tensor, transposeA: Bool = false,
    transposeB: Bool = false, alpha: Float = 1, beta: Float = 0, execution: Execution = .shared
) throws(KernelError) {
    let call = try MatrixTensorCall(a.view, b.view, transposeA, transposeB)
    try call.run(into: &output, alpha: alpha, beta: beta, .fused, execution)
}
