/// Where the elements of a four-dimensional operand `[batch, heads, length, width]` lie in a buffer.
///
/// Element `(b, h, i, c)` is at index `offset + b * batchStride + h * headStride + i * rowStride + c`. All sizes
/// and strides count elements. The last dimension is contiguous; the other strides are free, so the usual
/// arrangements and packed projections all work without a copy. An input's batch or head stride may be 0 to
/// repeat it.
///
/// A layout promises nothing about a buffer: each call checks it against the elements it is used with.
public struct AttentionLayout: Sendable, Hashable {
    /// The number of sequences.
    public var batch: Int
    /// The number of heads: query heads or key-value heads.
    public var heads: Int
    /// The number of rows of each head: queries or keys.
    public var length: Int
    /// The number of columns of each row: `headDim` or `valueDim`.
    public var width: Int
    /// The distance between sequences, in elements.
    public var batchStride: Int
    /// The distance between heads, in elements.
    public var headStride: Int
    /// The distance between rows, in elements.
    public var rowStride: Int
    /// The index of the first element.
    public var offset: Int

    /// A layout with the given sizes and strides, all in elements.
    public init(
        batch: Int, heads: Int, length: Int, width: Int,
        batchStride: Int, headStride: Int, rowStride: Int, offset: Int = 0
    ) {
        self.batch = batch
        self.heads = heads
        self.length = length
        self.width = width
        self.batchStride = batchStride
        self.headStride = headStride
        self.rowStride = rowStride
        self.offset = offset
    }

    /// The number of elements a buffer needs for this layout: one more than the highest index, 0 if the layout is
    /// empty, `Int.max` if the index does not fit an `Int`.
    public var elementCount: Int {
        if batch <= 0 || heads <= 0 || length <= 0 || width <= 0 { return 0 }
        return
            offset
            .saturatingSum((batch - 1).saturatingProduct(max(batchStride, 0)))
            .saturatingSum((heads - 1).saturatingProduct(max(headStride, 0)))
            .saturatingSum((length - 1).saturatingProduct(max(rowStride, 0)))
            .saturatingSum(width)
    }
}

extension AttentionLayout {
    /// The contiguous layout `[batch, heads, length, width]`.
    public static func bhsd(batch: Int, heads: Int, length: Int, width: Int) -> AttentionLayout {
        let headStride = length.saturatingProduct(width)
        return AttentionLayout(
            batch: batch, heads: heads, length: length, width: width,
            batchStride: heads.saturatingProduct(headStride), headStride: headStride, rowStride: width)
    }

    /// The contiguous layout `[batch, length, heads, width]`, as a projection leaves it.
    public static func bshd(batch: Int, length: Int, heads: Int, width: Int) -> AttentionLayout {
        let rowStride = heads.saturatingProduct(width)
        return AttentionLayout(
            batch: batch, heads: heads, length: length, width: width,
            batchStride: length.saturatingProduct(rowStride), headStride: width, rowStride: rowStride)
    }

    /// The contiguous layout `[batch, heads, length]` of one number a query, such as the log-sum-exp.
    public static func perRow(batch: Int, heads: Int, length: Int) -> AttentionLayout {
        bhsd(batch: batch, heads: heads, length: length, width: 1)
    }

    /// A part of a packed projection.
    public enum PackedPart: String, Sendable, Hashable, CaseIterable {
        case query, key, value
    }

    /// One part of a packed buffer `[batch, length, heads + 2 * kvHeads, width]`: first the query heads, then the
    /// key heads, then the value heads.
    public static func packedQKV(
        batch: Int, length: Int, heads: Int, kvHeads: Int, width: Int, part: PackedPart
    ) -> AttentionLayout {
        let packedHeads = heads.saturatingSum(kvHeads.saturatingProduct(2))
        let rowStride = packedHeads.saturatingProduct(width)
        let firstHead =
            switch part {
            case .query: 0
            case .key: heads
            case .value: heads.saturatingSum(kvHeads)
            }
        return AttentionLayout(
            batch: batch, heads: part == .query ? heads : kvHeads, length: length, width: width,
            batchStride: length.saturatingProduct(rowStride), headStride: width, rowStride: rowStride,
            offset: firstHead.saturatingProduct(width))
    }
}
