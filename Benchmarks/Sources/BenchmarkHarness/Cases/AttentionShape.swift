/// The sizes of one attention call.
public struct AttentionShape: Sendable, Hashable {
    /// The number of sequences.
    public var batch: Int
    /// The number of query heads.
    public var heads: Int
    /// The number of key-value heads, a divisor of `heads`.
    public var kvHeads: Int
    /// The number of queries of a sequence.
    public var queryLength: Int
    /// The number of keys of a sequence.
    public var keyLength: Int
    /// The width of a query and a key.
    public var headDim: Int
    /// The width of a value.
    public var valueDim: Int

    /// A shape; lengths, key-value heads and value width default to those of self-attention with equal heads.
    public init(
        batch: Int = 1, heads: Int = 8, kvHeads: Int? = nil, queryLength: Int, keyLength: Int? = nil,
        headDim: Int = 64, valueDim: Int? = nil
    ) {
        self.batch = batch
        self.heads = heads
        self.kvHeads = kvHeads ?? heads
        self.queryLength = queryLength
        self.keyLength = keyLength ?? queryLength
        self.headDim = headDim
        self.valueDim = valueDim ?? headDim
    }

    /// The rows of the output: one for each sequence, head and query.
    public var rowCount: Int { batch * heads * queryLength }

    /// The same shape for self-attention over `length` tokens.
    public func withLength(_ length: Int) -> AttentionShape {
        var shape = self
        (shape.queryLength, shape.keyLength) = (length, length)
        return shape
    }

    /// `1024`, or `448x1500` where queries and keys differ in number.
    public var lengthText: String {
        queryLength == keyLength ? "\(queryLength)" : "\(queryLength)x\(keyLength)"
    }
}

/// Which keys the queries of a sweep's case see.
public enum SweepMask: String, Sendable, Hashable, Codable, CaseIterable {
    /// Every key.
    case none
    /// The keys up to the query's own position, counted so that the last query sees the last key.
    case causal

    /// The pairs of a query and a visible key in one head of one sequence.
    public func visiblePairs(queryLength: Int, keyLength: Int) -> Int {
        switch self {
        case .none: return queryLength * keyLength
        case .causal:
            // Query i sees keyLength - queryLength + i + 1 keys, where that is positive: an arithmetic series.
            let last = keyLength
            let rows = min(queryLength, keyLength)
            return rows * (2 * last - rows + 1) / 2
        }
    }
}
