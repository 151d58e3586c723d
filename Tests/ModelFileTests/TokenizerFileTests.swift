import Foundation
import TestSupport
import Testing
import Tokenizers

@Suite struct TokenizerFileTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func reason(_ json: String) throws -> TokenizerError.Reason? {
        let path = try directory.file("tokenizer.json", Array(json.utf8))
        let error =
            json.contains("WordPiece")
            ? failure(TokenizerError.self) { _ = try WordPieceTokenizer(tokenizerJSON: path) }
            : failure(TokenizerError.self) { _ = try BytePairTokenizer(tokenizerJSON: path) }
        #expect(error == nil || error?.path == path)
        return error?.reason
    }

    private static let bytePairs =
        #"{"added_tokens":[],"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}}"#
    private static let wordPiece =
        ###"{"normalizer":{"type":"BertNormalizer"},"pre_tokenizer":{"type":"BertPreTokenizer"},"model":{"type":"WordPiece","unk_token":"[UNK]","vocab":{"[UNK]":0,"a":1,"##a":2}}}"###

    @Test(arguments: [
        ("\"ByteLevel\"", "\"Metaspace\""), ("\"BPE\"", "\"Unigram\""),
        ("\"add_prefix_space\":false", "\"add_prefix_space\":true"),
        ("\"BPE\",", "\"BPE\",\"byte_fallback\":true,"), ("\"BPE\",", "\"BPE\",\"end_of_word_suffix\":\"</w>\","),
        ("\"added_tokens\"", "\"normalizer\":{\"type\":\"NFC\"},\"added_tokens\""),
        ("\"added_tokens\":[]", "\"added_tokens\":[{\"id\":3,\"content\":\"x\",\"single_word\":true}]"),
        ("\"added_tokens\"", "\"post_processor\":{\"type\":\"RobertaProcessing\"},\"added_tokens\""),
    ])
    func stepsThatAreNotKnown(found: String, replacement: String) throws {
        #expect(try reason(Self.bytePairs) == nil)
        guard case .unsupported? = try reason(Self.bytePairs.replacing(found, with: replacement)) else {
            Issue.record("\(replacement) was accepted")
            return
        }
    }

    @Test func fieldsThatAreWrong() throws {
        func change(_ found: String, _ replacement: String) throws -> TokenizerError.Reason? {
            try reason(Self.bytePairs.replacing(found, with: replacement))
        }
        #expect(try change("\"ab\":2", "\"ab\":3") == .badIdentifier(token: "ab", identifier: 3, count: 3))
        #expect(try change("\"ab\":2", "\"ab\":1") == .badIdentifier(token: "ab", identifier: 1, count: 3))
        #expect(try change("\"ab\":2", "\"ab\":-1") == .badIdentifier(token: "ab", identifier: -1, count: 3))
        #expect(try change("\"ab\":2", "\"a\":2") == .duplicateName("a"))
        #expect(try change("[\"a b\"]", "[[\"a\",\"b\"]]") == nil)
        #expect(
            try change("[\"a b\"]", "[7]") == .badField("model.merges", expected: "an array of merges, each two tokens")
        )
        #expect(
            try change("{\"a\":0,\"b\":1,\"ab\":2}", "[]") == .badField("model.vocab", expected: "an object of ids"))
        #expect(
            try change("\"added_tokens\":[]", "\"added_tokens\":[{}]")
                == .badField("added_tokens", expected: "an array of tokens with id, content and flags"))
        guard case .malformedJSON? = try change("}", "") else {
            Issue.record("malformed JSON was accepted")
            return
        }
        #expect(try reason("[]") == .malformedJSON(offset: 0, problem: "no object"))
        #expect(try reason(Self.wordPiece) == nil)
        #expect(try reason(Self.wordPiece.replacing("\"[UNK]\":0", with: "\"x\":0")) == .missingToken("[UNK]"))
    }

    /// Both spellings of é are tokens of their own.
    @Test func canonicallyEquivalentTokens() throws {
        let json = Self.wordPiece.replacing("\"##a\":2", with: "\"##a\":2,\"\u{E9}\":3,\"e\u{301}\":4")
            .replacing("\"BertNormalizer\"", with: "\"BertNormalizer\",\"lowercase\":false")
        let path = try directory.file("tokenizer.json", Array(json.utf8))
        let tokenizer = try WordPieceTokenizer(tokenizerJSON: path)
        #expect(tokenizer.encode("\u{E9} e\u{301}") == [3, 4])
    }

    @Test func vocabularyFiles() throws {
        let good = try directory.file("vocab.txt", Array("[UNK]\r\n[CLS]\n[SEP]\nx\u{2028}\n\u{85}".utf8))
        let tokenizer = try WordPieceTokenizer(vocabulary: good)
        #expect(tokenizer.vocabularySize == 5 && tokenizer.token(3) == "x\u{2028}" && tokenizer.token(0) == "[UNK]")
        func reason(_ bytes: [UInt8]) throws -> TokenizerError.Reason? {
            let path = try directory.file("bad.txt", bytes)
            return failure(TokenizerError.self) { _ = try WordPieceTokenizer(vocabulary: path) }?.reason
        }
        #expect(try reason(Array("[UNK]\n[CLS]\n".utf8)) == .missingToken("[SEP]"))
        #expect(try reason(Array("[UNK]\n[CLS]\n[SEP]\na\na\n".utf8)) == .duplicateToken("a"))
        #expect(try reason([0xFF]) == .notText)
        #expect(try reason([]) == .missingToken("[UNK]"))
        #expect(
            failure(TokenizerError.self) { _ = try WordPieceTokenizer(vocabulary: directory.path) }?.description
                == "\(directory.path) is not a regular file")
    }

    /// However a file is damaged, it is refused with one error or gives a tokenizer that works.
    @Test(arguments: ["byte-level.json", "word-piece.json", "word-piece-vocabulary.txt"])
    func damagedFiles(name: String) throws {
        let whole = try [UInt8](Data(contentsOf: URL(fileURLWithPath: fixture(name))))
        // The small file, so that damage strikes what is not vocabulary; the large one for what is.
        let small = Array((name.hasPrefix("byte") ? Self.bytePairs : Self.wordPiece).utf8)
        var mutator = Mutator(seed: 3, likely: "{}[]\",:0123456789-\\u ##a")
        let text = "Hello wörld 12 [MASK] 世 <|im_end|> ab aab"
        var opened = 0
        try Mutator.forEachRound(of: name) { round in
            let isVocabulary = name.hasSuffix("txt")
            let bytes = mutator.damage(isVocabulary || round % 8 == 0 ? whole : small)
            let path = try directory.file("damaged", bytes)
            do throws(TokenizerError) {
                let tokenizer: any Tokenizer
                if isVocabulary {
                    tokenizer = try WordPieceTokenizer(vocabulary: path)
                } else if name.hasPrefix("byte") {
                    tokenizer = try BytePairTokenizer(tokenizerJSON: path)
                } else {
                    tokenizer = try WordPieceTokenizer(tokenizerJSON: path)
                }
                opened += 1
                let ids = tokenizer.encode(text)
                #expect(ids.allSatisfy { $0 >= 0 && $0 < tokenizer.vocabularySize })
                _ = try tokenizer.decode(ids)
            } catch {
                #expect(error.description.hasPrefix(path))
            }
        }
        #expect(opened > 0 && opened < Mutator.count)
    }
}
