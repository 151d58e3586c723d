import CKernels

// Matrices as the layers take them: one matrix, rows whose elements lie together.

extension ck_rows {
    /// The rows of `place`.
    ///
    /// - Throws: ``KernelError`` if it is a batch, packed, or its columns do not lie together.
    init(_ argument: KernelError.Argument, _ place: MatrixPlace) throws(KernelError) {
        guard place.layout.batch == 1, place.packedFor == nil, place.pointers == nil else {
            throw KernelError(.wrongRank, argument, "\(place.fullText) should be one matrix [rows, columns]")
        }
        var rows = ck_rows(
            data: place.start, count: Int64(place.count), offset: Int64(place.layout.offset),
            row_stride: Int64(place.layout.rowStride), dtype: place.format.cValue)
        if place.isQuantized {
            rows.row_stride = Int64(place.layout.rows / QuantizedFormat.blockLength)
        } else if place.isTransposed || (place.layout.columnStride != 1 && place.layout.columns > 1) {
            throw KernelError(.notContiguous, argument, "\(place.fullText) should have elements of a row side by side")
        }
        self = rows
    }
}

extension ck_indices {
    /// The elements of a span that outlives the call. `Int` and `int64_t` are the same on every platform this package
    /// supports.
    init(_ elements: Span<Int>) {
        let start = elements.withUnsafeBufferPointer {
            UnsafeRawPointer($0.baseAddress)?.assumingMemoryBound(to: Int64.self)
        }
        self.init(data: start, count: Int64(elements.count))
    }
}

extension Execution {
    /// Runs one layer.
    ///
    /// - Parameters:
    ///   - call: the C entry point.
    ///   - places: the matrices of the call, for the sentence of an error.
    func runLayer(
        _ call: (UnsafePointer<ck_options>, inout ck_diagnosis) -> ck_status,
        describe: (KernelError.Argument) -> String
    ) throws(KernelError) {
        try ask(
            { options, diagnosis in withUnsafePointer(to: options) { call($0, &diagnosis) } }, describe: describe)
    }
}

/// Throws if a matrix is not `[rows, columns]`.
func requireSize(
    _ argument: KernelError.Argument, _ place: MatrixPlace, rows: Int, columns: Int
) throws(KernelError) {
    guard place.rows == rows, place.columns == columns else {
        throw KernelError(.shapeMismatch, argument, "shape \(place.shapeText) should be [1, \(rows), \(columns)]")
    }
}
