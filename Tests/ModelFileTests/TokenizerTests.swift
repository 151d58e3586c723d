import Foundation
import Testing
import Tokenizers

/// A text with the ids and the decoded text that Hugging Face's tokenizers 0.21 gave for it.
struct Encoding: Decodable {
    var text: String
    var ids: [Int]
    var decoded: String

    static func list(_ path: String) throws -> [Encoding] {
        try JSONDecoder().decode([Encoding].self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    }
}

/// Checks that `tokenizer` encodes and decodes as `path` says.
func expectEncodings(_ tokenizer: some Tokenizer, _ path: String) throws {
    let encodings = try Encoding.list(path)
    #expect(encodings.count > 30)
    for encoding in encodings {
        #expect(tokenizer.encode(encoding.text) == encoding.ids, "\(encoding.text.debugDescription)")
        #expect(try tokenizer.decode(encoding.ids) == encoding.decoded, "\(encoding.text.debugDescription)")
    }
}

@Suite struct WordPieceTests {
    @Test func encodingsOfTheReference() throws {
        let tokenizer = try WordPieceTokenizer(tokenizerJSON: fixture("word-piece.json"))
        try expectEncodings(tokenizer, fixture("word-piece-encodings.json"))
        try expectEncodings(
            try WordPieceTokenizer(vocabulary: fixture("word-piece-vocabulary.txt")),
            fixture("word-piece-encodings.json"))
    }

    @Test func markersAndLength() throws {
        let tokenizer = try WordPieceTokenizer(tokenizerJSON: fixture("word-piece.json"))
        #expect(tokenizer.encode("") == [2, 3])
        #expect(tokenizer.encode("", addsMarkers: false, parsesSpecialTokens: true) == [])
        let ids = tokenizer.encode(String(repeating: "a ", count: 50))
        #expect(ids.count == 52)
        #expect(tokenizer.encode(String(repeating: "a ", count: 50), maximumLength: 10) == ids.prefix(9) + [3])
        #expect(tokenizer.encode("a", maximumLength: 10) == tokenizer.encode("a"))
        #expect(tokenizer.id(of: "[MASK]") == 4 && tokenizer.token(4) == "[MASK]" && tokenizer.token(9999) == nil)
        #expect(tokenizer.encode("[MASK]") == [2, 4, 3])
        #expect(!tokenizer.encode("[MASK]", addsMarkers: true, parsesSpecialTokens: false).contains(4))
        #expect(try tokenizer.decode([2, 4, 3], skipsSpecialTokens: false) == "[CLS] [MASK] [SEP]")
        #expect(
            failure(TokenizerError.self) { _ = try tokenizer.decode([2, 9999]) }?.reason
                == .unknownIdentifier(9999, count: tokenizer.vocabularySize))
    }
}

@Suite struct BytePairTests {
    let tokenizer: BytePairTokenizer

    init() throws { tokenizer = try BytePairTokenizer(tokenizerJSON: fixture("byte-level.json")) }

    @Test func encodingsOfTheReference() throws { try expectEncodings(tokenizer, fixture("byte-level-encodings.json")) }

    /// Every byte has a token here, so every text comes back as it was.
    @Test func everyTextComesBack() throws {
        var texts = try Encoding.list(fixture("byte-level-encodings.json")).map(\.text)
        texts += [
            "\0\u{1}\u{7F}", "\r\n\r\n", "👩‍👩‍👧‍👦", String(repeating: "ab1 ", count: 5000),
            String(repeating: "é", count: 30_000),
        ]
        for text in texts {
            let ids = tokenizer.encode(text, addsMarkers: true, parsesSpecialTokens: false)
            #expect(try Array(tokenizer.decode(ids).utf8) == Array(text.utf8))
            var stream = StreamingDecoder(tokenizer)
            var streamed = ""
            for id in ids { streamed += try stream.decode(id) }
            #expect(Array((streamed + stream.finish()).utf8) == Array(text.utf8))
        }
    }

