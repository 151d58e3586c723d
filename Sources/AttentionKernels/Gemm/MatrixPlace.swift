import CKernels

/// Where an operand of a product lies. Whoever makes a place keeps the memory alive until the call returns.
struct MatrixPlace {
    let start: UnsafeMutableRawPointer?
    /// The number of elements; of bytes, where the matrix is packed.
    let count: Int
    /// As stored.
    let layout: MatrixLayout
    let isTransposed: Bool
    /// A matrix each, for a batch whose matrices lie apart; `start` is nil then.
    let pointers: UnsafePointer<UnsafeMutableRawPointer?>?
    /// What the memory at `start` was packed for.
    let packedFor: InstructionSet?

    init(_ input: MatrixInput) {
        start = UnsafeMutableRawPointer(mutating: input.start)
        count = input.count
        layout = input.layout
        isTransposed = input.isTransposed
        pointers = nil
        packedFor = nil
    }

    init(_ output: borrowing MatrixOutput) {
        self.init(output: output.start, count: output.count, output.layout)
    }

    /// An output, or none yet: memory to be measured for.
    init(output start: UnsafeMutablePointer<Float>?, count: Int, _ layout: MatrixLayout) {
        self.start = UnsafeMutableRawPointer(start)
        self.count = count
        self.layout = layout
        isTransposed = false
        pointers = nil
        packedFor = nil
    }

    /// Matrices of one layout, each of `count` elements at a pointer of its own.
    init(
        pointers: UnsafePointer<UnsafeMutableRawPointer?>?, count: Int, _ layout: MatrixLayout, transposed: Bool = false
    ) {
        start = nil
        self.count = count
        self.layout = layout
        isTransposed = transposed
        self.pointers = pointers
        packedFor = nil
    }

    /// A packed matrix for every one of a batch.
    init(_ packed: PackedMatrix, batch: Int) {
        start = UnsafeMutableRawPointer(packed.storage.start)
        count = packed.byteCount
        layout = MatrixLayout(batch: batch, rows: packed.rows, columns: packed.columns, batchStride: 0)
        isTransposed = false
        pointers = nil
        packedFor = packed.instructionSet
    }

    /// The number of rows as read.
    var rows: Int { isTransposed ? layout.columns : layout.rows }
    /// The number of columns as read.
    var columns: Int { isTransposed ? layout.rows : layout.columns }

    /// The layout as read, in C's terms. C never writes to an input.
    var cValue: ck_matrix {
        let read = isTransposed ? layout.transposed : layout
        return ck_matrix(
            data: start, count: Int64(count), offset: Int64(read.offset), batch_stride: Int64(read.batchStride),
            row_stride: Int64(read.rowStride), column_stride: Int64(read.columnStride), dtype: .CK_F32,
            pointers: pointers)
    }

    var shapeText: String { layout.shapeText + (isTransposed ? " transposed" : "") }

    var fullText: String {
        if let packedFor { return "\(layout.shapeText) packed for \(packedFor.name)" }
        return layout.fullText
    }
}

extension MatrixLayout {
    var shapeText: String { "[\(batch), \(rows), \(columns)]" }

    var fullText: String {
        "\(shapeText) with strides [\(batchStride), \(rowStride), \(columnStride)]"
            + (offset == 0 ? "" : " and offset \(offset)")
    }
}
