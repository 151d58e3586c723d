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
/// `a` and `b` each hold any ``TensorElement``, `b` also quantised weights; sums are `Float` and the output any
/// ``TensorElement``, rounded once. Or both hold `Int8`; sums are then `Int32`, modulo 2³², and the output `Int32`, with
/// `alpha` and `beta` 0 or 1 and no epilogue, or any ``TensorElement``. Elements of 16 bits and quantised weights count as
/// their exact `Float`; only ``InstructionSet/avx512bf16`` multiplies ``BFloat16`` by ``BFloat16`` as it is, and rounds quantised
/// weights to ``BFloat16`` where `a` has that type.
///
/// - Parameters:
///   - a: `[batch, m, k]` as read.
///   - b: `[batch, k, n]` as read.
///   - output: `[batch, m, n]`. Elements between its rows are not written.
///   - alpha: the factor of the product, finite; 0 does not read `a` and `b`.
///   - beta: the factor of what `output` holds, finite; 0 does not read it.
///   - epilogue: what becomes of the product before it is stored; nil for nothing.
///   - arithmetic: how `a` meets quantised weights; only with these other than `float`.
///   - kernel: `naive` for the triple loop; `blocked` and `fused` both name the packed, cache-blocked, parallel one.
///   - workspace: scratch memory, aligned to 64 bytes, of at least
///     ``matmulWorkspaceByteCount(_:_:into:as:alpha:beta:epilogue:arithmetic:kernel:execution:)`` bytes; nil to use the execution's.
///   - execution: threads and instruction set.
/// - Throws: ``KernelError`` if an argument is wrong; then nothing has been written.
/// - Complexity: O(*batch · m · n · k*).
public func matmul(
    _ a: MatrixInput, _ b: MatrixInput, into output: consuming MatrixOutput, alpha: Float = 1, beta: Float = 0,
    epilogue: EpilogueInput? = nil, arithmetic: MatmulArithmetic = .float, kernel: AttentionKernel = .fused,
    workspace: consuming MutableRawSpan? = nil,
    execution: Execution = .shared
) throws(KernelError) {
    try MatrixProblem(a.place, b.place, into: output.place, alpha: alpha, beta: beta, epilogue, arithmetic)
        .run(kernel, in: workspace, execution: execution)
}

/// Multiplies batches of matrices in borrowed memory with one stored factor: `C = epilogue(alpha * A B + beta * C)`. As
/// ``matmul(_:_:into:alpha:beta:epilogue:arithmetic:kernel:workspace:execution:)`` in all else, the bits of the result too.
///
/// - Parameters:
///   - a: `[batch, m, k]` as read.
///   - b: `[k, n]`, a ``QuantizedMatrix`` or a ``PackedMatrix`` that was packed for the instruction set of `execution` and
///     the elements of `a`; it serves every matrix of the batch.
///   - output: `[batch, m, n]`. Elements between its rows are not written.
///   - alpha: the factor of the product, finite; 0 does not read `a` and `b`.
///   - beta: the factor of what `output` holds, finite; 0 does not read it.
///   - epilogue: what becomes of the product before it is stored; nil for nothing.
///   - arithmetic: how `a` meets quantised weights; only with these other than `float`.
///   - kernel: which kernel.
///   - workspace: scratch memory, aligned to 64 bytes; nil to use the execution's.
///   - execution: threads and instruction set.
/// - Throws: ``KernelError`` if an argument is wrong; then nothing has been written.
/// - Complexity: O(*batch · m · n · k*).
public func matmul(
    _ a: MatrixInput, packed b: some PackedFactor, into output: consuming MatrixOutput, alpha: Float = 1,
    beta: Float = 0, epilogue: EpilogueInput? = nil, arithmetic: MatmulArithmetic = .float,
    kernel: AttentionKernel = .fused,
    workspace: consuming MutableRawSpan? = nil, execution: Execution = .shared
) throws(KernelError) {
    try MatrixProblem(a.place, b.memory.place, into: output.place, alpha: alpha, beta: beta, epilogue, arithmetic)
        .run(kernel, in: workspace, execution: execution)
}

