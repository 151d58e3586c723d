import AttentionKernels
import CKernels

/// The inputs and options of one matrix product `C = alpha * op(A) op(B) + beta * C`.
public struct GemmWorkload: Sendable {
    /// `[m, k]` or `[batch, m, k]`; rows and columns exchanged if transposed.
    public var a: any NumberTensor
    /// `[k, n]` or `[batch, k, n]`; rows and columns exchanged if transposed.
    public var b: any NumberTensor
    /// `[m, n]` or `[batch, m, n]`, of the output's type; needed where `beta` is not 0.
    public var c: (any NumberTensor)?
    /// Whether `a` is read transposed.
    public var transposeA: Bool
    /// Whether `b` is read transposed.
    public var transposeB: Bool
    /// The factor of the product.
    public var alpha: Float
    /// The factor of `c`.
    public var beta: Float
    /// The element type of the product; nil for that of `c`, or else of `a`.
    public var outputType: DataType?

    /// A workload.
    public init(
        a: any NumberTensor, b: any NumberTensor, c: (any NumberTensor)? = nil, transposeA: Bool = false,
        transposeB: Bool = false, alpha: Float = 1, beta: Float = 0, outputType: DataType? = nil
    ) {
        self.a = a
        self.b = b
        self.c = c
        self.transposeA = transposeA
        self.transposeB = transposeB
        self.alpha = alpha
        self.beta = beta
        self.outputType = outputType
    }

    /// The element type that the product has.
    var resultType: DataType { outputType ?? c?.dataType ?? a.dataType }

    /// Computes the product through the library's interface.
    ///
    /// - Throws: ``KernelError`` if the shapes do not fit each other.
    public func multiply(
        _ kernel: AttentionKernel, execution: Execution
    ) throws(KernelError) -> any NumberTensor {
        func typed(_ a: some NumberTensor, _ b: some NumberTensor) throws(KernelError) -> any NumberTensor {
            switch resultType {
            case .float32: try multiply(a.typed, b.typed, as: Float.self, kernel, execution)
            case .bfloat16: try multiply(a.typed, b.typed, as: BFloat16.self, kernel, execution)
            case .float16: try multiply(a.typed, b.typed, as: Float16.self, kernel, execution)
            }
        }
        return try typed(a, b)
    }

    private func multiply<A: TensorElement, B: TensorElement, C: TensorElement>(
        _ a: TypedTensor<A>, _ b: TypedTensor<B>, as _: C.Type, _ kernel: AttentionKernel, _ execution: Execution
    ) throws(KernelError) -> TypedTensor<C> {
        let sizes = sizes
        let isBatch = max(a.shape.count, b.shape.count) > 2
        var output =
            if beta != 0, let old = c as? TypedTensor<C> { old } else {
                try TypedTensor<C>(shape: (isBatch ? [sizes.batch] : []) + [sizes.m, sizes.n]) { _ in C(.nan) }
            }
        let outputLayout = Self.layout(output.shape, batch: Self.rank3(output.shape)[0])
        try matmul(
            MatrixInput(a.span, Self.layout(a.shape, batch: sizes.batch), transposed: transposeA),
            MatrixInput(b.span, Self.layout(b.shape, batch: sizes.batch), transposed: transposeB),
            into: MatrixOutput(output.mutableSpan, outputLayout), alpha: alpha, beta: beta, kernel: kernel,
            execution: execution)
        return output
    }

    /// The contiguous layout of a tensor; a single matrix is used for the whole batch.
    private static func layout(_ shape: [Int], batch: Int) -> MatrixLayout {
        let shape = rank3(shape)
        let isShared = shape[0] == 1 && batch != 1
        return MatrixLayout(
            batch: isShared ? batch : shape[0], rows: shape[1], columns: shape[2], batchStride: isShared ? 0 : nil)
    }

    /// The sizes of the product; 1 for the batch of matrices of rank 2.
    var sizes: (batch: Int, m: Int, n: Int, k: Int) {
        let (a, b) = (Self.rank3(self.a.shape), Self.rank3(self.b.shape))
        return (
            a[0] == 1 ? b[0] : a[0], transposeA ? a[2] : a[1], transposeB ? b[1] : b[2], transposeA ? a[1] : a[2]
        )
    }

    /// Calls `body` with the workload as a C problem, valid only inside `body`; its output may only be read.
    ///
    /// - Precondition: the shapes fit each other, as a product through the library has checked.
    func withCProblem<Result>(_ body: (ck_gemm_problem) throws -> Result) rethrows -> Result {
        var problem = ck_gemm_problem()
        let sizes = sizes
        problem.batch = Int64(sizes.batch)
        problem.m = Int64(sizes.m)
        problem.n = Int64(sizes.n)
        problem.k = Int64(sizes.k)
        problem.alpha = alpha
        problem.beta = beta
        let old = c?.floats ?? []
        return try a.withBytes { a in
            try b.withBytes { b in
                // The oracle and the naive path read C as f32 numbers, whatever type the product has.
                try old.withUnsafeBufferPointer { c in
                    problem.a = Self.matrix(
                        a.baseAddress, self.a.shape, count: self.a.count, self.a.dataType, transposed: transposeA)
                    problem.b = Self.matrix(
                        b.baseAddress, self.b.shape, count: self.b.count, self.b.dataType, transposed: transposeB)
                    problem.c = Self.matrix(
                        c.baseAddress, [sizes.batch, sizes.m, sizes.n], count: c.count, .float32)
                    if c.isEmpty { problem.c.count = Int64(sizes.batch * sizes.m * sizes.n) }
                    return try body(problem)
                }
            }
        }
    }

    private static func matrix(
        _ data: UnsafeRawPointer?, _ shape: [Int], count: Int, _ type: DataType, transposed: Bool = false
    ) -> ck_matrix {
        let shape = rank3(shape)
        let rowStride = Int64(shape[2])
        return ck_matrix(
            data: UnsafeMutableRawPointer(mutating: data), count: Int64(count), offset: 0,
            // One matrix is used for the whole batch.
            batch_stride: shape[0] == 1 ? 0 : Int64(shape[1] * shape[2]), row_stride: transposed ? 1 : rowStride,
            column_stride: transposed ? rowStride : 1, dtype: type.cType, pointers: nil)
    }

    private static func rank3(_ shape: [Int]) -> [Int] {
        [Int](repeating: 1, count: max(0, 3 - shape.count)) + shape
    }
}
