import CKernels

/// `C = alpha * A B + beta * C` over borrowed memory, as C takes it.
struct MatrixProblem {
    /// The C problem, on the stack.
    let cValue: ck_gemm_problem
    private let aLayout: MatrixLayout
    private let bLayout: MatrixLayout
    private let cLayout: MatrixLayout

    /// The problem of multiplying `a` and `b` into matrices at `start`.
    ///
    /// - Throws: ``KernelError`` if the shapes disagree.
    init(
        _ a: MatrixInput, _ b: MatrixInput, into start: UnsafeMutablePointer<Float>?, count: Int,
        _ layout: MatrixLayout, alpha: Float, beta: Float
    ) throws(KernelError) {
        aLayout = a.layout
        bLayout = b.layout
        cLayout = layout
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
        guard layout.batch == a.layout.batch, layout.rows == a.rows, layout.columns == b.columns else {
            throw KernelError(
                .shapeMismatch, .c,
                "shape \(layout.shapeText) should be [\(a.layout.batch), \(a.rows), \(b.columns)] (batch, rows of a, "
                    + "columns of b)")
        }
        var problem = ck_gemm_problem()
        problem.batch = Int64(a.layout.batch)
        problem.m = Int64(a.rows)
        problem.n = Int64(b.columns)
        problem.k = Int64(a.columns)
        problem.a = ck_matrix(UnsafeMutableRawPointer(mutating: a.start), a.count, a.read)
        problem.b = ck_matrix(UnsafeMutableRawPointer(mutating: b.start), b.count, b.read)
        problem.c = ck_matrix(UnsafeMutableRawPointer(start), count, layout)
        problem.alpha = alpha
        problem.beta = beta
        cValue = problem
    }

    /// Multiplies, with the caller's scratch memory or the execution's.
    func run(
        _ kernel: AttentionKernel, in workspace: UnsafeMutableRawBufferPointer?, execution: Execution
    ) throws(KernelError) {
        try execution.run(
            in: workspace,
            measure: { options, byteCount, diagnosis in measure(kernel, options, &byteCount, &diagnosis) },
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

    private func measure(
        _ kernel: AttentionKernel, _ options: ck_options, _ byteCount: inout Int, _ diagnosis: inout ck_diagnosis
    ) -> ck_status {
        withUnsafePointer(to: cValue) { problem in
            withUnsafePointer(to: options) { ck_gemm_workspace(kernel.cValue, problem, $0, &byteCount, &diagnosis) }
        }
    }

    private func describe(_ argument: KernelError.Argument) -> String {
        switch argument {
        case .a: aLayout.fullText
        case .b: bLayout.fullText
        case .c: cLayout.fullText
        case .alpha: "\(cValue.alpha)"
        case .beta: "\(cValue.beta)"
        default: argument.rawValue
        }
    }
}

extension MatrixInput {
    var shapeText: String { layout.shapeText + (isTransposed ? " transposed" : "") }
}

extension MatrixLayout {
    var shapeText: String { "[\(batch), \(rows), \(columns)]" }

    var fullText: String {
        "\(shapeText) with strides [\(batchStride), \(rowStride), \(columnStride)]"
            + (offset == 0 ? "" : " and offset \(offset)")
    }
}

extension ck_matrix {
    fileprivate init(_ data: UnsafeMutableRawPointer?, _ count: Int, _ layout: MatrixLayout) {
        self.init(
            data: data, count: Int64(count), offset: Int64(layout.offset), batch_stride: Int64(layout.batchStride),
            row_stride: Int64(layout.rowStride), column_stride: Int64(layout.columnStride), dtype: .CK_F32,
            pointers: nil)
    }
}
