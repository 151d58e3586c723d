/// Sequences of one length whose rows follow each other: row `firstRow + s * length + i` is token `i` of sequence `s`.
struct RowGroup: Equatable {
    var firstRow: Int
    var count: Int
    var length: Int

    var rows: Range<Int> { firstRow..<firstRow + count * length }
}

/// Sequences of any lengths packed one after the other, so that no row is padding. Neighbours of equal length are one call
/// of attention.
struct PackedSequences {
    /// All tokens.
    private(set) var tokens: [Int] = []
    /// The position of each token in its sequence.
    private(set) var positions: [Int] = []
    /// Where each sequence begins, and the number of tokens.
    private(set) var offsets = [0]
    /// Neighbours of equal length.
    private(set) var groups: [RowGroup] = []

    var rowCount: Int { tokens.count }

    init() {}

    /// Sequences in the order given.
    init(_ sequences: some Sequence<[Int]>) {
        for sequence in sequences { append(sequence) }
    }

    private mutating func append(_ sequence: [Int]) {
        if var last = groups.last, last.length == sequence.count {
            last.count += 1
            groups[groups.count - 1] = last
        } else {
            groups.append(RowGroup(firstRow: rowCount, count: 1, length: sequence.count))
        }
        tokens += sequence
        positions += sequence.indices
        offsets.append(tokens.count)
    }
}
