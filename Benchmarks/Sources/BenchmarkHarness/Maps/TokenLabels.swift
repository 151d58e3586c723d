import Foundation

/// The words that stand for positions in a map.
public struct TokenLabels: Sendable, Equatable {
    /// A label for each position; empty where none are known.
    public let tokens: [String]

    /// Labels of nothing.
    public init() { tokens = [] }

    /// Labels for as many positions.
    public init(_ tokens: [String]) { self.tokens = tokens }

    /// Reads a JSON array of strings, or else a token a line.
    ///
    /// - Throws: ``HarnessError`` if the file cannot be read or does not hold `count` tokens.
    public init(path: String, count: Int, option: String) throws(HarnessError) {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw HarnessError("\(option): \(path) could not be read")
        }
        if let array = try? JSONDecoder().decode([String].self, from: data) {
            tokens = array
        } else {
            var lines = String(decoding: data, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
            if lines.last == "" { lines.removeLast() }
            tokens = lines.map(String.init)
        }
        guard tokens.count == count else {
            throw HarnessError(
                "\(option): \(path) has \(tokens.count) tokens; it should have \(count), one for each position")
        }
    }

    /// The name of a range of positions: `12 "cat"`, or `8 to 15 "the" ... "cat"`.
    func name(_ range: Range<Int>) -> String {
        let positions = range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound - 1)"
        guard let first = range.first, let last = range.last, last < tokens.count else { return positions }
        return range.count == 1
            ? "\(positions) \"\(tokens[first])\"" : "\(positions) \"\(tokens[first])\" ... \"\(tokens[last])\""
    }
}
