import CKernels

/// `C = epilogue(alpha * A B + beta * C)` over borrowed memory, as C takes it.
struct MatrixProblem {
    /// The C problem, on the stack.
    private var cValue = ck_gemm_problem()
    private let a: MatrixPlace
    private let b: MatrixPlace
    private let c: MatrixPlace
    private var residual: MatrixPlace?

    /// The problem of multiplying `a` and `b` into `c`.
    ///
    /// - Throws: ``KernelError`` if the shapes disagree.
    init(
        _ a: MatrixPlace, _ b: MatrixPlace, into c: MatrixPlace, alpha: Float, beta: Float, _ epilogue: EpilogueInput?,
        _ arithmetic: MatmulArithmetic = .float
    ) throws(KernelError) {
        let b = b.serving(batch: a.layout.batch)
        (self.a, self.b, self.c) = (a, b, c)
        guard b.rows == a.columns else {
            throw KernelError(
                .shapeMismatch, .b,
                "it has \(b.rows) rows in \(b.shapeText), but a has \(a.columns) columns in \(a.shapeText)")
        }
        guard b.layout.batch == a.layout.batch else {
            throw KernelError(
                .shapeMismatch, .b,
                "its batch is \(b.layout.batch) in \(b.shapeText), but that of a is \(a.layout.batch) in \(a.shapeText)"
            )
        }
        try b.checkAlignment()
        try requireOutputShape(.c, c)
        cValue.batch = Int64(a.layout.batch)
        cValue.m = Int64(a.rows)
        cValue.n = Int64(b.columns)
        cValue.k = Int64(a.columns)
        cValue.a = a.cValue
        if b.packedFor == nil {
            cValue.b = b.cValue
        } else {
            cValue.b.dtype = b.format.cValue
            cValue.packed_b = UnsafeRawPointer(b.start)
            cValue.packed_b_bytes = b.count
        }
        cValue.c = c.cValue
        cValue.alpha = alpha
        cValue.beta = beta
        cValue.arithmetic = arithmetic.cValue
        if let epilogue { try setEpilogue(epilogue) }
    }

    /// The same with an output that does not exist yet: of the type of a's products and contiguous where nothing else is
    /// asked for.
    init(
        measuring a: MatrixPlace, _ b: MatrixPlace, _ layout: MatrixLayout?, _ type: (any TensorScalar.Type)?,
        alpha: Float, beta: Float, _ epilogue: EpilogueInput?, _ arithmetic: MatmulArithmetic
    ) throws(KernelError) {
        let layout = layout ?? MatrixLayout(batch: a.layout.batch, rows: a.rows, columns: b.columns)
        let format = type?.format ?? (a.format == .int8 ? .int32 : a.format)
        let output = MatrixPlace(nil, count: layout.elementCount, format, layout)
        try self.init(a, b, into: output, alpha: alpha, beta: beta, epilogue, arithmetic)
    }

    private mutating func setEpilogue(_ epilogue: EpilogueInput) throws(KernelError) {
        cValue.epilogue.row_scale = epilogue.rowScale
        cValue.epilogue.column_scale = epilogue.columnScale
        cValue.epilogue.bias = epilogue.bias
        cValue.epilogue.activation = epilogue.activation.cValue
        if let place = epilogue.residual {
            try requireOutputShape(.residual, place)
            residual = place
            cValue.epilogue.residual = place.cValue
        }
    }

    private func requireOutputShape(_ argument: KernelError.Argument, _ place: MatrixPlace) throws(KernelError) {
        guard place.layout.batch == a.layout.batch, place.rows == a.rows, place.columns == b.columns else {
            throw KernelError(
                .shapeMismatch, argument,
                "shape \(place.shapeText) should be [\(a.layout.batch), \(a.rows), \(b.columns)] (batch, rows of a, "
                    + "columns of b)")
        }
    }

    /// Multiplies, with the caller's scratch memory or the execution's.
    func run(
        _ kernel: AttentionKernel, in workspace: consuming MutableRawSpan?, execution: Execution
    ) throws(KernelError) {
        let memory: UnsafeMutableRawBufferPointer? =
            if var workspace { workspace.withUnsafeMutableBytes { $0 } } else { nil }
        try execution.run(
            in: memory,
            run: { options, diagnosis in
                withUnsafePointer(to: cValue) { problem in
                    withUnsafePointer(to: options) { ck_gemm(kernel.cValue, problem, $0, &diagnosis) }
                }
            },
            describe: { describe($0) })
    }

    /// The exact scratch memory of the call, in bytes.
    func workspaceByteCount(_ kernel: AttentionKernel, execution: Execution) throws(KernelError) -> Int {
        try execution.workspaceByteCount(
            measure: { options, byteCount, diagnosis in measure(kernel, options, &byteCount, &diagnosis) },
            describe: { describe($0) })
    }

    /// What the call would do.
    func plan(_ kernel: AttentionKernel, execution: Execution) throws(KernelError) -> MatmulPlan {
        var explanation = ck_gemm_explanation()
        try execution.ask(
            { options, diagnosis in
                withUnsafePointer(to: cValue) { problem in
                    withUnsafePointer(to: options) {
                        ck_gemm_explain(kernel.cValue, problem, $0, &explanation, &diagnosis)
                    }
                }
            }, describe: { describe($0) })
        return MatmulPlan(explanation, batch: a.layout.batch)
    }

    private func measure(
        _ kernel: AttentionKernel, _ options: ck_options, _ byteCount: inout Int, _ diagnosis: inout ck_diagnosis
    ) -> ck_status {
        withUnsafePointer(to: cValue) { problem in
            withUnsafePointer(to: options) { ck_gemm_workspace(kernel.cValue, problem, $0, &byteCount, &diagnosis) }
        }
    }

    private func describe(_ argument: KernelError.Argument) -> String {
        switch argument {
        case .a: a.fullText
        case .b: b.fullText
        case .c: c.fullText
        case .residual: residual?.fullText ?? "nil"
        case .alpha: "\(cValue.alpha)"
        case .beta: "\(cValue.beta)"
        case .arithmetic: MatmulArithmetic(cValue.arithmetic).rawValue
        default: argument.rawValue
        }
    }
}
