/// Which keys a query may see besides causality, mask, bias and key lengths. All rules hold together; a key is visible
/// when every one of them lets it be. The default restricts nothing.
///
/// Positions: query `i` stands at `i + offset` among the keys, with the offset of the call's causality or, without
/// causality, of ``alignment``.
public struct KeyVisibility: Sendable {
    /// How far from its position a query sees.
    public var window: SlidingWindow?
    /// Where query 0 stands when there is no causality: `.none` and `.topLeft` at key 0, `.bottomRight` so that the
    /// last query stands at the last key, `.offset(n)` at key `n`.
    public var alignment: Causality
    /// How many queries each sequence really has, from 0 to `queryLength`: one for each of the batch. Rows beyond get
    /// zeros and a log-sum-exp of minus infinity.
    public var queryLengths: [Int]?
    /// Where each sequence's keys begin, from 0 to its key length: those before are padding on the left. One for each of
    /// the batch.
    public var keyStarts: [Int]?
    /// Keys below are visible whatever causality says (prefix-LM), from 0 to `keyLength`: one for each of the batch.
    public var prefixLengths: [Int]?
    /// The documents of packed sequences.
    public var segments: AttentionSegments?
    /// A mask of whole blocks of queries and keys.
    public var blocks: BlockMask?

    /// Rules; by default none.
    public init(
        window: SlidingWindow? = nil, alignment: Causality = .none, queryLengths: [Int]? = nil,
        keyStarts: [Int]? = nil, prefixLengths: [Int]? = nil, segments: AttentionSegments? = nil,
        blocks: BlockMask? = nil
    ) {
        self.window = window
        self.alignment = alignment
        self.queryLengths = queryLengths
        self.keyStarts = keyStarts
        self.prefixLengths = prefixLengths
        self.segments = segments
        self.blocks = blocks
    }
}

/// Keys about a query's position `p`: `p - left ... p + right`. Tiles outside are skipped, so a window's cost grows with
/// its width and not with the keys.
public struct SlidingWindow: Sendable, Hashable {
    /// How many keys before its position a query sees, 0 or more; nil for all.
    public var left: Int?
    /// How many keys behind its position a query sees, 0 or more; nil for all.
    public var right: Int?

    /// A window; give one side or both.
    public init(left: Int? = nil, right: Int? = nil) {
        self.left = left
        self.right = right
    }
}

/// The documents of packed sequences: a query sees the keys that carry its own id. Ids need no order; blocks whose ids
/// have disjoint ranges are skipped.
public struct AttentionSegments: Sendable, Hashable {
    /// The ids of the queries, `[batch, queryLength]`, or `[queryLength]` for every sequence alike.
    public var query: [Int32]
    /// The ids of the keys, `[batch, keyLength]`, or `[keyLength]` for every sequence alike.
    public var key: [Int32]

    /// Segments by their ids.
    public init(query: [Int32], key: [Int32]) {
        self.query = query
        self.key = key
    }

    /// Self-attention over documents packed one after the other; negative lengths count as 0.
    public init(documentLengths: [Int]) {
        let ids = documentLengths.enumerated().flatMap { index, length in
            repeatElement(Int32(truncatingIfNeeded: index), count: max(length, 0))
        }
        self.init(query: ids, key: ids)
    }
}

/// A mask of whole blocks: query `i` sees key `j` if block `(i / queryBlock, j / keyBlock)` is visible. Hidden blocks
/// are skipped, not computed.
public struct BlockMask: Sendable {
    /// The number of queries in a block, 1 or more.
    public let queryBlock: Int
    /// The number of keys in a block, 1 or more.
    public let keyBlock: Int
    /// The visible blocks, `[batch, heads, queryBlocks, keyBlocks]`; missing leading dimensions and those of size 1 repeat.
    public let visible: ScoreMask

    /// A mask over blocks of the given sizes; the last of them may be cut short by the lengths.
    public init(queryBlock: Int, keyBlock: Int, visible: ScoreMask) {
        self.queryBlock = queryBlock
        self.keyBlock = keyBlock
        self.visible = visible
    }

    /// A block-sparse list, the same for every sequence and head: the visible `(query, key)` blocks.
    ///
    /// - Throws: ``KernelError`` if a size is not positive, a length negative, or a block of the list does not exist.
    public init(
        queryBlock: Int, keyBlock: Int, queryLength: Int, keyLength: Int, visible: [(query: Int, key: Int)]
    ) throws(KernelError) {
        guard queryBlock > 0, keyBlock > 0 else {
            throw KernelError(.invalidValue, .blocks, "sizes \(queryBlock) and \(keyBlock) should be 1 or more")
        }
        guard queryLength >= 0, keyLength >= 0 else {
            throw KernelError(.negativeSize, .blocks, "lengths \(queryLength) and \(keyLength) should be 0 or more")
        }
        let rows = queryLength / queryBlock + (queryLength % queryBlock == 0 ? 0 : 1)
        let columns = keyLength / keyBlock + (keyLength % keyBlock == 0 ? 0 : 1)
        let count = try TensorShape.elementCount([rows, columns], elementBytes: 1)
        var bytes = [UInt8](repeating: 0, count: count)
        for block in visible {
            guard (0..<rows).contains(block.query), (0..<columns).contains(block.key) else {
                throw KernelError(
                    .invalidValue, .blocks,
                    "block (\(block.query), \(block.key)) should be inside \(rows) x \(columns) blocks")
            }
            bytes[block.query * columns + block.key] = 1
        }
        self.init(
            queryBlock: queryBlock, keyBlock: keyBlock, visible: try ScoreMask(shape: [rows, columns], bytes: bytes))
    }
}
