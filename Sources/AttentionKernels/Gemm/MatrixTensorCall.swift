import CKernels

/// A tensor of rank 2 or 3 as a batch of matrices: its memory, kept alive, and how it is read.
struct MatrixTensorOperand {
    let storage: AlignedStorage<Float>
    var layout: MatrixLayout
    let isTransposed: Bool

    init(_ argument: KernelError.Argument, _ view: TensorView, transposed: Bool = false) throws(KernelError) {
        storage = view.tensor.storage
        layout = try MatrixLayout(argument, view)
        isTransposed = transposed
    }

    /// The elements; whoever holds `self` keeps them alive.
    var input: MatrixInput {
        @_lifetime(borrow self)
        get {
            let input = MatrixInput(
                unsafe: UnsafePointer(storage.start), count: storage.count, layout, transposed: isTransposed)
            return _overrideLifetime(input, borrowing: self)
        }
    }

    /// Uses the one matrix there is for a batch of `count`.
    mutating func `repeat`(_ count: Int) {
        if layout.batch == 1 && count != 1 {
            layout.batch = count
            layout.batchStride = 0
        }
    }
}

/// One product of tensors: the views it keeps alive and how each is read.
struct MatrixTensorCall {
    private enum RightFactor {
        case tensor(MatrixTensorOperand)
        case packed(PackedMatrix)
    }

    private var a: MatrixTensorOperand
    private let b: RightFactor
    private let epilogue: MatmulEpilogue
    private let batch: Int
    private let columns: Int
    private let hasRank3: Bool

    init(
        _ a: TensorView, _ transposeA: Bool, _ b: TensorView, _ transposeB: Bool, _ epilogue: MatmulEpilogue
    ) throws(KernelError) {
        self.a = try MatrixTensorOperand(.a, a, transposed: transposeA)
        var right = try MatrixTensorOperand(.b, b, transposed: transposeB)
        batch = self.a.layout.batch == 1 ? right.layout.batch : self.a.layout.batch
        self.a.repeat(batch)
        right.repeat(batch)
        columns = transposeB ? right.layout.rows : right.layout.columns
        self.b = .tensor(right)
        self.epilogue = epilogue
        hasRank3 = a.rank == 3 || b.rank == 3
    }

    init(
        _ a: TensorView, _ transposeA: Bool, _ b: PackedMatrix, _ epilogue: MatmulEpilogue
    ) throws(KernelError) {
        self.a = try MatrixTensorOperand(.a, a, transposed: transposeA)
        self.b = .packed(b)
        self.epilogue = epilogue
        batch = self.a.layout.batch
        columns = b.columns
        hasRank3 = a.rank == 3
    }

    private var rows: Int { a.isTransposed ? a.layout.columns : a.layout.rows }

    /// `[m, n]`, or `[batch, m, n]` if an operand has rank 3.
    var outputShape: [Int] { hasRank3 ? [batch, rows, columns] : [rows, columns] }

    func run(
        into output: inout Tensor, alpha: Float, beta: Float, _ kernel: AttentionKernel, _ execution: Execution
    ) throws(KernelError) {
        guard output.rank == (hasRank3 ? 3 : 2) else {
            throw KernelError(
                .wrongRank, .c, "shape \(output.shape) has rank \(output.rank); it should be \(outputShape)")
        }
        let layout = try MatrixLayout(.c, output.view)
        // From here on no input shares the output's memory: if one did, the output is a copy now.
        output.makeUnique()
        let place = MatrixPlace(output: output.storage.start, count: output.count, layout)
        let epilogue = try MatrixTensorEpilogue(epilogue, batch: batch)
        let problem = try MatrixProblem(
            MatrixPlace(a.input), right, into: place, alpha: alpha, beta: beta, epilogue.input)
        try problem.run(kernel, in: nil, execution: execution)
    }

    func plan(
        _ alpha: Float, _ beta: Float, _ kernel: AttentionKernel, _ execution: Execution
    ) throws(KernelError) -> MatmulPlan {
        let epilogue = try MatrixTensorEpilogue(epilogue, batch: batch)
        let problem = try MatrixProblem(
            measuring: MatrixPlace(a.input), right, nil, alpha: alpha, beta: beta, epilogue.input)
        return try problem.plan(kernel, execution: execution)
    }

    /// The second factor; `self` keeps it alive.
    private var right: MatrixPlace {
        switch b {
        case .tensor(let operand): MatrixPlace(operand.input)
        case .packed(let packed): MatrixPlace(packed, batch: batch)
        }
    }
}

/// An epilogue of tensors: what it keeps alive and how it is read.
struct MatrixTensorEpilogue {
    private let epilogue: MatmulEpilogue
    private let residual: MatrixTensorOperand?

    init(_ epilogue: MatmulEpilogue, batch: Int) throws(KernelError) {
        self.epilogue = epilogue
        if let view = epilogue.residual?.view {
            var operand = try MatrixTensorOperand(.residual, view)
            operand.repeat(batch)
            residual = operand
        } else {
            residual = nil
        }
        try Self.requireVector(.rowScale, epilogue.rowScale)
        try Self.requireVector(.columnScale, epilogue.columnScale)
        try Self.requireVector(.bias, epilogue.bias)
    }

    private static func requireVector(_ argument: KernelError.Argument, _ vector: Tensor?) throws(KernelError) {
        if let vector, vector.rank != 1 {
            throw KernelError(
                .wrongRank, argument, "shape \(vector.shape) has rank \(vector.rank); it should be a vector, rank 1")
        }
    }

    var input: EpilogueInput {
        @_lifetime(borrow self)
        get {
            let input = EpilogueInput(
                unsafe: ck_vector(epilogue.rowScale), columnScale: ck_vector(epilogue.columnScale),
                bias: ck_vector(epilogue.bias), activation: epilogue.activation,
                residual: residual.map { MatrixPlace($0.input) })
            return _overrideLifetime(input, borrowing: self)
        }
    }
}

extension ck_vector {
    /// The elements of a tensor that the caller keeps alive.
    fileprivate init(_ tensor: Tensor?) {
        guard let tensor else {
            self.init()
            return
        }
        self.init(data: UnsafePointer(tensor.storage.start), count: Int64(tensor.count))
    }
}

extension MatrixLayout {
    /// The layout of a tensor or view of rank 2 or 3.
    init(_ argument: KernelError.Argument, _ view: TensorView) throws(KernelError) {
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
}
