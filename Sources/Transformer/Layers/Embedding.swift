import AttentionKernels

/// The vectors of tokens, `y[i] = factor * table[tokens[i]]`, read from the stored table where it lies: of 49,152 rows a
/// prompt touches a few. With a position table, `+ positions[i]`'s row, and a vector added to all.
///
/// The same weight can serve a ``Linear`` that gives the logits (Press and Wolf 2017, tied output).
public struct Embedding: Sendable {
    /// The number of tokens.
    public let count: Int
    /// The width of a vector.
    public let width: Int
    /// The factor of the table.
    public let factor: Float
    /// The vectors of positions, `[positions, width]`, or nil.
    public let positions: Tensor?
    /// What is added to every vector, `[width]`, or nil.
    public let added: Tensor?
    private let table: StoredWeight

    /// An embedding.
    ///
    /// - Throws: ``TransformerError`` if the table is no matrix or the others have another width.
    public init(
        _ table: StoredWeight, factor: Float = 1, positions: Tensor? = nil, added: Tensor? = nil
    ) throws(TransformerError) {
        guard table.shape.count == 2 else {
            throw TransformerError(
                .shapeMismatch, table.name, "its shape is \(table.shape); it should be [tokens, width]")
        }
        (count, width) = (table.shape[0], table.shape[1])
        if let positions, positions.shape.count != 2 || positions.shape[1] != width {
            throw TransformerError(
                .shapeMismatch, "positions", "the shape is \(positions.shape); it should be [positions, \(width)]")
        }
        if let added, added.shape != [width] {
            throw TransformerError(.shapeMismatch, "added", "the shape is \(added.shape); it should be [\(width)]")
        }
        self.table = table
        self.factor = factor
        self.positions = positions
        self.added = added
    }

    /// The vectors of tokens in borrowed memory.
    ///
    /// - Parameters:
    ///   - tokens: each in `0 ..< count`.
    ///   - rows: the position of each token, if there are positions.
    ///   - y: `[tokens, width]`.
    ///   - execution: threads and instruction set.
    /// - Throws: `KernelError` with reason `invalidIndex` for a token or position that there is not.
    /// - Complexity: O(*tokens · width*).
    public func apply(
        _ tokens: Span<Int>, positions rows: Span<Int>? = nil, into y: consuming MatrixOutput,
        execution: Execution = .shared
    ) throws(KernelError) {
        let source = table.matrix(rows: count, width: width)
        guard let positions else {
            return try embed(tokens, table: source, factor: factor, added: added?.span, into: y, execution: execution)
        }
        let layout = MatrixLayout(rows: positions.shape[0], columns: width)
        try embed(
            tokens, table: source, factor: factor, positionTable: MatrixInput(positions.span, layout), positions: rows,
            added: added?.span, into: y, execution: execution)
    }
}
