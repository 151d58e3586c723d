/// One product of tensors: the views it keeps alive and how each is read.
struct MatrixTensorCall {
    private struct Operand {
        let storage: AlignedStorage<Float>
        let layout: MatrixLayout
        let isTransposed: Bool

        var input: MatrixInput {
            @_lifetime(borrow self)
            get {
                let input = MatrixInput(
                    unsafe: UnsafePointer(storage.start), count: storage.count, layout, transposed: isTransposed)
                return _overrideLifetime(input, borrowing: self)
            }
        }
    }

    private let a: Operand
    private let b: Operand
    /// `[m, n]`, or `[batch, m, n]` if an operand has rank 3.
    let outputShape: [Int]

    init(_ a: TensorView, _ b: TensorView, _ transposeA: Bool, _ transposeB: Bool) throws(KernelError) {
        let (aLayout, bLayout) = (try MatrixLayout(.a, a), try MatrixLayout(.b, b))
        let batch = aLayout.batch == 1 ? bLayout.batch : aLayout.batch
        let left = Operand(storage: a.tensor.storage, layout: aLayout.repeated(batch), isTransposed: transposeA)
        let right = Operand(storage: b.tensor.storage, layout: bLayout.repeated(batch), isTransposed: transposeB)
        let matrix = [left.input.rows, right.input.columns]
        self.a = left
        self.b = right
        outputShape = a.rank == 3 || b.rank == 3 ? [batch] + matrix : matrix
    }

    func run(
        into output: inout Tensor, alpha: Float, beta: Float, _ kernel: AttentionKernel, _ execution: Execution
    ) throws(KernelError) {
        guard output.rank == outputShape.count else {
            throw KernelError(
                .wrongRank, .c, "shape \(output.shape) has rank \(output.rank); it should be \(outputShape)")
        }
        let shape = output.shape
        let layout = MatrixLayout(
            batch: shape.count == 3 ? shape[0] : 1, rows: shape[shape.count - 2], columns: shape[shape.count - 1])
        // From here on no input shares the output's memory: if one did, the output is a copy now.
        output.makeUnique()
        let problem = try MatrixProblem(
            a.input, b.input, into: output.storage.start, count: output.count, layout, alpha: alpha, beta: beta)
        try problem.run(kernel, in: nil, execution: execution)
    }
}

extension MatrixLayout {
    /// The layout of a tensor or view of rank 2 or 3.
    fileprivate init(_ argument: KernelError.Argument, _ view: TensorView) throws(KernelError) {
        let (shape, strides, rank) = (view.shape, view.strides, view.rank)
        guard rank == 2 || rank == 3 else {
            throw KernelError(
                .wrongRank, argument,
                "shape \(shape) has rank \(rank); it should be [rows, columns] or [batch, rows, columns]")
        }
        self.init(
            batch: rank == 3 ? shape[0] : 1, rows: shape[rank - 2], columns: shape[rank - 1],
            batchStride: rank == 3 ? strides[0] : 0, rowStride: strides[rank - 2], columnStride: strides[rank - 1],
            offset: view.offset)
    }

    /// The same matrices, or the one matrix there is, for a batch of `count`.
    fileprivate func repeated(_ count: Int) -> MatrixLayout {
        var layout = self
        if batch == 1 && count != 1 {
            layout.batch = count
            layout.batchStride = 0
        }
        return layout
    }
}
