import AttentionKernels
import CKernels
import Foundation

/// The attention weights of one head, pooled to at most as many cells as a picture can show.
public struct AttentionMap: Sendable, Equatable {
    /// How the weights of a cell become one number.
    public enum Pooling: String, Sendable, CaseIterable {
        /// Summed over the cell's keys and averaged over its queries: the share of their attention that the queries
        /// give to these keys. Rows of cells add up to 1, whatever their number.
        case mass
        /// The largest weight: a single strong link stays visible.
        case max
    }

    /// The head, or the place among the maps of a picture.
    public let head: Int
    /// What stands over the map.
    public let name: String
    /// The queries of each row of cells.
    public let rows: [Range<Int>]
    /// The keys of each column of cells.
    public let columns: [Range<Int>]
    /// The cells, row by row.
    public let cells: [Float]

    /// The largest cell.
    public var largest: Float { cells.max() ?? 0 }

    /// The weights of one head of `workload`, computed in rectangles of rows, so that the memory needed does not grow
    /// with the square of the length.
    ///
    /// - Parameters:
    ///   - batch: the sequence, from 0 on.
    ///   - head: the query head, from 0 on.
    ///   - size: the most rows and columns of cells.
    /// - Throws: ``HarnessError`` if there is no such sequence or head, or the C interface refuses the workload.
    /// - Complexity: O(queries · keys · headDim) time, O(keys · 64) memory beside the inputs.
    public init(_ workload: AttentionWorkload, batch: Int, head: Int, size: Int, pooling: Pooling) throws(HarnessError)
    {
        let shape = workload.shape
        guard (0..<shape.batch).contains(batch) else {
            throw HarnessError("--batch-index: \(batch) should be from 0 to \(shape.batch - 1)")
        }
        guard (0..<shape.heads).contains(head) else {
            throw HarnessError("--heads: \(head) should be from 0 to \(shape.heads - 1)")
        }
        self.head = head
        name = "head \(head)"
        rows = Self.cuts(shape.queryLength, into: size)
        columns = Self.cuts(shape.keyLength, into: size)
        var cells = [Float](repeating: 0, count: rows.count * columns.count)
        var weights = [Float](repeating: 0, count: max(1, ck_attention_problem.mostRowsAlone * shape.keyLength))
        var first = 0
        while first < shape.queryLength {
            var count = 0
            let status = workload.withCProblem { problem in
                weights.withUnsafeMutableBufferPointer { weights -> ck_status in
                    count = problem.rowsTogether(from: first, shape.queryLength - first)
                    guard let start = weights.baseAddress else { return .CK_OK }
                    var part = problem.alone(
                        RowIndex(batch: batch, head: head, query: first), queries: count, o: nil, lse: nil,
                        weights: start)
                    var options = ck_options_default()
                    return ck_attention_forward(.CK_BLOCKED, &part, &options, nil)
                }
            }
            guard status == .CK_OK else {
                throw HarnessError("the weights cannot be computed: \(String(cString: ck_status_text(status)))")
            }
            for row in 0..<count {
                Self.pool(
                    weights[row * shape.keyLength..<(row + 1) * shape.keyLength], query: first + row, rows, columns,
                    pooling, into: &cells)
            }
            first += count
        }
        self.cells = cells
    }

    /// The map of weights that are known, row by row.
    ///
    /// - Parameters:
    ///   - weights: `queries · keys` of them.
    ///   - queries: the number of rows.
    ///   - keys: the number of columns.
    ///   - place: the place among the maps of a picture, each once.
    ///   - name: what stands over the map.
    ///   - size: the most rows and columns of cells.
    public init(
        _ weights: [Float], queries: Int, keys: Int, place: Int, name: String, size: Int, pooling: Pooling
    ) {
        precondition(weights.count == queries * keys, "\(weights.count) weights of \(queries) queries and \(keys) keys")
        head = place
        self.name = name
        rows = Self.cuts(queries, into: size)
        columns = Self.cuts(keys, into: size)
        var cells = [Float](repeating: 0, count: rows.count * columns.count)
        for query in 0..<queries {
            Self.pool(
                weights[query * keys..<(query + 1) * keys], query: query, rows, columns, pooling, into: &cells)
        }
        self.cells = cells
    }

    /// Adds one query's weights to its row of cells.
    private static func pool(
        _ weights: ArraySlice<Float>, query: Int, _ rows: [Range<Int>], _ columns: [Range<Int>], _ pooling: Pooling,
        into cells: inout [Float]
    ) {
        guard let last = rows.last, !columns.isEmpty else { return }
        // Cuts are even: the row is found by proportion, and at most one off.
        var row = min(rows.count - 1, query * rows.count / last.upperBound)
        while query < rows[row].lowerBound { row -= 1 }
        while query >= rows[row].upperBound { row += 1 }
        for (column, keys) in columns.enumerated() {
            let part = weights[weights.startIndex + keys.lowerBound..<weights.startIndex + keys.upperBound]
            let cell = row * columns.count + column
            switch pooling {
            // A masked weight is -0, and adds nothing.
            case .mass: cells[cell] += part.reduce(0, +) / Float(rows[row].count)
            case .max: cells[cell] = part.reduce(cells[cell], Swift.max)
            }
        }
    }

    /// `0 ..< length` in at most `parts` parts whose sizes differ by at most 1.
    static func cuts(_ length: Int, into parts: Int) -> [Range<Int>] {
        let count = min(length, Swift.max(1, parts))
        return (0..<count).map { $0 * length / count..<($0 + 1) * length / count }
    }
}
