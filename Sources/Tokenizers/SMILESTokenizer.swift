/// Cuts SMILES, the line notation of molecules, into atoms and signs: `[...]` is one token, as are `%` with two digits,
/// `Br` and `Cl`; every other character is one of its own.
public struct SMILESTokenizer: TableTokenizer {
    let tokens: TokenTable
    private let unknown: Int
    private let start: Int
    private let end: Int
    private let padding: Int

    /// A tokenizer of the vocabulary `tokens`, in the order of their ids.
    ///
    /// - Throws: ``TokenizerError`` if a token stands twice or `<unk>`, `<pad>`, `<sos>` or `<eos>` is missing.
    public init(tokens list: [String]) throws(TokenizerError) {
        let tokens = try TokenTable(list)
        self.tokens = tokens
        unknown = try tokens.required("<unk>")
        start = try tokens.required("<sos>")
        end = try tokens.required("<eos>")
        padding = try tokens.required("<pad>")
    }

    /// The id of `<sos>`, with which a text begins.
    public var startToken: Int { start }
    /// The id of `<eos>`, with which a text ends.
    public var endToken: Int { end }

    /// No text spells a special token: `<` is a character of its own.
    public func encode(_ text: String, addsMarkers: Bool, parsesSpecialTokens: Bool) -> [Int] {
        let ids = Self.split(text).map { tokens.index(of: $0) ?? unknown }
        return addsMarkers ? [start] + ids + [end] : ids
    }

    public func decode(_ ids: [Int], skipsSpecialTokens: Bool) throws(TokenizerError) -> String {
        var text = ""
        for id in ids {
            let token = try knownToken(id)
            if skipsSpecialTokens && [unknown, start, end, padding].contains(id) { continue }
            text += token
        }
        return text
    }

    private static func split(_ text: String) -> [String] {
        var parts: [String] = []
        let scalars = text.unicodeScalars
        var place = scalars.startIndex
        while place < scalars.endIndex {
            let end = endOfToken(scalars[place...])
            parts.append(String(scalars[place..<end]))
            place = end
        }
        return parts
    }

    private static func endOfToken(_ rest: Substring.UnicodeScalarView) -> Substring.UnicodeScalarView.Index {
        let second = rest.index(after: rest.startIndex)
        switch rest.first {
        case "[":
            if let close = rest.firstIndex(of: "]") { return rest.index(after: close) }
        case "%":
            let digits = rest[second...].prefix(2)
            if digits.count == 2, digits.allSatisfy({ $0.properties.generalCategory == .decimalNumber }) {
                return digits.endIndex
            }
        case "B":
            if rest[second...].first == "r" { return rest.index(after: second) }
        case "C":
            if rest[second...].first == "l" { return rest.index(after: second) }
        default: break
        }
        return second
    }
}
