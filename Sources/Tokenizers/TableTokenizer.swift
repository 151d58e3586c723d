/// A tokenizer whose tokens stand in a table.
protocol TableTokenizer: Tokenizer {
    var tokens: TokenTable { get }
}

extension TableTokenizer {
    public var vocabularySize: Int { tokens.count }

    public func token(_ id: Int) -> String? { (0..<tokens.count).contains(id) ? tokens.text(id) : nil }

    public func id(of token: String) -> Int? { tokens.index(of: token) }

    /// The token with this id, which there must be.
    func knownToken(_ id: Int) throws(TokenizerError) -> String {
        guard let token = token(id) else {
            throw TokenizerError(reason: .unknownIdentifier(id, count: tokens.count))
        }
        return token
    }
}

/// One that finds added tokens in a text first and puts markers around it.
protocol MarkingTokenizer: TableTokenizer {
    var added: AddedTokens { get }
    /// The markers before and behind a text.
    var opening: [Int] { get }
    var closing: [Int] { get }

    /// Appends the tokens of a text that has no added ones.
    func append(text: Substring, to ids: inout [Int])
}

extension MarkingTokenizer {
    public func encode(_ text: String, addsMarkers: Bool, parsesSpecialTokens: Bool) -> [Int] {
        var ids = addsMarkers ? opening : []
        for piece in added.split(text, parsesSpecialTokens: parsesSpecialTokens) {
            switch piece {
            case .token(let id): ids.append(id)
            case .text(let text): append(text: text, to: &ids)
            }
        }
        if addsMarkers { ids += closing }
        return ids
    }
}
