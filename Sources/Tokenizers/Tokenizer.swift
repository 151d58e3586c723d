/// Turns text into the ids of a vocabulary's tokens, and back.
public protocol Tokenizer: Sendable {
    /// The number of tokens; their ids are those below it.
    var vocabularySize: Int { get }

    /// The token with this id as the vocabulary spells it, or nil if there is none.
    func token(_ id: Int) -> String?

    /// The id of `token` as the vocabulary spells it, or nil if there is none.
    func id(of token: String) -> Int?

    /// The ids of the tokens of `text`. Every text has some: what no token can spell becomes the unknown token, or is
    /// left out where the vocabulary has none.
    ///
    /// - Parameters:
    ///   - text: any text.
    ///   - addsMarkers: whether tokens that mark the beginning and end of a text are added where the model wants them.
    ///   - parsesSpecialTokens: whether special tokens spelled out in `text`, such as `[MASK]` or `<|im_end|>`, become
    ///     those tokens. Say no for text of a stranger.
    /// - Complexity: O(n log n) for n bytes.
    func encode(_ text: String, addsMarkers: Bool, parsesSpecialTokens: Bool) -> [Int]

    /// The text of `ids`.
    ///
    /// - Parameters:
    ///   - ids: ids of the vocabulary.
    ///   - skipsSpecialTokens: whether special tokens are left out.
    /// - Throws: ``TokenizerError`` naming an id that the vocabulary lacks.
    func decode(_ ids: [Int], skipsSpecialTokens: Bool) throws(TokenizerError) -> String
}

extension Tokenizer {
    /// The ids of `text` with its markers, special tokens parsed.
    public func encode(_ text: String) -> [Int] { encode(text, addsMarkers: true, parsesSpecialTokens: true) }

    /// The text of `ids` without special tokens.
    public func decode(_ ids: [Int]) throws(TokenizerError) -> String { try decode(ids, skipsSpecialTokens: true) }
}
