import AttentionKernels
import Foundation
import PretrainedModels
import Safetensors
import TestSupport
import Testing
import Transformer

/// A folder of one test, removed with everything in it when the test lets go of it.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("models-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }

    func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

    /// Writes a new file. An old one goes first: file systems may flush what is cut to nothing and written again, which
    /// takes milliseconds.
    func write(_ name: String, _ bytes: [UInt8]) throws {
        unlink(file(name))
        try Data(bytes).write(to: URL(fileURLWithPath: file(name)))
    }
}

/// A BERT encoder of one layer that no one trained.
struct TinyBERT {
    static let configuration =
        #"{"model_type":"bert","vocab_size":7,"hidden_size":8,"num_hidden_layers":1,"num_attention_heads":2,"intermediate_size":16,"max_position_embeddings":12,"layer_norm_eps":1e-12}"#
    static let vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n##b\nc\n"

    var shapes: [String: [Int]] = {
        let (d, layer) = (8, "encoder.layer.0.")
        var shapes = [
            "embeddings.word_embeddings.weight": [7, d], "embeddings.position_embeddings.weight": [12, d],
            "embeddings.token_type_embeddings.weight": [2, d], layer + "intermediate.dense.weight": [16, d],
            layer + "intermediate.dense.bias": [16], layer + "output.dense.weight": [d, 16],
            layer + "output.dense.bias": [d],
        ]
        for name in ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"] {
            shapes[layer + name + ".weight"] = [d, d]
            shapes[layer + name + ".bias"] = [d]
        }
        for name in ["embeddings.LayerNorm", layer + "attention.output.LayerNorm", layer + "output.LayerNorm"] {
            shapes[name + ".weight"] = [d]
            shapes[name + ".bias"] = [d]
        }
        return shapes
    }()
    /// The tensor that holds integers, if one should.
    var integers: String?

    func write(to folder: TemporaryFolder) throws {
        try folder.write("config.json", Self.configuration)
        try folder.write("vocab.txt", Self.vocabulary)
        var random = SeededRandom(seed: 5)
        var writer = SafetensorsWriter()
        for (name, shape) in shapes.sorted(by: { $0.key < $1.key }) {
            let count = shape.reduce(1, *)
            if name == integers {
                try writer.add(name, shape: shape, integers: [Int](repeating: 1, count: count))
            } else {
                try writer.add(
                    name, shape: shape, floats: (0..<count).map { _ in Float.random(in: -1...1, using: &random) })
            }
        }
        try writer.write(path: folder.file("model.safetensors"))
    }
}

@Suite struct TinyModelTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try TinyBERT().write(to: folder)
    }

    @Test func embeddings() throws {
        let encoder = try SentenceEncoder(folder: folder.path)
        #expect(encoder.maximumLength == 12)
        let texts = ["a", "ab c", "", "c c c c c c c c c c c c c c"]
        #expect(encoder.tokens(of: texts[1]) == [2, 4, 5, 6, 3])
        #expect(encoder.tokens(of: texts[3]).count == 12)
        let together = try encoder.embeddings(of: texts)
        for (row, text) in texts.enumerated() {
            #expect(try encoder.embeddings(of: [text]).elements == Array(together.elements[row * 8..<(row + 1) * 8]))
        }
        guard case .sentenceEncoder = try PretrainedModel(folder: folder.path) else {
            Issue.record("the folder should hold an encoder of sentences")
            return
        }
    }

    @Test func tensorsThatAreMissingOrWrong() throws {
        for name in TinyBERT().shapes.keys {
            var model = TinyBERT()
            model.shapes[name] = nil
            try model.write(to: folder)
            let missing = #expect(throws: TransformerError.self) { try SentenceEncoder(folder: folder.path) }
            #expect(missing?.reason == .missingTensor && missing?.subject == name)
            model.shapes[name] = [3, 5]
            try model.write(to: folder)
            let wrong = #expect(throws: TransformerError.self) { try SentenceEncoder(folder: folder.path) }
            #expect(wrong?.reason == .shapeMismatch && wrong?.subject == name)
            model = TinyBERT()
            model.integers = name
            try model.write(to: folder)
            #expect(
                throws: PretrainedModelError(
                    path: folder.file("model.safetensors"), reason: .unsupportedElementType(tensor: name, type: "I64"))
            ) { try SentenceEncoder(folder: folder.path) }
        }
    }

    @Test func filesBesideTheModel() throws {
        try folder.write("sentence_bert_config.json", #"{"max_seq_length": 5}"#)
        #expect(try SentenceEncoder(folder: folder.path).tokens(of: "c c c c c") == [2, 6, 6, 6, 3])
        for length in ["2", "13", "\"5\""] {
            try folder.write("sentence_bert_config.json", "{\"max_seq_length\": \(length)}")
            #expect(throws: PretrainedModelError.self) { try SentenceEncoder(folder: folder.path) }
        }
        try folder.write("sentence_bert_config.json", "{}")
        try folder.write("vocab.txt", TinyBERT.vocabulary + "too\nmany\n")
        #expect(
            throws: PretrainedModelError(path: folder.path, reason: .vocabularyMismatch(tokenizer: 9, model: 7))
        ) { try SentenceEncoder(folder: folder.path) }
    }

    /// However `config.json` is damaged, the folder is refused with one error or gives a model that works.
    @Test func damagedConfigurations() throws {
        let whole = Array(TinyBERT.configuration.utf8)
        let likely = Array("{}[]\",:0123456789-e.".utf8)
        var random = SeededRandom(seed: 6)
        var opened = 0
        try Mutator.forEachRound(of: "config.json") { _ in
            var bytes = whole
            for _ in 0...Int.random(in: 0..<3, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: place)
                case 2: bytes.insert(contentsOf: Array("9999999999".utf8), at: place)
                default: bytes[place] = likely.randomElement(using: &random) ?? 0
                }
            }
            if Int.random(in: 0..<8, using: &random) == 0 {
                bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
            }
            try folder.write("config.json", bytes)
            do {
                let encoder = try SentenceEncoder(folder: folder.path)
                opened += 1
                #expect(try encoder.embeddings(of: ["ab c"]).shape == [1, 8])
            } catch {
                #expect(
                    error is PretrainedModelError || error is TransformerError || error is KernelError, "\(error)")
            }
        }
        #expect(opened > 0 && opened < Mutator.count)
    }
}
