import CKernels

/// Where an operand of a product lies. Whoever makes a place keeps the memory alive until the call returns.
struct MatrixPlace {
    let start: UnsafeMutableRawPointer?
    /// The number of elements, or of blocks; of bytes, where the matrix is packed.
    let count: Int
    let format: MatrixFormat
    /// As stored; of quantised and packed weights as read.
    private(set) var layout: MatrixLayout
    let isTransposed: Bool
    /// A matrix each, for a batch whose matrices lie apart; `start` is nil then.
    let pointers: UnsafePointer<UnsafeMutableRawPointer?>?
    /// What the memory at `start` was packed for.
    let packedFor: InstructionSet?
    /// Whether the memory holds quantised blocks in the order of files.
    let isQuantized: Bool

    private init(
        start: UnsafeMutableRawPointer?, count: Int, _ format: MatrixFormat, _ layout: MatrixLayout,
        transposed: Bool = false, pointers: UnsafePointer<UnsafeMutableRawPointer?>? = nil,
        packedFor: InstructionSet? = nil, quantized: Bool = false
    ) {
        self.start = start
        self.count = count
        self.format = format
        self.layout = layout
        isTransposed = transposed
        self.pointers = pointers
        self.packedFor = packedFor
        isQuantized = quantized
    }

    /// Elements at an address; C never writes to those of an input. No address: memory to be measured for.
    init(
        _ start: UnsafeRawPointer?, count: Int, _ format: MatrixFormat, _ layout: MatrixLayout, transposed: Bool = false
    ) {
        self.init(
            start: UnsafeMutableRawPointer(mutating: start), count: count, format, layout, transposed: transposed)
    }

    /// Matrices of one layout, each of `count` elements at a pointer of its own.
    init(
        pointers: UnsafePointer<UnsafeMutableRawPointer?>?, count: Int, _ format: MatrixFormat, _ layout: MatrixLayout,
        transposed: Bool = false
    ) {
        self.init(start: nil, count: count, format, layout, transposed: transposed, pointers: pointers)
    }

    /// What packing made of a matrix.
    init(
        packed bytes: UnsafeMutableRawBufferPointer, _ format: MatrixFormat, for set: InstructionSet,
        _ layout: MatrixLayout
    ) {
        self.init(start: bytes.baseAddress, count: bytes.count, format, layout, packedFor: set)
    }

    /// Quantised weights in the order of files.
    init(quantized bytes: UnsafeRawBufferPointer, _ format: QuantizedFormat, rows: Int, columns: Int) {
        self.init(
            start: UnsafeMutableRawPointer(mutating: bytes.baseAddress), count: bytes.count / format.blockByteCount,
            format.format, MatrixLayout(rows: rows, columns: columns, batchStride: 0), quantized: true)
    }

    /// Blocks begin with a number of 16 bits.
    func checkAlignment() throws(KernelError) {
        guard !isQuantized || Int(bitPattern: start).isMultiple(of: 2) else {
            throw KernelError(
                .invalidValue, .b, "its blocks begin at the odd address \(start.debugDescription); it should be even")
        }
    }

    /// The number of rows as read.
    var rows: Int { isTransposed ? layout.columns : layout.rows }
    /// The number of columns as read.
    var columns: Int { isTransposed ? layout.rows : layout.columns }

    /// The one matrix there is of packed and quantised weights, for a batch of `count`; all others as they are.
    func serving(batch count: Int) -> MatrixPlace {
        guard packedFor != nil || isQuantized else { return self }
        var place = self
        place.layout.batch = count
        return place
    }

    /// The layout as read, in C's terms.
    var cValue: ck_matrix {
        let read = isTransposed ? layout.transposed : layout
        var matrix = ck_matrix(
            data: start, count: Int64(count), offset: Int64(read.offset), batch_stride: Int64(read.batchStride),
            row_stride: Int64(read.rowStride), column_stride: Int64(read.columnStride), dtype: format.cValue,
            pointers: pointers)
        if isQuantized {
            (matrix.row_stride, matrix.column_stride) = (1, Int64(layout.rows / QuantizedFormat.blockLength))
        }
        return matrix
    }

    var shapeText: String { layout.shapeText + (isTransposed ? " transposed" : "") }

    var fullText: String {
        if let packedFor { return "\(layout.shapeText) packed for \(packedFor.name)" }
        return isQuantized ? "\(layout.shapeText) of \(format.name)" : layout.fullText
    }
}

extension MatrixLayout {
    var shapeText: String { "[\(batch), \(rows), \(columns)]" }

    var fullText: String {
        "\(shapeText) with strides [\(batchStride), \(rowStride), \(columnStride)]"
            + (offset == 0 ? "" : " and offset \(offset)")
    }
}
