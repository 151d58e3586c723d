// Products of matrices that lie apart: one call, one plan and one set of tasks for all of them.

/// The products of pairs of matrices as new tensors, in one parallel call: `epilogue(alpha * A[i] B[i])`.
///
/// - Parameters:
///   - a: matrices of one shape and strides, `[m, k]`, or `[k, m]` with `transposeA`; one of them serves all of `b`.
///   - b: matrices of one shape and strides, `[k, n]`, or `[n, k]` with `transposeB`; one of them serves all of `a`.
///   - transposeA: whether to read all of `a` transposed.
///   - transposeB: whether to read all of `b` transposed.
///   - alpha: the factor of the products, finite.
///   - epilogue: what becomes of each product before it is stored; its residual may be of rank 3, `[count, m, n]`.
///   - kernel: which kernel.
///   - execution: threads and instruction set.
/// - Returns: a matrix `[m, n]` for each pair, of the type of `a`; `Int32` where that is `Int8`.
/// - Throws: ``KernelError`` if an argument is wrong.
/// - Complexity: O(*count · m · n · k*).
public func matmul<Element>(
    pairs a: [some StridedArray<Element>], _ b: [some StridedArray], transposeA: Bool = false, transposeB: Bool = false,
    alpha: Float = 1, epilogue: MatmulEpilogue = MatmulEpilogue(), kernel: AttentionKernel = .fused,
    execution: Execution = .shared
) throws(KernelError) -> [TypedTensor<Element.Product>] {
    let call = try MatrixBatchCall(
        MatrixList(.a, a, transposed: transposeA), MatrixList(.b, b, transposed: transposeB), epilogue)
    var outputs: [TypedTensor<Element.Product>] = []
    outputs.reserveCapacity(call.batch)
    for _ in 0..<call.batch { outputs.append(try TypedTensor(uninitialized: call.outputShape)) }
    try call.run(a, b, into: &outputs, alpha: alpha, beta: 0, kernel, execution)
    return outputs
}

/// Multiplies pairs of matrices into tensors that are there already, in one parallel call:
/// `C[i] = epilogue(alpha * A[i] B[i] + beta * C[i])`. As
/// ``matmul(pairs:_:transposeA:transposeB:alpha:epilogue:kernel:execution:)`` in all else.
///
/// - Throws: ``KernelError`` if an argument is wrong; then nothing has been written.
public func matmul(
    pairs a: [some StridedArray], _ b: [some StridedArray], into outputs: inout [TypedTensor<some TensorScalar>],
    transposeA: Bool = false, transposeB: Bool = false, alpha: Float = 1, beta: Float = 0,
    epilogue: MatmulEpilogue = MatmulEpilogue(),
    kernel: AttentionKernel = .fused, execution: Execution = .shared
) throws(KernelError) {
    let call = try MatrixBatchCall(
        MatrixList(.a, a, transposed: transposeA), MatrixList(.b, b, transposed: transposeB), epilogue)
    try call.run(a, b, into: &outputs, alpha: alpha, beta: beta, kernel, execution)
}

/// What the matrices of a list have in common.
private struct MatrixList {
    let matrices: Int
    /// Of one matrix, its offset such that its lowest element is element 0.
    let layout: MatrixLayout
    let count: Int
    let format: MatrixFormat
    let isTransposed: Bool

    init<Element>(
        _ argument: KernelError.Argument, _ list: [some StridedArray<Element>], transposed: Bool
    ) throws(KernelError) {
        guard let first = list.first?.view else {
            throw KernelError(
                .shapeMismatch, argument, "the list is empty; it should hold a matrix for each product, or one")
        }
        guard first.rank == 2 else {
            throw KernelError(
                .wrongRank, argument, "shape \(first.shape) has rank \(first.rank); it should be [rows, columns]")
        }
        for (index, tensor) in list.enumerated()
        where tensor.view.shape != first.shape || tensor.view.strides != first.strides {
            throw KernelError(
                .shapeMismatch, argument,
                "matrix \(index) has shape \(tensor.view.shape) and strides \(tensor.view.strides); they should be those of the "
                    + "first, \(first.shape) and \(first.strides)")
        }
        matrices = list.count
        format = Element.format
        isTransposed = transposed
        let reach = MatrixReach(first)
        layout = MatrixLayout(
            rows: first.shape[0], columns: first.shape[1], rowStride: first.strides[0], columnStride: first.strides[1],
            offset: -reach.lowest)
        count = reach.count
    }
}

