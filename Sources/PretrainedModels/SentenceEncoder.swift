import AttentionKernels
import Safetensors
import Tokenizers
import Transformer

/// A BERT encoder with its tokenizer, which gives texts embeddings: vectors of length 1 whose dot product says how close
/// two texts are in meaning (Reimers and Gurevych 2019).
///
/// ```swift
/// let encoder = try SentenceEncoder(folder: ".models/minilm")
/// let embeddings = try encoder.embeddings(of: ["A man is eating.", "The cat sits outside"])  // [2, 384]
/// ```
public struct SentenceEncoder: Sendable {
    /// The model.
    public let model: BERTModel
    /// The tokenizer of its vocabulary.
    public let tokenizer: WordPieceTokenizer
    /// The most tokens of a text, markers included; those behind are left out.
    public let maximumLength: Int

    /// The encoder whose files are in `folder`: `config.json`, one `*.safetensors`, `tokenizer.json` or `vocab.txt`, and
    /// where they are, `sentence_bert_config.json` (the most tokens) and `1_Pooling/config.json`.
    ///
    /// - Throws: ``PretrainedModelError`` if a file is missing or asks for what this library does not have, and what
    ///   the readers of weights and tokenizer throw.
    public init(folder path: String, precision: Precision = .float32, execution: Execution = .shared) throws {
        let folder = try ModelFolder(path: path)
        let configurationFile = try folder.file("config.json")
        guard case .bert(var configuration) = try HuggingFaceConfiguration(path: configurationFile) else {
            throw PretrainedModelError(
                path: configurationFile, reason: .unsupported(part: "model_type", kind: "llama", expected: "bert"))
        }
        try Self.checkPooling(folder)
        let weights = try SafetensorsFile(path: folder.required(".safetensors"))
        // Checkpoints of a model with a head of its own keep the encoder's weights behind a prefix.
        if !weights.contains("embeddings.word_embeddings.weight"),
            weights.names.contains(where: { $0.hasPrefix("bert.") })
        {
            configuration.weightPrefix = "bert."
        }
        tokenizer = try Self.tokenizer(folder, lowercases: true)
        guard tokenizer.vocabularySize <= configuration.vocabularySize else {
            throw PretrainedModelError(
                path: path,
                reason: .vocabularyMismatch(
                    tokenizer: tokenizer.vocabularySize, model: configuration.vocabularySize))
        }
        maximumLength = try Self.maximumLength(folder, positions: configuration.maximumLength)
        model = try BERTModel(configuration, weights: weights, precision: precision, execution: execution)
    }

    private static func tokenizer(_ folder: ModelFolder, lowercases: Bool) throws -> WordPieceTokenizer {
        if folder.contains("tokenizer.json") {
            return try WordPieceTokenizer(tokenizerJSON: folder.file("tokenizer.json"))
        }
        guard folder.contains("vocab.txt") else {
            throw PretrainedModelError(
                path: folder.path, reason: .missingFile(anyOf: ["tokenizer.json", "vocab.txt"]))
        }
        return try WordPieceTokenizer(vocabulary: folder.file("vocab.txt"), lowercases: lowercases)
    }

    private static func maximumLength(_ folder: ModelFolder, positions: Int) throws -> Int {
        let name = "sentence_bert_config.json"
        guard folder.contains(name) else { return positions }
        let file = try JSONFile(path: folder.file(name))
        let length = try file.size("max_seq_length", default: positions)
        // Two markers and a token.
        guard (3...positions).contains(length) else {
            throw file.bad("max_seq_length", "a number of 3 to \(positions) tokens")
        }
        return length
    }

    private static func checkPooling(_ folder: ModelFolder) throws {
        let name = "1_Pooling/config.json"
        guard folder.contains(name) else { return }
        let file = try JSONFile(path: folder.file(name))
        let modes = ["cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens"]
        for mode in modes where try file.boolean("pooling_mode_" + mode, default: mode == "mean_tokens") {
            guard mode == "mean_tokens" else { throw file.unsupported("pooling mode", mode, "mean_tokens") }
        }
    }

    /// The ids of `text` with its markers, at most ``maximumLength``.
    public func tokens(of text: String) -> [Int] { tokenizer.encode(text, maximumLength: maximumLength) }

    /// The embeddings of `texts`: `[texts, hiddenSize]`, each of length 1.
    ///
    /// Texts are computed in groups of about `tokensPerCall` tokens, packed without padding, which bounds the memory; an
    /// embedding has the same bits in any group.
    ///
    /// - Throws: what the model throws.
    /// - Complexity: O(*tokens*) products of the model's size, and of the squares of the lengths in attention.
    public func embeddings(
        of texts: [String], kernel: AttentionKernel = .fused, tokensPerCall: Int = 4096
    ) throws -> Tensor {
        let width = model.configuration.hiddenSize
        let context = model.makeContext(kernel: kernel)
        var elements: [Float] = []
        elements.reserveCapacity(texts.count * width)
        var group: [[Int]] = []
        var count = 0
        for (index, text) in texts.enumerated() {
            let ids = tokens(of: text)
            group.append(ids)
            count += ids.count
            if count >= tokensPerCall || index == texts.count - 1 {
                elements += try context.embeddings(of: group).elements
                group.removeAll(keepingCapacity: true)
                count = 0
            }
        }
        return try Tensor(shape: [texts.count, width], elements: elements)
    }
}
