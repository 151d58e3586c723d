/// Decodes tokens one at a time: a character that is spread over several tokens comes out with the last of them.
public struct StreamingDecoder: Sendable {
    private let tokenizer: BytePairTokenizer
    private var pending: [UInt8] = []

    /// A decoder that leaves special tokens out.
    public init(_ tokenizer: BytePairTokenizer) { self.tokenizer = tokenizer }

    /// The text that `id` completes; empty where it ends inside a character.
    ///
    /// - Throws: ``TokenizerError`` if the vocabulary has no such id.
    public mutating func decode(_ id: Int) throws(TokenizerError) -> String {
        guard let bytes = tokenizer.bytes(id) else {
            throw TokenizerError(reason: .unknownIdentifier(id, count: tokenizer.vocabularySize))
        }
        if tokenizer.isSpecial(id) { return "" }
        pending += bytes
        let complete = pending.count - Self.openBytes(pending)
        defer { pending.removeFirst(complete) }
        return String(decoding: pending[..<complete], as: UTF8.self)
    }

    /// What is left when no token follows: an unfinished character comes out as U+FFFD.
    public mutating func finish() -> String {
        defer { pending = [] }
        return String(decoding: pending, as: UTF8.self)
    }

    /// The bytes at the end that begin a character without completing it.
    private static func openBytes(_ bytes: [UInt8]) -> Int {
        for back in 1...3 where back <= bytes.count {
            let byte = bytes[bytes.count - back]
            if byte & 0xC0 == 0x80 { continue }
            let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
            return length > back ? back : 0
        }
        return 0
    }
}
