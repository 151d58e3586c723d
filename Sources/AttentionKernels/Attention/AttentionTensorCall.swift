/// One call on tensors: the views it keeps alive and their layouts.
struct AttentionTensorCall {
    struct Operand {
        private let owner: AnyObject
        private let start: UnsafeRawPointer
        private let count: Int
        private let format: MatrixFormat
        let shape: [Int]
        let layout: AttentionLayout

        init<Element: TensorElement>(
            _ argument: KernelError.Argument, _ view: TypedTensorView<Element>
        ) throws(KernelError) {
            let storage = view.tensor.storage
            owner = storage
            start = UnsafeRawPointer(storage.start)
            count = storage.count
            format = Element.format
            shape = view.shape
            layout = try AttentionLayout(argument, shape: view.shape, strides: view.strides, offset: view.offset)
        }

        /// The same for rows to be appended to a cache.
        var newRows: CacheInput.NewRows {
            CacheInput.NewRows(start: start, count: count, format: format, layout: layout)
        }

        /// The elements; whoever holds `self` keeps them alive.
        var input: AttentionInput {
            @_lifetime(borrow self)
            get {
                let input = AttentionInput(unsafe: start, count: count, format, layout)
                return _overrideLifetime(input, borrowing: self)
            }
        }
    }

    let query: Operand
    let key: Operand
    let value: Operand
    let options: AttentionOptions

    init(
        _ query: TypedTensorView<some TensorElement>, _ key: TypedTensorView<some TensorElement>,
        _ value: TypedTensorView<some TensorElement>, _ options: AttentionOptions
    ) throws(KernelError) {
        self.query = try Operand(.query, query)
        self.key = try Operand(.key, key)
        self.value = try Operand(.value, value)
        self.options = options
        try requireRank(.key, key.rank)
        try requireRank(.value, value.rank)
        let problem = AttentionProblem(query: self.query.input, key: self.key.input, value: self.value.input)
        try problem.checkInputs()
    }

    /// The shape of a result of the query's rank: `width` columns for each query, or one number.
    func shape(width: Int?) -> [Int] {
        query.shape.dropLast() + (width.map { [$0] } ?? [])
    }

    /// Makes the call into `output` and, where there is a tensor, `lse` and `weights`.
    func run<Element: TensorElement>(
        _ kernel: AttentionKernel, into output: inout TypedTensor<Element>, lse: inout Tensor?, weights: inout Tensor?,
        execution: Execution
    ) throws(KernelError) {
        try requireRank(.output, output.rank)
        let outputLayout = try AttentionLayout(
            .output, shape: output.shape, strides: output.strides, offset: 0)
        // From here on no input shares the output's memory: if one did, the output is a copy now.
        output.makeUnique()
        let places = OutputPlaces(
            output: OutputPlace(output, outputLayout),
            lse: lse.map { contiguousPlace($0, width: 1) },
            weights: weights.map { contiguousPlace($0, width: key.layout.length) })
        try kernel.forward(try problem, places, workspace: nil, execution: execution)
    }

    /// The problem over the tensors that this call holds.
    var problem: AttentionProblem {
        @_lifetime(borrow self)
        get throws(KernelError) {
            var problem = AttentionProblem(
                query: query.input, key: key.input, value: value.input, causality: options.causality,
                scale: options.scale, mask: try options.maskInput, bias: try options.biasInput,
                keyLengths: options.keyLengths?.span,
                keepsFloatProbabilities: options.keepsFloatProbabilities)
            problem.visibility = options.visibility
            problem.scores = options.scores
            problem.scoreFunction = options.scoreFunction
            return problem
        }
    }

    private func contiguousPlace(_ tensor: Tensor, width: Int) -> OutputPlace {
        let layout = query.layout
        return OutputPlace(
            tensor, .bhsd(batch: layout.batch, heads: layout.heads, length: layout.length, width: width))
    }

    private func requireRank(_ argument: KernelError.Argument, _ rank: Int) throws(KernelError) {
        guard rank == query.shape.count else {
            throw KernelError(
                .wrongRank, argument, "it has rank \(rank); it should have the rank of query, \(query.shape.count)")
        }
    }
}

extension OutputPlace {
    /// A tensor this call alone writes to; the caller keeps it alive.
    init<Element: TensorElement>(_ tensor: borrowing TypedTensor<Element>, _ layout: AttentionLayout) {
        start = UnsafeMutableRawPointer(tensor.storage.start)
        count = tensor.count
        format = Element.format
        self.layout = layout
    }
}
