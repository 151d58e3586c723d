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
/// `a` and `b` each have any ``TensorElement``, and the result has that of `a`; sums are `Float` and rounded once. Or both
/// have `Int8`; sums and result are then `Int32`, modulo 2³². Other elements of the result are those of the `output` of
/// ``matmul(_:_:into:transposeA:transposeB:alpha:beta:epilogue:kernel:execution:)``.
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
public func matmul<Element>(
    _ a: some StridedArray<Element>, _ b: some StridedArray, transposeA: Bool = false, transposeB: Bool = false,
    alpha: Float = 1, epilogue: MatmulEpilogue = MatmulEpilogue(), kernel: AttentionKernel = .fused,
    execution: Execution = .shared
) throws(KernelError) -> TypedTensor<Element.Product> {
    try MatrixTensorCall(a, transposeA, b, transposeB, epilogue).product(Element.Product.self, alpha, kernel, execution)
}

/// The product with one stored factor, as a new tensor: `epilogue(alpha * A B)`.
///
/// - Parameters:
///   - a: `[m, k]` or `[batch, m, k]`; rows and columns exchanged with `transposeA`.
///   - b: `[k, n]`, a ``QuantizedMatrix`` or a ``PackedMatrix`` that was packed for the instruction set of `execution` and
///     the elements of `a`.
///   - transposeA: whether to read `a` transposed.
///   - alpha: the factor of the product, finite.
///   - epilogue: what becomes of the product before it is stored.
///   - arithmetic: how `a` meets quantised weights; only with these other than `float`.
///   - kernel: which kernel.
///   - execution: threads and instruction set.
/// - Returns: `[m, n]` or `[batch, m, n]`, the same bits as with `b` unpacked, of the type of `a`; `Int32` where that is
///   `Int8`.
/// - Throws: ``KernelError`` if an argument is wrong.
public func matmul<Element>(
    _ a: some StridedArray<Element>, packed b: some PackedFactor, transposeA: Bool = false, alpha: Float = 1,
    epilogue: MatmulEpilogue = MatmulEpilogue(), arithmetic: MatmulArithmetic = .float,
    kernel: AttentionKernel = .fused, execution: Execution = .shared
) throws(KernelError) -> TypedTensor<Element.Product> {
    try MatrixTensorCall(a, transposeA, b, epilogue, arithmetic).product(Element.Product.self, alpha, kernel, execution)
}

/// Multiplies two matrices, or two batches of them, into a tensor: `C = epilogue(alpha * A B + beta * C)`. Shapes as in
/// ``matmul(_:_:transposeA:transposeB:alpha:epilogue:kernel:execution:)``; `output` must have that of the result.
/// Allocates nothing once `execution` has seen a problem of this size and no other tensor shares the memory of `output`.
///
/// - Parameters:
///   - a: `[m, k]`, or `[k, m]` with `transposeA`.
///   - b: `[k, n]`, or `[n, k]` with `transposeB`.
///   - output: `[m, n]` or `[batch, m, n]`, of any ``TensorElement``, or of `Int32` if `a` and `b` are of `Int8`.
///   - transposeA: whether to read `a` transposed.
///   - transposeB: whether to read `b` transposed.
///   - alpha: the factor of the product, finite; 0 does not read `a` and `b`.
///   - beta: the factor of what `output` holds, finite; 0 does not read it.
///   - epilogue: what becomes of the product before it is stored.
///   - kernel: which kernel.
///   - execution: threads and instruction set.
/// - Throws: ``KernelError`` if an argument is wrong; then nothing has been written.
public func matmul(
    _ a: some StridedArray, _ b: some StridedArray, into output: inout TypedTensor<some TensorScalar>,
    transposeA: Bool = false, transposeB: Bool = false, alpha: Float = 1, beta: Float = 0,
    epilogue: MatmulEpilogue = MatmulEpilogue(), kernel: AttentionKernel = .fused, execution: Execution = .shared
) throws(KernelError) {
    try MatrixTensorCall(a, transposeA, b, transposeB, epilogue).run(
        into: &output, alpha: alpha, beta: beta, kernel, execution)
}

/// Multiplies with one stored factor into a tensor: `C = epilogue(alpha * A B + beta * C)`. Shapes as in
/// ``matmul(_:packed:transposeA:alpha:epilogue:arithmetic:kernel:execution:)``; allocates nothing in the steady state, as
/// ``matmul(_:_:into:transposeA:transposeB:alpha:beta:epilogue:kernel:execution:)``.
///
/// - Throws: ``KernelError`` if an argument is wrong; then nothing has been written.
public func matmul(
    _ a: some StridedArray, packed b: some PackedFactor, into output: inout TypedTensor<some TensorScalar>,
    transposeA: Bool = false, alpha: Float = 1, beta: Float = 0, epilogue: MatmulEpilogue = MatmulEpilogue(),
    arithmetic: MatmulArithmetic = .float, kernel: AttentionKernel = .fused, execution: Execution = .shared
) throws(KernelError) {
    try MatrixTensorCall(a, transposeA, b, epilogue, arithmetic).run(
        into: &output, alpha: alpha, beta: beta, kernel, execution)
}

/// What multiplying two tensors would do, and why; nothing is computed.
///
/// - Throws: ``KernelError`` as the multiplication would.
/// - Complexity: O(1).
public func explainMatmul(
    _ a: some StridedArray, _ b: some StridedArray, transposeA: Bool = false, transposeB: Bool = false,
    as type: (any TensorScalar.Type)? = nil, alpha: Float = 1, beta: Float = 0,
    epilogue: MatmulEpilogue = MatmulEpilogue(), kernel: AttentionKernel = .fused, execution: Execution = .shared
) throws(KernelError) -> MatmulPlan {
    try MatrixTensorCall(a, transposeA, b, transposeB, epilogue).plan(type, alpha, beta, kernel, execution)
}

/// What multiplying a tensor with a stored factor would do, and why; nothing is computed.
///
/// - Throws: ``KernelError`` as the multiplication would.
/// - Complexity: O(1).
public func explainMatmul(
    _ a: some StridedArray, packed b: some PackedFactor, transposeA: Bool = false,
    as type: (any TensorScalar.Type)? = nil, alpha: Float = 1, beta: Float = 0,
    epilogue: MatmulEpilogue = MatmulEpilogue(), arithmetic: MatmulArithmetic = .float,
    kernel: AttentionKernel = .fused, execution: Execution = .shared
) throws(KernelError) -> MatmulPlan {
    try MatrixTensorCall(a, transposeA, b, epilogue, arithmetic).plan(type, alpha, beta, kernel, execution)
}
