/// One row of an attention's output.
public struct RowIndex: Sendable, Hashable {
    /// The sequence.
    public var batch: Int
    /// The query head.
    public var head: Int
    /// The query.
    public var query: Int
}

extension RowIndex {
    /// A spread of a workload's rows, see ``RowSample/rows(groups:length:limit:seed:)``.
    static func sample(of shape: AttentionShape, limit: Int, seed: UInt64) -> [RowIndex] {
        let length = shape.queryLength
        return RowSample.rows(groups: shape.batch * shape.heads, length: length, limit: limit, seed: seed).map {
            RowIndex(batch: $0 / length / shape.heads, head: $0 / length % shape.heads, query: $0 % length)
        }
    }
}

/// Chooses the rows that are checked against the oracle.
public enum RowSample {
    /// All rows of `groups` matrices of `length` rows where `limit` allows, otherwise a spread of `limit` of them,
    /// at least 16. Rows are counted through all matrices.
    ///
    /// A spread holds the first and the last row of the first and the last matrix, and for the rest takes random
    /// rows of the matrices in turn, the same for the same seed.
    public static func rows(groups: Int, length: Int, limit: Int, seed: UInt64) -> [Int] {
        let total = groups * length
        let wanted = max(limit, 16)
        if total <= wanted { return Array(0..<total) }
        var chosen: Set<Int> = [0, length - 1, total - length, total - 1]
        var generator = SeededGenerator(seed: seed)
        var group = 0
        while chosen.count < wanted {
            chosen.insert(group * length + Int.random(in: 0..<length, using: &generator))
            group = (group + 1) % groups
        }
        return chosen.sorted()
    }
}
