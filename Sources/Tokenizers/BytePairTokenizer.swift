/// GPT-2's tokenizer: the bytes of each word, merged pair by pair into tokens (Radford and others 2019).
///
/// Every text comes back from its ids as it was, unless the vocabulary lacks the token of a byte, which is then left out.
public struct BytePairTokenizer: MarkingTokenizer {
    let tokens: TokenTable
    /// The bytes of each token.
    private let tokenBytes: [[UInt8]]
    let added: AddedTokens
    private let byteIds: [Int?]
    private let merges: BytePairMerges
    private let splitter: WordSplitter
    let opening: [Int]
    let closing: [Int]
    private let prefersWholeWords: Bool

    /// Everything that describes such a tokenizer.
    public struct Description: Sendable {
        /// The tokens by id, spelled in the characters that stand for bytes; special ones as they are.
        public var tokens: [String]
        /// The merges in the order they were learnt, each as its left and right token with a space between them.
        public var merges: [String]
        /// The ids of special tokens, which are found in a text before anything else.
        public var specialIds: [Int]
        /// Whether each digit is a word of its own.
        public var isolatesDigits: Bool
        /// The ids that are put before and after each text.
        public var opening: [Int]
        public var closing: [Int]

        /// A description; texts get no marker where none is named.
        public init(
            tokens: [String], merges: [String], specialIds: [Int] = [], isolatesDigits: Bool = false,
            opening: [Int] = [], closing: [Int] = []
        ) {
            self.tokens = tokens
            self.merges = merges
            self.specialIds = specialIds
            self.isolatesDigits = isolatesDigits
            self.opening = opening
            self.closing = closing
        }
    }

    /// A tokenizer.
    ///
    /// - Throws: ``TokenizerError`` if a token or merge stands twice, an id is none of the tokens', or a merge is not two
    ///   tokens whose concatenation is one too.
    public init(_ description: Description) throws(TokenizerError) {
        var added: [AddedTokens.Token] = []
        for id in description.specialIds {
            guard description.tokens.indices.contains(id) else {
                throw TokenizerError(reason: .unknownIdentifier(id, count: description.tokens.count))
            }
            added.append(.init(id: id, content: Array(description.tokens[id].utf8), isSpecial: true))
        }
        try self.init(description, added: added, prefersWholeWords: false)
    }

    init(
        _ description: Description, added: [AddedTokens.Token], prefersWholeWords: Bool
    ) throws(TokenizerError) {
        let tokens = try TokenTable(description.tokens)
        for id in description.opening + description.closing where !(0..<tokens.count).contains(id) {
            throw TokenizerError(reason: .unknownIdentifier(id, count: tokens.count))
        }
        self.tokens = tokens
        self.added = AddedTokens(added)
        let addedIds = Set(added.map(\.id))
        tokenBytes = description.tokens.enumerated().map { id, token in
            addedIds.contains(id) ? Array(token.utf8) : ByteAlphabet.bytes(of: token) ?? Array(token.utf8)
        }
        byteIds = ByteAlphabet.characters.map { tokens.index(of: String($0)) }
        merges = try Self.merges(description.merges, tokens)
        splitter = WordSplitter(isolatesDigits: description.isolatesDigits)
        opening = description.opening
        closing = description.closing
        self.prefersWholeWords = prefersWholeWords
    }

    private static func merges(_ texts: [String], _ tokens: TokenTable) throws(TokenizerError) -> BytePairMerges {
        var list: [(left: Int, right: Int, product: Int)] = []
        list.reserveCapacity(texts.count)
        for (index, text) in texts.enumerated() {
            let parts = text.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
                throw TokenizerError(reason: .badMerge(index: index, problem: "is not two tokens with a space between"))
            }
            let (left, right) = (String(Substring(parts[0])), String(Substring(parts[1])))
            guard let first = tokens.index(of: left), let second = tokens.index(of: right),
                let product = tokens.index(of: left + right)
            else {
                throw TokenizerError(
                    reason: .badMerge(
                        index: index,
                        problem: "joins \"\(left)\" and \"\(right)\", which should be tokens, as should what they make")
                )
            }
            list.append((first, second, product))
        }
        return try BytePairMerges(list)
    }

    func append(text: Substring, to ids: inout [Int]) {
        splitter.forEachWord(text) { append($0, to: &ids) }
    }

    private func append(_ word: Substring.UnicodeScalarView, to ids: inout [Int]) {
        let bytes = Array(Substring(word).utf8)
        if prefersWholeWords {
            var spelling = String.UnicodeScalarView()
            for byte in bytes { spelling.append(ByteAlphabet.characters[Int(byte)]) }
            if let id = tokens.index(of: String(spelling)) {
                ids.append(id)
                return
            }
        }
        var parts = bytes.compactMap { byteIds[Int($0)] }
        merges.apply(&parts)
        ids += parts
    }

    /// The bytes of the token with this id, which may begin or end inside a character; nil if there is none.
    public func bytes(_ id: Int) -> [UInt8]? { tokenBytes.indices.contains(id) ? tokenBytes[id] : nil }

    /// Whether the id is that of a special token.
    public func isSpecial(_ id: Int) -> Bool { added.specialIds.contains(id) }

    public func decode(_ ids: [Int], skipsSpecialTokens: Bool) throws(TokenizerError) -> String {
        var bytes: [UInt8] = []
        for id in ids {
            guard let token = self.bytes(id) else {
                throw TokenizerError(reason: .unknownIdentifier(id, count: tokens.count))
            }
            if !(skipsSpecialTokens && isSpecial(id)) { bytes += token }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
