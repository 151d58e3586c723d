/// Multiplies batches of matrices in borrowed memory: `C = epilogue(alpha * A B + beta * C)`. Once `execution` has seen a
/// problem of this size, or with a `workspace`, a call makes no heap allocation.
///
/// ```swift
/// try matmul(
///     MatrixInput(a.span, MatrixLayout(rows: m, columns: k)),
///     MatrixInput(b.span, MatrixLayout(rows: n, columns: k), transposed: true),
///     into: MatrixOutput(c.mutableSpan, MatrixLayout(rows: m, columns: n)),
///     epilogue: EpilogueInput(bias: bias.span, activation: .silu))
/// ```
///
/// - Parameters:
///   - a: `[batch, m, k]` as read.
///   - b: `[batch, k, n]` as read.
///   - output: `[batch, m, n]`. Elements between its rows are not written.
///   - alpha: the factor of the product, finite; 0 does not read `a` and `b`.
///   - beta: the factor of what `output` holds, finite; 0 does not read it.
///   - epilogue: what becomes of the product before it is stored; nil for nothing.
///   - kernel: `naive` for the triple loop; `blocked` and `fused` both name the packed, cache-blocked, parallel one.
///   - workspace: scratch memory, aligned to 64 bytes, of at least
///     ``matmulWorkspaceByteCount(_:_:into:alpha:beta:epilogue:kernel:execution:)`` bytes; nil to use the execution's.
///   - execution: threads and instruction set.
/// - Throws: ``KernelError`` if an argument is wrong; then nothing has been written.
/// - Complexity: O(*batch · m · n · k*).
public func matmul(
    _ a: MatrixInput, _ b: MatrixInput, into output: consuming MatrixOutput, alpha: Float = 1, beta: Float = 0,
    epilogue: EpilogueInput? = nil, kernel: AttentionKernel = .fused, workspace: consuming MutableRawSpan? = nil,
    execution: Execution = .shared
) throws(KernelError) {
    let memory: UnsafeMutableRawBufferPointer? =
        if var workspace { workspace.withUnsafeMutableBytes { $0 } } else { nil }
    let problem = try MatrixProblem(
        MatrixPlace(a), MatrixPlace(b), into: MatrixPlace(output), alpha: alpha, beta: beta, epilogue)
    try problem.run(kernel, in: memory, execution: execution)
}

/// Multiplies batches of matrices in borrowed memory with one packed factor: `C = epilogue(alpha * A B + beta * C)`. As
/// ``matmul(_:_:into:alpha:beta:epilogue:kernel:workspace:execution:)`` in all else, the bits of the result too.
///
/// - Parameters:
///   - a: `[batch, m, k]` as read.
///   - b: `[k, n]`, packed for the instruction set of `execution`; it serves every matrix of the batch.
///   - output: `[batch, m, n]`. Elements between its rows are not written.
///   - alpha: the factor of the product, finite; 0 does not read `a` and `b`.
///   - beta: the factor of what `output` holds, finite; 0 does not read it.
///   - epilogue: what becomes of the product before it is stored; nil for nothing.
///   - kernel: which kernel.
///   - workspace: scratch memory, aligned to 64 bytes; nil to use the execution's.
///   - execution: threads and instruction set.
/// - Throws: ``KernelError`` if an argument is wrong; then nothing has been written.
/// - Complexity: O(*batch · m · n · k*).
public func matmul(
    _ a: MatrixInput, packed b: PackedMatrix, into output: consuming MatrixOutput, alpha: Float = 1, beta: Float = 0,
    epilogue: EpilogueInput? = nil, kernel: AttentionKernel = .fused, workspace: consuming MutableRawSpan? = nil,
    execution: Execution = .shared
) throws(KernelError) {
    let memory: UnsafeMutableRawBufferPointer? =
        if var workspace { workspace.withUnsafeMutableBytes { $0 } } else { nil }
    let left = MatrixPlace(a)
    let problem = try MatrixProblem(
        left, MatrixPlace(b, batch: left.layout.batch), into: MatrixPlace(output), alpha: alpha, beta: beta, epilogue)
    try problem.run(kernel, in: memory, execution: execution)
}