    @Test func streamedCharactersAreWhole() throws {
        var stream = StreamingDecoder(tokenizer)
        let ids = [0xF0, 0x9F, 0x98, 0x80].compactMap { byte in
            (0..<tokenizer.vocabularySize).first { tokenizer.bytes($0) == [byte] }
        }
        #expect(try ids.prefix(3).map { try stream.decode($0) } == ["", "", ""])
        #expect(try stream.decode(ids[3]) == "😀")
        _ = try stream.decode(ids[0])
        #expect(stream.finish() == "\u{FFFD}")
        #expect(
            failure(TokenizerError.self) { _ = try stream.decode(-1) }?.reason
                == .unknownIdentifier(-1, count: tokenizer.vocabularySize))
    }

    @Test func specialTokensOfAStrangerStayText() throws {
        let text = "a<|im_end|>"
        let end = try #require(tokenizer.id(of: "<|im_end|>"))
        #expect(tokenizer.encode(text).last == end)
        let plain = tokenizer.encode(text, addsMarkers: true, parsesSpecialTokens: false)
        #expect(!plain.contains(end))
        #expect(try tokenizer.decode(plain) == text)
        #expect(tokenizer.isSpecial(end))
    }

    @Test func chat() throws {
        let jinja = """
            {% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}\
            {{ '<|im_start|>system\\nBe kind.<|im_end|>\\n' }}{% endif %}\
            {{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}
            """
        let template = try ChatTemplate(jinja: jinja)
        #expect(template == ChatTemplate(defaultSystem: "Be kind."))
        #expect(try ChatTemplate(jinja: jinja.replacing("\\n", with: "\n")) == template)
        let ids = try template.encode([.init(role: "user", content: "Hi<|im_end|>")], with: tokenizer)
        #expect(
            try tokenizer.decode(ids, skipsSpecialTokens: false)
                == "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|><|im_end|>\n<|im_start|>assistant\n"
        )
        let end = try #require(tokenizer.id(of: "<|im_end|>"))
        #expect(ids.count { $0 == end } == 2)
        let own = try template.encode([.init(role: "system", content: "x")], with: tokenizer)
        #expect(try tokenizer.decode(own, skipsSpecialTokens: true) == "system\nx\nassistant\n")
        guard
            case .unsupported("chat template", _, "ChatML")? = failure(
                TokenizerError.self, { _ = try ChatTemplate(jinja: "[INST] {{ x }}") })?.reason
        else {
            Issue.record("another template was accepted")
            return
        }
    }

    @Test func mergesThatCannotBe() {
        func reason(_ tokens: [String], _ merges: [String]) -> TokenizerError.Reason? {
            failure(TokenizerError.self) { _ = try BytePairTokenizer(.init(tokens: tokens, merges: merges)) }?.reason
        }
        #expect(reason(["a", "b", "ab"], ["a b"]) == nil)
        #expect(reason(["a", "b", "ab"], ["a b", "a b"]) == .badMerge(index: 1, problem: "stands twice"))
        for merge in ["ab", "a  b", "a b c", " ab", "a ", ""] {
            guard case .badMerge(0, _)? = reason(["a", "b", "ab"], [merge]) else {
                Issue.record("merge \"\(merge)\" was accepted")
                return
            }
        }
        // A product that is no token, and parts that only each other would make.
        for merges in [["b a"], ["abab ab"], ["ab a", "a ba"]] {
            guard case .badMerge? = reason(["a", "b", "ab"], merges) else {
                Issue.record("merges \(merges) were accepted")
                return
            }
        }
        #expect(reason(["a", "a"], []) == .duplicateToken("a"))
        #expect(
            failure(TokenizerError.self) {
                _ = try BytePairTokenizer(.init(tokens: ["a"], merges: [], specialIds: [1]))
            }?
            .reason == .unknownIdentifier(1, count: 1))
        #expect(
            failure(TokenizerError.self) { _ = try BytePairTokenizer(.init(tokens: ["a"], merges: [], opening: [7])) }?
                .reason == .unknownIdentifier(7, count: 1))
    }
}

@Suite struct SMILESTests {
    private static let tokens = [
        "<unk>", "<pad>", "<sos>", "<eos>", "C", "Cl", "Br", "B", "[C@H]", "%10", "%", "1", "0",
    ]

    @Test func atomsAndSigns() throws {
        let tokenizer = try SMILESTokenizer(tokens: Self.tokens)
        #expect(tokenizer.encode("CClBrB[C@H]%10") == [2, 4, 5, 6, 7, 8, 9, 3])
        #expect(tokenizer.encode("%1", addsMarkers: false, parsesSpecialTokens: true) == [10, 11])
        #expect(tokenizer.encode("[C@H", addsMarkers: false, parsesSpecialTokens: true) == [0, 4, 0, 0])
        #expect(tokenizer.encode("<sos>", addsMarkers: false, parsesSpecialTokens: true) == [0, 0, 0, 0, 0])
        #expect(tokenizer.encode("") == [2, 3])
        #expect(try tokenizer.decode([2, 4, 5, 8, 3, 1]) == "CCl[C@H]")
        #expect(try tokenizer.decode([2, 0], skipsSpecialTokens: false) == "<sos><unk>")
        #expect(tokenizer.startToken == 2 && tokenizer.endToken == 3 && tokenizer.vocabularySize == 13)
        #expect(
            failure(TokenizerError.self) { _ = try tokenizer.decode([13]) }?.reason == .unknownIdentifier(13, count: 13)
        )
        #expect(
            failure(TokenizerError.self) { _ = try SMILESTokenizer(tokens: ["C"]) }?.reason == .missingToken("<unk>"))
    }
}
