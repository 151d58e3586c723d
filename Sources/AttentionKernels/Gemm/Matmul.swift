/// Multiplies batches of matrices in borrowed memory: `C = alpha * A B + beta * C`. Once `execution` has seen a problem
/// of this size, or with a `workspace`, a call makes no heap allocation.
///
/// ```swift
/// try matmul(
///     MatrixInput(a.span, MatrixLayout(rows: m, columns: k)),
///     MatrixInput(b.span, MatrixLayout(rows: n, columns: k), transposed: true),
///     into: MatrixOutput(c.mutableSpan, MatrixLayout(rows: m, columns: n)))
/// ```
///
/// - Parameters:
///   - a: `[batch, m, k]` as read.
///   - b: `[batch, k, n]` as read.
///   - output: `[batch, m, n]`. Elements between its rows are not written.
///   - alpha: the factor of the product, finite; 0 does not read `a` and `b`.
///   - beta: the factor of what `output` holds, finite; 0 does not read it.
///   - kernel: `naive` for the triple loop; `blocked` and `fused` both name the packed, cache-blocked, parallel one.
///   - workspace: scratch memory, aligned to 64 bytes, of at least
///     ``matmulWorkspaceByteCount(_:_:kernel:execution:)`` bytes; nil to use the execution's.
///   - execution: threads and instruction set.
/// - Throws: ``KernelError`` if an argument is wrong; then nothing has been written.
/// - Complexity: O(*batch · m · n · k*).
public func matmul(
    _ a: MatrixInput, _ b: MatrixInput, into output: consuming MatrixOutput, alpha: Float = 1, beta: Float = 0,
    kernel: AttentionKernel = .fused, workspace: consuming MutableRawSpan? = nil, execution: Execution = .shared
) throws(KernelError) {
    let memory: UnsafeMutableRawBufferPointer? =
        if var workspace { workspace.withUnsafeMutableBytes { $0 } } else { nil }
    let problem = try MatrixProblem(
        a, b, into: output.start, count: output.count, output.layout, alpha: alpha, beta: beta)
    try problem.run(kernel, in: memory, execution: execution)
}

/// The exact number of bytes of scratch memory that multiplying `a` and `b` needs.
///
/// - Throws: ``KernelError`` as the multiplication would.
/// - Complexity: O(1).
public func matmulWorkspaceByteCount(
    _ a: MatrixInput, _ b: MatrixInput, kernel: AttentionKernel = .fused, execution: Execution = .shared
) throws(KernelError) -> Int {
    let layout = MatrixLayout(batch: a.layout.batch, rows: a.rows, columns: b.columns)
    let problem = try MatrixProblem(a, b, into: nil, count: layout.elementCount, layout, alpha: 1, beta: 0)
    return try problem.workspaceByteCount(kernel, execution: execution)
}