/// The exact number of bytes of scratch memory that multiplying `a` and `b` needs.
///
/// - Parameters:
///   - a: `[batch, m, k]` as read.
///   - b: `[batch, k, n]` as read.
///   - layout: where the output's elements will lie; nil for contiguous rows.
///   - alpha: the factor of the product.
///   - beta: the factor of what the output holds.
///   - epilogue: what becomes of the product before it is stored.
///   - kernel: which kernel.
///   - execution: threads and instruction set.
/// - Throws: ``KernelError`` as the multiplication would.
/// - Complexity: O(1).
public func matmulWorkspaceByteCount(
    _ a: MatrixInput, _ b: MatrixInput, into layout: MatrixLayout? = nil, alpha: Float = 1, beta: Float = 0,
    epilogue: EpilogueInput? = nil, kernel: AttentionKernel = .fused, execution: Execution = .shared
) throws(KernelError) -> Int {
    let left = MatrixPlace(a)
    let problem = try MatrixProblem(
        measuring: left, MatrixPlace(b), layout, alpha: alpha, beta: beta, epilogue)
    return try problem.workspaceByteCount(kernel, execution: execution)
}

/// The exact number of bytes of scratch memory that multiplying `a` and a packed `b` needs.
///
/// - Throws: ``KernelError`` as the multiplication would.
/// - Complexity: O(1).
public func matmulWorkspaceByteCount(
    _ a: MatrixInput, packed b: PackedMatrix, into layout: MatrixLayout? = nil, alpha: Float = 1, beta: Float = 0,
    epilogue: EpilogueInput? = nil, kernel: AttentionKernel = .fused, execution: Execution = .shared
) throws(KernelError) -> Int {
    let left = MatrixPlace(a)
    let problem = try MatrixProblem(
        measuring: left, MatrixPlace(b, batch: left.layout.batch), layout, alpha: alpha, beta: beta, epilogue)
    return try problem.workspaceByteCount(kernel, execution: execution)
}

/// What multiplying `a` and `b` would do, and why; nothing is computed.
///
/// - Parameters:
///   - a: `[batch, m, k]` as read.
///   - b: `[batch, k, n]` as read.
///   - layout: where the output's elements will lie; nil for contiguous rows.
///   - alpha: the factor of the product.
///   - beta: the factor of what the output holds.
///   - epilogue: what becomes of the product before it is stored.
///   - kernel: which kernel.
///   - execution: threads and instruction set.
/// - Throws: ``KernelError`` as the multiplication would.
/// - Complexity: O(1).
public func explainMatmul(
    _ a: MatrixInput, _ b: MatrixInput, into layout: MatrixLayout? = nil, alpha: Float = 1, beta: Float = 0,
    epilogue: EpilogueInput? = nil, kernel: AttentionKernel = .fused, execution: Execution = .shared
) throws(KernelError) -> MatmulPlan {
    let left = MatrixPlace(a)
    let problem = try MatrixProblem(
        measuring: left, MatrixPlace(b), layout, alpha: alpha, beta: beta, epilogue)
    return try problem.plan(kernel, execution: execution)
}

/// What multiplying `a` and a packed `b` would do, and why; nothing is computed.
///
/// - Throws: ``KernelError`` as the multiplication would.
/// - Complexity: O(1).
public func explainMatmul(
    _ a: MatrixInput, packed b: PackedMatrix, into layout: MatrixLayout? = nil, alpha: Float = 1, beta: Float = 0,
    epilogue: EpilogueInput? = nil, kernel: AttentionKernel = .fused, execution: Execution = .shared
) throws(KernelError) -> MatmulPlan {
    let left = MatrixPlace(a)
    let problem = try MatrixProblem(
        measuring: left, MatrixPlace(b, batch: left.layout.batch), layout, alpha: alpha, beta: beta, epilogue)
    return try problem.plan(kernel, execution: execution)
}
