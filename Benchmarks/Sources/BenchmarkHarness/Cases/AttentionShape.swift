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

    /// The same shape with keys of each of `lengths`, and as many queries, or each number of `queries`.
    func withLengths(_ lengths: [Int], queries: [Int]?) -> [AttentionShape] {
        (queries.map { $0.sorted().map(Optional.some) } ?? [nil]).flatMap { queryLength in
            lengths.map { length in
                var shape = self
                (shape.queryLength, shape.keyLength) = (queryLength ?? length, length)
                return shape
            }
        }
    }

    /// `1024`, or `448x1500` where queries and keys differ in number.
    public var lengthText: String {
        queryLength == keyLength ? "\(queryLength)" : "\(queryLength)x\(keyLength)"
    }
}
