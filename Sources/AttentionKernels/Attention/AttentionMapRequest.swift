/// Which maps of the weights are wanted, and of which queries and keys.
public struct AttentionMapRequest: Sendable, Hashable {
    /// A cell of a heat map: so many queries and keys, whose weights are averaged.
    public struct Cell: Sendable, Hashable {
        /// The number of queries, 1 or more.
        public var queries: Int
        /// The number of keys, 1 or more.
        public var keys: Int

        /// A cell of `queries` by `keys`.
        public init(queries: Int, keys: Int) {
            self.queries = queries
            self.keys = keys
        }
    }

    /// The queries that all maps speak of; nil for all.
    public var queries: Range<Int>?
    /// The keys that all maps speak of; nil for all.
    public var keys: Range<Int>?
    /// Whether the weights themselves are wanted, of the rectangle of `queries` and `keys`.
    public var weights: Bool
    /// Whether the sum of each key's weights over the queries is wanted.
    public var columnMass: Bool
    /// Whether the entropy of each query's weights is wanted.
    public var entropy: Bool
    /// How many of each query's largest weights are wanted, 1 or more; nil for none.
    public var topCount: Int?
    /// The cell of the heat map; nil for none. Cells at the far edges are smaller.
    public var cell: Cell?
    /// Whether weights, column mass and heat map are means over the heads.
    public var averagesHeads: Bool

    /// A request; by default of nothing.
    public init(
        queries: Range<Int>? = nil, keys: Range<Int>? = nil, weights: Bool = false, columnMass: Bool = false,
        entropy: Bool = false, topCount: Int? = nil, cell: Cell? = nil, averagesHeads: Bool = false
    ) {
        self.queries = queries
        self.keys = keys
        self.weights = weights
        self.columnMass = columnMass
        self.entropy = entropy
        self.topCount = topCount
        self.cell = cell
        self.averagesHeads = averagesHeads
    }
}
