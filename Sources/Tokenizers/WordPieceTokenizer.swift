/// BERT's tokenizer: words and punctuation marks, each cut from the left into the longest tokens of the vocabulary
/// (Wu and others 2016, "WordPiece").
///
/// ```swift
/// let tokenizer = try WordPieceTokenizer(vocabulary: "model/vocab.txt")
/// let ids = tokenizer.encode("Attention is all you need.")  // 101 3086 2003 2035 2017 2342 1012 102
/// ```
public struct WordPieceTokenizer: MarkingTokenizer {
    let tokens: TokenTable
    /// Tokens that continue a word, without their prefix, and their ids.
    private let continuing: TokenTable
    private let continuingIds: [Int]
    let added: AddedTokens
    private let normalizer: BERTNormalizer
    private let prefix: String
    private let unknown: Int
    let opening: [Int]
    let closing: [Int]
    private let maximumWordLength: Int

    /// Everything that describes such a tokenizer.
    struct Description {
        var tokens: [String]
        var added: [AddedTokens.Token] = []
        var normalizer = BERTNormalizer()
        var prefix = "##"
        var unknown = "[UNK]"
        /// The markers before and after a text.
        var opening = ["[CLS]"]
        var closing = ["[SEP]"]
        /// A word of more scalars is unknown.
        var maximumWordLength = 100
    }

    init(_ description: Description) throws(TokenizerError) {
        let tokens = try TokenTable(description.tokens)
        self.tokens = tokens
        let prefix = description.prefix
        let continuing = description.tokens.enumerated().filter {
            $0.element.utf8.starts(with: prefix.utf8) && $0.element.utf8.count > prefix.utf8.count
        }
        continuingIds = continuing.map(\.offset)
        self.continuing = try TokenTable(
            continuing.map { String(decoding: $0.element.utf8.dropFirst(prefix.utf8.count), as: UTF8.self) })
        added = AddedTokens(description.added)
        normalizer = description.normalizer
        self.prefix = prefix
        unknown = try tokens.required(description.unknown)
        var opening: [Int] = []
        for token in description.opening { opening.append(try tokens.required(token)) }
        var closing: [Int] = []
        for token in description.closing { closing.append(try tokens.required(token)) }
        self.opening = opening
        self.closing = closing
        maximumWordLength = description.maximumWordLength
    }

    /// A tokenizer of the vocabulary at `path`, one token a line, its line number the id, with BERT's special tokens.
    ///
    /// - Parameters:
    ///   - path: the path of a `vocab.txt`.
    ///   - lowercases: whether letters become lower case and lose their accents.
    /// - Throws: ``TokenizerError`` if the file cannot be read, is not UTF-8, has a token twice or lacks one of `[UNK]`,
    ///   `[CLS]` and `[SEP]`.
    public init(vocabulary path: String, lowercases: Bool = true) throws(TokenizerError) {
        let lines = try TokenizerFiles.lines(path)
        var description = Description(tokens: lines)
        description.normalizer.lowercases = lowercases
        description.normalizer.stripsAccents = lowercases
        description.added = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].compactMap { content in
            lines.firstIndex(of: content).map { .init(id: $0, content: Array(content.utf8), isSpecial: true) }
        }
        do throws(TokenizerError) { try self.init(description) } catch {
            throw TokenizerError(path: path, reason: error.reason)
        }
    }

    func append(text: Substring, to ids: inout [Int]) {
        for word in normalizer.words(text) { append(word, to: &ids) }
    }

    /// The ids of `text` with its markers, of which there are at most `maximumLength`: tokens at its end are left out.
    ///
    /// - Precondition: `maximumLength` has room for the markers.
    public func encode(_ text: String, maximumLength: Int) -> [Int] {
        precondition(maximumLength >= opening.count + closing.count, "no room for the markers")
        let ids = encode(text)
        guard ids.count > maximumLength else { return ids }
        return ids.prefix(maximumLength - closing.count) + closing
    }

    /// Joins words with spaces, but for those before `.`, `?`, `!` and `,`. Case, accents and the kind of white space
    /// are lost in encoding and do not come back.
    public func decode(_ ids: [Int], skipsSpecialTokens: Bool) throws(TokenizerError) -> String {
        var text = ""
        var isFirst = true
        for id in ids {
            let token = try knownToken(id)
            if skipsSpecialTokens && added.specialIds.contains(id) { continue }
            if isFirst {
                text += token
            } else if token.utf8.starts(with: prefix.utf8) {
                text += String(decoding: token.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
            } else {
                text += [".", "?", "!", ","].contains(token) ? token : " " + token
            }
            isFirst = false
        }
        return text
    }

    /// Appends the tokens of `word`, or the unknown token if they cannot spell it.
    private func append(_ word: [Unicode.Scalar], to ids: inout [Int]) {
        guard word.count <= maximumWordLength else {
            ids.append(unknown)
            return
        }
        var bytes: [UInt8] = []
        // Where each scalar begins, and the end: tokens are cut between scalars.
        var boundaries: [Int] = [0]
        for scalar in word {
            bytes.append(contentsOf: UTF8.encode(scalar)!)
            boundaries.append(bytes.count)
        }
        let first = ids.count
        var start = 0
        while start < word.count {
            let table = start == 0 ? tokens : continuing
            var end = word.count
            var found: Int?
            while found == nil && end > start {
                found = bytes.withUnsafeBufferPointer { all in
                    table.index(of: UnsafeBufferPointer(rebasing: all[boundaries[start]..<boundaries[end]]))
                }
                if found == nil { end -= 1 }
            }
            guard let found else {
                ids.removeSubrange(first...)
                ids.append(unknown)
                return
            }
            ids.append(start == 0 ? found : continuingIds[found])
            start = end
        }
    }
}