/// The lowest element of a view of rank 2 against its first, and how many elements it reaches over.
private struct MatrixReach {
    let lowest: Int
    let count: Int

    init(_ view: TypedTensorView<some TensorScalar>) {
        guard !view.shape.contains(0) else {
            (lowest, count) = (0, 0)
            return
        }
        let (down, across) = ((view.shape[0] - 1) * view.strides[0], (view.shape[1] - 1) * view.strides[1])
        lowest = min(down, 0) + min(across, 0)
        count = 1 + abs(down) + abs(across)
    }

    static func start(_ view: TypedTensorView<some TensorScalar>) -> UnsafeMutableRawPointer? {
        UnsafeMutableRawPointer(view.tensor.storage.start + view.offset + MatrixReach(view).lowest)
    }
}

/// One call on lists of tensors.
private struct MatrixBatchCall {
    let a: MatrixList
    let b: MatrixList
    let epilogue: MatmulEpilogue
    let batch: Int
    let outputShape: [Int]

    init(_ a: MatrixList, _ b: MatrixList, _ epilogue: MatmulEpilogue) throws(KernelError) {
        guard a.matrices == b.matrices || a.matrices == 1 || b.matrices == 1 else {
            throw KernelError(
                .shapeMismatch, .b, "there are \(b.matrices) matrices; there should be \(a.matrices), as of a, or 1")
        }
        (self.a, self.b, self.epilogue) = (a, b, epilogue)
        batch = max(a.matrices, b.matrices)
        outputShape = [
            a.isTransposed ? a.layout.columns : a.layout.rows, b.isTransposed ? b.layout.rows : b.layout.columns,
        ]
    }

    func run<Element>(
        _ aTensors: [some StridedArray], _ bTensors: [some StridedArray], into outputs: inout [TypedTensor<Element>],
        alpha: Float, beta: Float, _ kernel: AttentionKernel, _ execution: Execution
    ) throws(KernelError) {
        guard outputs.count == batch else {
            throw KernelError(.shapeMismatch, .c, "there are \(outputs.count) outputs; there should be \(batch)")
        }
        for (index, output) in outputs.enumerated() where output.shape != outputShape {
            throw KernelError(
                .shapeMismatch, .c, "output \(index) has shape \(output.shape); it should be \(outputShape)")
        }
        // From here on no output shares memory with an input or another output.
        for index in outputs.indices { outputs[index].makeUnique() }
        let result = withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer?.self, capacity: 3 * batch) { table in
            for index in 0..<batch {
                let (first, second) = (a.matrices == 1 ? 0 : index, b.matrices == 1 ? 0 : index)
                table.initializeElement(at: index, to: MatrixReach.start(aTensors[first].view))
                table.initializeElement(at: batch + index, to: MatrixReach.start(bTensors[second].view))
                table.initializeElement(
                    at: 2 * batch + index, to: UnsafeMutableRawPointer(outputs[index].storage.start))
            }
            return withExtendedLifetime((aTensors, bTensors, outputs)) {
                multiply(table, Element.format, alpha, beta, kernel, execution)
            }
        }
        try result.get()
    }

    private func multiply(
        _ table: UnsafeMutableBufferPointer<UnsafeMutableRawPointer?>, _ outputFormat: MatrixFormat, _ alpha: Float,
        _ beta: Float, _ kernel: AttentionKernel, _ execution: Execution
    ) -> Result<Void, KernelError> {
        func place(
            _ part: Int, _ count: Int, _ format: MatrixFormat, _ layout: MatrixLayout, _ isTransposed: Bool
        ) -> MatrixPlace {
            var layout = layout
            layout.batch = batch
            let pointers = table.baseAddress.map { UnsafePointer($0 + part * batch) }
            return MatrixPlace(pointers: pointers, count: count, format, layout, transposed: isTransposed)
        }
        let output = MatrixLayout(rows: outputShape[0], columns: outputShape[1])
        do throws(KernelError) {
            let epilogue = try MatrixTensorEpilogue(epilogue, batch: batch)
            let problem = try MatrixProblem(
                place(0, a.count, a.format, a.layout, a.isTransposed),
                place(1, b.count, b.format, b.layout, b.isTransposed),
                into: place(2, output.elementCount, outputFormat, output, false), alpha: alpha, beta: beta,
                epilogue.input)
            return .success(try problem.run(kernel, in: nil, execution: execution))
        } catch {
            return .failure(error)
        }
    }
}
