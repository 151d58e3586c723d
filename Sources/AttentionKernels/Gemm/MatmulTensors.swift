// Products of tensors: shapes become layouts here, and the rest is the call on borrowed memory.

/// The product of two matrices, or of two batches of them, as a new tensor: `epilogue(alpha * A B)`.
///
/// ```swift
/// let c = try matmul(a, b, transposeB: true)
/// ```
///
/// Rank 2 is `[rows, columns]`, rank 3 `[batch, rows, columns]`. A matrix of rank 2, or a batch of 1, is used for the
/// whole batch of the other. Views work by their strides, whatever these are; nothing is copied to make the call.
///
/// - Parameters:
///   - a: `[m, k]`, or `[k, m]` with `transposeA`.
///   - b: `[k, n]`, or `[n, k]` with `transposeB`.
///   - transposeA: whether to read `a` transposed.
///   - transposeB: whether to read `b` transposed.
///   - alpha: the factor of the product, finite.
///   - epilogue: what becomes of the product before it is stored.
///   - kernel: `naive` for the triple loop; `blocked` and `fused` both name the packed, cache-blocked, parallel one.
///   - execution: threads and instruction set.
/// - Returns: `[m, n]`, or `[batch, m, n]` if `a` or `b` has rank 3.
/// - Throws: ``KernelError`` if an argument is wrong.
public func matmul(
    _ a: some StridedTensor<Float>, _ b: some StridedTensor<Float>, transposeA: Bool = false, transposeB: Bool = false,
    alpha: Float = 1, epilogue: MatmulEpilogue = MatmulEpilogue(), kernel: AttentionKernel = .fused,
    execution: Execution = .shared
) throws(KernelError) -> Tensor {
    let call = try MatrixTensorCall(a.view, transposeA, b.view, transposeB, epilogue)
    var output = try Tensor(uninitialized: call.outputShape)
    try call.run(into: &output, alpha: alpha, beta: 0, kernel, execution)
    return output
}

/// The product with one packed matrix, as a new tensor: `epilogue(alpha * A B)`.
///
/// - Parameters:
///   - a: `[m, k]` or `[batch, m, k]`; rows and columns exchanged with `transposeA`.
///   - b: `[k, n]`, packed for the instruction set of `execution`.
///   - transposeA: whether to read `a` transposed.
///   - alpha: the factor of the product, finite.
///   - epilogue: what becomes of the product before it is stored.
///   - kernel: which kernel.
///   - execution: threads and instruction set.
/// - Returns: `[m, n]` or `[batch, m, n]`, the same bits as with `b` unpacked.
/// - Throws: ``KernelError`` if an argument is wrong.
public func matmul(
    _ a: some StridedTensor<Float>, packed b: PackedMatrix, transposeA: Bool = false, alpha: Float = 1,
    epilogue: MatmulEpilogue = MatmulEpilogue(), kernel: AttentionKernel = .fused, execution: Execution = .shared
) throws(KernelError) -> Tensor {
    let call = try MatrixTensorCall(a.view, transposeA, b, epilogue)
    var output = try Tensor(uninitialized: call.outputShape)
    try call.run(into: &output, alpha: alpha, beta: 0, kernel, execution)
    return output
}

/// Multiplies two matrices, or two batches of them, into a tensor: `C = epilogue(alpha * A B + beta * C)`. Shapes as in
/// ``matmul(_:_:transposeA:transposeB:alpha:epilogue:kernel:execution:)``; `output` must have that of the result.
/// Allocates nothing once `execution` has seen a problem of this size and no other tensor shares the memory of `output`.
///
/// - Parameters:
///   - a: `[m, k]`, or `[k, m]` with `transposeA`.
///   - b: `[k, n]`, or `[n, k]` with `transposeB`.
///   - output: `[m, n]` or `[batch, m, n]`.
///   - transposeA: whether to read `a` transposed.
///   - transposeB: whether to read `b` transposed.
///   - alpha: the factor of the product, finite; 0 does not read `a` and `b`.
///   - beta: the factor of what `output` holds, finite; 0 does not read it.
///   - epilogue: what becomes of the product before it is stored.
///   - kernel: which kernel.
///   - execution: threads and instruction set.
/// - Throws: ``KernelError`` if an argument is wrong; then nothing has been written.
public func matmul(
    _ a: some StridedTensor<Float>, _ b: some StridedTensor<Float>, into output: inout Tensor, transposeA: Bool = false,
    transposeB: Bool = false, alpha: Float = 1, beta: Float = 0, epilogue: MatmulEpilogue = MatmulEpilogue(),
    kernel: AttentionKernel = .fused, execution: Execution = .shared
) throws(KernelError) {
    let call = try MatrixTensorCall(a.view, transposeA, b.view, transposeB, epilogue)
    try call.run(into: &output, alpha: alpha, beta: beta, kernel, execution)
}

/// Multiplies with one packed matrix into a tensor: `C = epilogue(alpha * A B + beta * C)`. Shapes as in
/// ``matmul(_:packed:transposeA:alpha:epilogue:kernel:execution:)``; allocates nothing in the steady state, as
/// ``matmul(_:_:into:transposeA:transposeB:alpha:beta:epilogue:kernel:execution:)``.
///
/// - Throws: ``KernelError`` if an argument is wrong; then nothing has been written.
public func matmul(
    _ a: some StridedTensor<Float>, packed b: PackedMatrix, into output: inout Tensor, transposeA: Bool = false,
    alpha: Float = 1, beta: Float = 0, epilogue: MatmulEpilogue = MatmulEpilogue(), kernel: AttentionKernel = .fused,
    execution: Execution = .shared
) throws(KernelError) {
    let call = try MatrixTensorCall(a.view, transposeA, b, epilogue)
    try call.run(into: &output, alpha: alpha, beta: beta, kernel, execution)
}

/// What multiplying two tensors would do, and why; nothing is computed.
///
/// - Throws: ``KernelError`` as the multiplication would.
/// - Complexity: O(1).
public func explainMatmul(
    _ a: some StridedTensor<Float>, _ b: some StridedTensor<Float>, transposeA: Bool = false, transposeB: Bool = false,
    alpha: Float = 1, beta: Float = 0, epilogue: MatmulEpilogue = MatmulEpilogue(),
    kernel: AttentionKernel = .fused, execution: Execution = .shared
) throws(KernelError) -> MatmulPlan {
    try MatrixTensorCall(a.view, transposeA, b.view, transposeB, epilogue).plan(alpha, beta, kernel, execution)
}

/// What multiplying a tensor with a packed matrix would do, and why; nothing is computed.
///
/// - Throws: ``KernelError`` as the multiplication would.
/// - Complexity: O(1).
public func explainMatmul(
    _ a: some StridedTensor<Float>, packed b: PackedMatrix, transposeA: Bool = false,
    alpha: Float = 1, beta: Float = 0, epilogue: MatmulEpilogue = MatmulEpilogue(), kernel: AttentionKernel = .fused,
    execution: Execution = .shared
) throws(KernelError) -> MatmulPlan {
    try MatrixTensorCall(a.view, transposeA, b, epilogue).plan(alpha, beta, kernel, execution)
}
