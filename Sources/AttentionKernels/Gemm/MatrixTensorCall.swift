import CKernels

/// A tensor of rank 2 or 3 as a batch of matrices: its memory, kept alive, and how it is read.
struct MatrixTensorOperand {
    private let owner: AnyObject
    private let start: UnsafeRawPointer
    private let count: Int
    private let format: MatrixFormat
    private var layout: MatrixLayout
    private let isTransposed: Bool
    let rank: Int

    init<Element>(
        _ argument: KernelError.Argument, _ tensor: some StridedArray<Element>, transposed: Bool = false
    ) throws(KernelError) {
        let view = tensor.view
        let storage = view.tensor.storage
        owner = storage
        start = UnsafeRawPointer(storage.start)
        count = storage.count
        format = Element.format
        layout = try MatrixLayout(argument, view)
        isTransposed = transposed
        rank = view.rank
    }

    /// The elements; whoever holds `self` keeps them alive.
    var place: MatrixPlace { MatrixPlace(start, count: count, format, layout, transposed: isTransposed) }

    var batch: Int { layout.batch }

    /// Uses the one matrix there is for a batch of `count`.
    mutating func `repeat`(_ count: Int) {
        if layout.batch == 1 && count != 1 {
            layout.batch = count
            layout.batchStride = 0
        }
    }
}

/// One product of tensors: what it keeps alive and how each operand is read.
struct MatrixTensorCall {
    private enum RightFactor {
        case tensor(MatrixTensorOperand)
        case packed(PackedFactorMemory)
    }

    private var a: MatrixTensorOperand
    private let b: RightFactor
    private let epilogue: MatrixTensorEpilogue
    private let arithmetic: MatmulArithmetic
    private let batch: Int
    private let columns: Int
    private let hasRank3: Bool

    init(
        _ a: some StridedArray, _ transposeA: Bool, _ b: some StridedArray, _ transposeB: Bool,
        _ epilogue: MatmulEpilogue
    ) throws(KernelError) {
        self.a = try MatrixTensorOperand(.a, a, transposed: transposeA)
        var right = try MatrixTensorOperand(.b, b, transposed: transposeB)
        batch = self.a.batch == 1 ? right.batch : self.a.batch
        self.a.repeat(batch)
        right.repeat(batch)
        columns = right.place.columns
        self.b = .tensor(right)
        self.epilogue = try MatrixTensorEpilogue(epilogue, batch: batch)
        arithmetic = .float
        hasRank3 = self.a.rank == 3 || right.rank == 3
    }

    init(
        _ a: some StridedArray, _ transposeA: Bool, _ b: some PackedFactor, _ epilogue: MatmulEpilogue,
        _ arithmetic: MatmulArithmetic
    ) throws(KernelError) {
        self.a = try MatrixTensorOperand(.a, a, transposed: transposeA)
        self.b = .packed(b.memory)
        batch = self.a.batch
        self.epilogue = try MatrixTensorEpilogue(epilogue, batch: batch)
        self.arithmetic = arithmetic
        columns = b.columns
        hasRank3 = self.a.rank == 3
    }

    /// `[m, n]`, or `[batch, m, n]` if an operand has rank 3.
    private var outputShape: [Int] {
        let rows = a.place.rows
        return hasRank3 ? [batch, rows, columns] : [rows, columns]
    }

    /// The product as a new tensor.
    func product<Element>(
        _: Element.Type, _ alpha: Float, _ kernel: AttentionKernel, _ execution: Execution
    ) throws(KernelError) -> TypedTensor<Element> {
        var output = try TypedTensor<Element>(uninitialized: outputShape)
        try run(into: &output, alpha: alpha, beta: 0, kernel, execution)
        return output
    }

    func run<Element>(
        into output: inout TypedTensor<Element>, alpha: Float, beta: Float, _ kernel: AttentionKernel,
        _ execution: Execution
    ) throws(KernelError) {
        guard output.rank == (hasRank3 ? 3 : 2) else {
            throw KernelError(
                .wrongRank, .c, "shape \(output.shape) has rank \(output.rank); it should be \(outputShape)")
        }
        let layout = try MatrixLayout(.c, output.view)
        // From here on no input shares the output's memory: if one did, the output is a copy now.
        output.makeUnique()
        let place = MatrixPlace(
            UnsafeRawPointer(output.storage.start), count: output.count, Element.format, layout)
        try MatrixProblem(a.place, right, into: place, alpha: alpha, beta: beta, epilogue.input, arithmetic)
            .run(kernel, in: nil, execution: execution)
    }

    func plan(
        _ type: (any TensorScalar.Type)?, _ alpha: Float, _ beta: Float, _ kernel: AttentionKernel,
        _ execution: Execution
    ) throws(KernelError) -> MatmulPlan {
        try MatrixProblem(measuring: a.place, right, nil, type, alpha: alpha, beta: beta, epilogue.input, arithmetic)
            .plan(kernel, execution: execution)
    }

    /// The second factor; `self` keeps it alive.
    private var right: MatrixPlace {
        switch b {
        case .tensor(let operand): operand.place
        case .packed(let memory): memory.place
        }
    }
}

/// An epilogue of tensors: what it keeps alive and how it is read.
struct MatrixTensorEpilogue {
    private let epilogue: MatmulEpilogue
    private let residual: MatrixTensorOperand?

    init(_ epilogue: MatmulEpilogue, batch: Int) throws(KernelError) {
        self.epilogue = epilogue
        if let tensor = epilogue.residual {
            var operand = try MatrixTensorOperand(.residual, tensor)
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
                residual: residual?.place)
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
    init(_ argument: KernelError.Argument, _ view: TypedTensorView<some TensorScalar>) throws(KernelError) {
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
