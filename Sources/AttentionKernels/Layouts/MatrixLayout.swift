/// Where the elements of a batch of row-major matrices `[batch, rows, columns]` lie in a buffer.
///
/// Element `(n, i, j)` is at index `offset + n * batchStride + i * rowStride + j`, all in elements. An input's batch
/// stride may be 0 to use one matrix for the whole batch.
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
    /// The index of the first element.
    public var offset: Int

    /// A layout with the given sizes and strides, all in elements. Strides left out are those of a contiguous
    /// buffer.
    public init(
        batch: Int = 1, rows: Int, columns: Int, batchStride: Int? = nil, rowStride: Int? = nil, offset: Int = 0
    ) {
        self.batch = batch
        self.rows = rows
        self.columns = columns
        self.rowStride = rowStride ?? columns
        self.batchStride = batchStride ?? rows.saturatingProduct(self.rowStride)
        self.offset = offset
    }

    /// The number of elements a buffer needs for this layout: one more than the highest index, 0 if the layout is
    /// empty, `Int.max` if the index does not fit an `Int`.
    public var elementCount: Int {
        if batch <= 0 || rows <= 0 || columns <= 0 { return 0 }
        return
            offset
            .saturatingSum((batch - 1).saturatingProduct(max(batchStride, 0)))
            .saturatingSum((rows - 1).saturatingProduct(max(rowStride, 0)))
            .saturatingSum(columns)
    }
}