/// The exact number of bytes of scratch memory that multiplying `a` and `b` needs.
///
/// - Parameters:
///   - a: `[batch, m, k]` as read.
///   - b: `[batch, k, n]` as read.
///   - layout: where the output's elements will lie; nil for contiguous rows.
///   - type: the output's elements; nil for those of `a`, or `Int32` where these are `Int8`.
///   - alpha: the factor of the product.
///   - beta: the factor of what the output holds.
///   - epilogue: what becomes of the product before it is stored.
///   - arithmetic: how `a` meets quantised weights.
///   - kernel: which kernel.
///   - execution: threads and instruction set.
/// - Throws: ``KernelError`` as the multiplication would.
/// - Complexity: O(1).
public func matmulWorkspaceByteCount(
    _ a: MatrixInput, _ b: MatrixInput, into layout: MatrixLayout? = nil, as type: (any TensorScalar.Type)? = nil,
    alpha: Float = 1, beta: Float = 0, epilogue: EpilogueInput? = nil, arithmetic: MatmulArithmetic = .float,
    kernel: AttentionKernel = .fused,
    execution: Execution = .shared
) throws(KernelError) -> Int {
    try MatrixProblem(measuring: a.place, b.place, layout, type, alpha: alpha, beta: beta, epilogue, arithmetic)
        .workspaceByteCount(kernel, execution: execution)
}

/// The exact number of bytes of scratch memory that multiplying `a` and a stored `b` needs. As
/// ``matmulWorkspaceByteCount(_:_:into:as:alpha:beta:epilogue:arithmetic:kernel:execution:)`` in all else.
///
/// - Throws: ``KernelError`` as the multiplication would.
/// - Complexity: O(1).
public func matmulWorkspaceByteCount(
    _ a: MatrixInput, packed b: some PackedFactor, into layout: MatrixLayout? = nil,
    as type: (any TensorScalar.Type)? = nil, alpha: Float = 1, beta: Float = 0, epilogue: EpilogueInput? = nil,
    arithmetic: MatmulArithmetic = .float, kernel: AttentionKernel = .fused, execution: Execution = .shared
) throws(KernelError) -> Int {
    try MatrixProblem(measuring: a.place, b.memory.place, layout, type, alpha: alpha, beta: beta, epilogue, arithmetic)
        .workspaceByteCount(kernel, execution: execution)
}

/// What multiplying `a` and `b` would do, and why; nothing is computed.
///
/// - Parameters:
///   - a: `[batch, m, k]` as read.
///   - b: `[batch, k, n]` as read.
///   - layout: where the output's elements will lie; nil for contiguous rows.
///   - type: the output's elements; nil for those of `a`, or `Int32` where these are `Int8`.
///   - alpha: the factor of the product.
///   - beta: the factor of what the output holds.
///   - epilogue: what becomes of the product before it is stored.
///   - arithmetic: how `a` meets quantised weights.
///   - kernel: which kernel.
///   - execution: threads and instruction set.
/// - Throws: ``KernelError`` as the multiplication would.
/// - Complexity: O(1).
public func explainMatmul(
    _ a: MatrixInput, _ b: MatrixInput, into layout: MatrixLayout? = nil, as type: (any TensorScalar.Type)? = nil,
    alpha: Float = 1, beta: Float = 0, epilogue: EpilogueInput? = nil, arithmetic: MatmulArithmetic = .float,
    kernel: AttentionKernel = .fused,
    execution: Execution = .shared
) throws(KernelError) -> MatmulPlan {
    try MatrixProblem(measuring: a.place, b.place, layout, type, alpha: alpha, beta: beta, epilogue, arithmetic)
        .plan(kernel, execution: execution)
}

/// What multiplying `a` and a stored `b` would do, and why; nothing is computed. As
/// ``explainMatmul(_:_:into:as:alpha:beta:epilogue:arithmetic:kernel:execution:)`` in all else.
///
/// - Throws: ``KernelError`` as the multiplication would.
/// - Complexity: O(1).
public func explainMatmul(
    _ a: MatrixInput, packed b: some PackedFactor, into layout: MatrixLayout? = nil,
    as type: (any TensorScalar.Type)? = nil, alpha: Float = 1, beta: Float = 0, epilogue: EpilogueInput? = nil,
    arithmetic: MatmulArithmetic = .float, kernel: AttentionKernel = .fused, execution: Execution = .shared
) throws(KernelError) -> MatmulPlan {
    try MatrixProblem(measuring: a.place, b.memory.place, layout, type, alpha: alpha, beta: beta, epilogue, arithmetic)
        .plan(kernel, execution: execution)
}
