/// Where the elements of a batch of matrices `[batch, rows, columns]` lie in a buffer.
///
/// Element `(n, i, j)` is at index `offset + n * batchStride + i * rowStride + j * columnStride`, all in elements. Strides
/// may be negative; those of an input may be 0 to repeat a matrix, a row or a column.
///
/// A layout promises nothing about a buffer: each call checks it against the elements it is used with.
public struct MatrixLayout: Sendable, Hashable {
    /// The number of matrices.
    public var batch: Int
    /// The number of rows of each matrix, as stored.
    public var rows: Int
    /// The number of columns of each matrix, as stored.
    public var columns: Int
    /// The distance between matrices, in elements.
    public var batchStride: Int
    /// The distance between rows, in elements.
    public var rowStride: Int
    /// The distance between columns, in elements.
    public var columnStride: Int
    /// The index of the first element.
    public var offset: Int

    /// A layout with the given sizes and strides, all in elements. Strides left out are those of rows, and then matrices,
    /// that follow each other without a gap.
    public init(
        batch: Int = 1, rows: Int, columns: Int, batchStride: Int? = nil, rowStride: Int? = nil, columnStride: Int = 1,
        offset: Int = 0
    ) {
        self.batch = batch
        self.rows = rows
        self.columns = columns
        self.columnStride = columnStride
        self.rowStride = rowStride ?? columns.saturatingProduct(columnStride)
        // Whichever of rows and columns are further apart reach from one matrix to the next.
        self.batchStride =
            batchStride
            ?? max(
                rows.saturatingProduct(self.rowStride.saturatingMagnitude),
                columns.saturatingProduct(columnStride.saturatingMagnitude))
        self.offset = offset
    }

    /// The same memory read with rows and columns exchanged.
    public var transposed: MatrixLayout {
        MatrixLayout(
            batch: batch, rows: columns, columns: rows, batchStride: batchStride, rowStride: columnStride,
            columnStride: rowStride, offset: offset)
    }

    /// The number of elements a buffer needs for this layout: one more than the highest index, 0 if the layout is
    /// empty, `Int.max` if the index does not fit an `Int`.
    public var elementCount: Int {
        if batch <= 0 || rows <= 0 || columns <= 0 { return 0 }
        return
            offset
            .saturatingSum((batch - 1).saturatingProduct(max(batchStride, 0)))
            .saturatingSum((rows - 1).saturatingProduct(max(rowStride, 0)))
            .saturatingSum((columns - 1).saturatingProduct(max(columnStride, 0)))
            .saturatingSum(1)
    }
}
