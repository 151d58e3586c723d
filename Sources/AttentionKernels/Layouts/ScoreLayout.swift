/// Where the elements of a mask or bias over the scores `[batch, heads, queryLength, keyLength]` lie in a buffer.
///
/// Element `(b, h, i, j)` is at index `offset + b * batchStride + h * headStride + i * rowStride + j * columnStride`.
/// A dimension of size 1 is repeated over the problem's size, whatever its stride: nothing is copied.
public struct ScoreLayout: Sendable, Hashable {
    /// The number of sequences, or 1 for all of them.
    public var batch: Int
    /// The number of query heads, or 1 for all of them.
    public var heads: Int
    /// The number of queries, or 1 for all of them.
    public var queryLength: Int
    /// The number of keys, or 1 for all of them.
    public var keyLength: Int
    /// The distance between sequences, in elements.
    public var batchStride: Int
    /// The distance between heads, in elements.
    public var headStride: Int
    /// The distance between queries, in elements.
    public var rowStride: Int
    /// The distance between keys, in elements.
    public var columnStride: Int
    /// The index of the first element.
    public var offset: Int

    /// A layout with the given sizes and strides, all in elements.
    public init(
        batch: Int, heads: Int, queryLength: Int, keyLength: Int,
        batchStride: Int, headStride: Int, rowStride: Int, columnStride: Int = 1, offset: Int = 0
    ) {
        self.batch = batch
        self.heads = heads
        self.queryLength = queryLength
        self.keyLength = keyLength
        self.batchStride = batchStride
        self.headStride = headStride
        self.rowStride = rowStride
        self.columnStride = columnStride
        self.offset = offset
    }

    /// The contiguous layout `[batch, heads, queryLength, keyLength]`; leave out, or give as 1, what is repeated.
    public init(batch: Int = 1, heads: Int = 1, queryLength: Int = 1, keyLength: Int) {
        let headStride = queryLength.saturatingProduct(keyLength)
        self.init(
            batch: batch, heads: heads, queryLength: queryLength, keyLength: keyLength,
            batchStride: heads.saturatingProduct(headStride), headStride: headStride, rowStride: keyLength)
    }
}
