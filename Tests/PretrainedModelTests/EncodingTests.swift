import PretrainedModels
import Testing
import Tokenizers

/// Encodings that Hugging Face's tokenizers 0.21 give with the vocabularies of the models.
@Suite struct EncodingTests {
    private struct Encoding: Decodable {
        var text: String
        var ids: [Int]
        var decoded: String
    }

    private func expect(_ tokenizer: some Tokenizer, _ name: String) throws {
        let encodings: [Encoding] = try Models.json(Models.reference("\(name)/encodings.json"))
        #expect(encodings.count > 30)
        for encoding in encodings {
            #expect(tokenizer.encode(encoding.text) == encoding.ids, "\(encoding.text.debugDescription)")
            #expect(try tokenizer.decode(encoding.ids) == encoding.decoded, "\(encoding.text.debugDescription)")
        }
    }

    @Test(Models.needs("minilm")) func wordPieces() throws {
        let folder = Models.folder("minilm")
        try expect(WordPieceTokenizer(tokenizerJSON: folder + "/tokenizer.json"), "minilm")
        try expect(WordPieceTokenizer(vocabulary: folder + "/vocab.txt"), "minilm")
    }

    @Test(Models.needs("smollm2")) func bytePairs() throws {
        try expect(ChatModel(folder: Models.folder("smollm2")).tokenizer, "smollm2")
    }
}
