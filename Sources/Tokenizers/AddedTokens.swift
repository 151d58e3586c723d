/// Tokens that are found in the text as it is, before anything else happens to it.
struct AddedTokens: Sendable {
    struct Token: Sendable {
        var id: Int
        var content: [UInt8]
        var isSpecial: Bool
        /// Whether white space before, and after, belongs to the token.
        var stripsLeft = false
        var stripsRight = false
    }

    /// A piece of the text: plain, or one of these tokens.
    enum Piece {
        case text(Substring)
        case token(Int)
    }

    /// By their first byte, the longest first.
    private var byFirstByte: [UInt8: [Token]] = [:]
    private(set) var specialIds: Set<Int> = []

    init(_ tokens: [Token] = []) {
        for token in tokens {
            if token.isSpecial { specialIds.insert(token.id) }
            guard let first = token.content.first else { continue }
            byFirstByte[first, default: []].append(token)
        }
        for first in byFirstByte.keys { byFirstByte[first]?.sort { $0.content.count > $1.content.count } }
    }

    /// Cuts `text` at these tokens, from the left, the longest where several begin.
    func split(_ text: String, parsesSpecialTokens: Bool) -> [Piece] {
        guard !byFirstByte.isEmpty else { return [.text(text[...])] }
        var pieces: [Piece] = []
        let utf8 = text.utf8
        var start = utf8.startIndex
        var place = start
        while place < utf8.endIndex {
            let token = byFirstByte[utf8[place]]?.first {
                ($0.isSpecial ? parsesSpecialTokens : true) && utf8[place...].starts(with: $0.content)
            }
            guard let token else {
                utf8.formIndex(after: &place)
                continue
            }
            var before = text.unicodeScalars[start..<place]
            if token.stripsLeft {
                while before.last?.properties.isWhitespace == true { before.removeLast() }
            }
            if !before.isEmpty { pieces.append(.text(Substring(before))) }
            pieces.append(.token(token.id))
            utf8.formIndex(&place, offsetBy: token.content.count)
            if token.stripsRight {
                let scalars = text.unicodeScalars
                while place < scalars.endIndex, scalars[place].properties.isWhitespace {
                    scalars.formIndex(after: &place)
                }
            }
            start = place
        }
        if start < utf8.endIndex { pieces.append(.text(text[start...])) }
        return pieces
    }
}
