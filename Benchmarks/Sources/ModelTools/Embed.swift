import AttentionKernels
import PretrainedModels
import Safetensors

/// Embeddings of texts, and the texts closest in meaning to a question.
public struct Embed: Sendable {
    /// What `--json` prints.
    public struct Document: Encodable, Sendable {
        /// A text with its embedding.
        public struct Sentence: Encodable, Sendable {
            public var text: String
            public var tokens: [Int]
            public var embedding: [Float]
        }

        /// A text that was found; `line` counts from 1.
        public struct Match: Encodable, Sendable {
            public var line: Int
            public var similarity: Float
            public var text: String
        }

        public var model: String
        public var sentences: [Sentence]?
        public var search: String?
        public var matches: [Match]?
    }

    private let encoder: SentenceEncoder
    private let use: ModelUse
    private let texts: [String]
    /// `[texts, width]`.
    public let embeddings: Tensor

    /// Computes the embeddings of `texts`.
    ///
    /// - Throws: an error of one sentence if the model is none of sentences, or cannot be read.
    public init(_ texts: [String], _ use: ModelUse) throws {
        self.use = use
        self.texts = texts
        encoder = try use.model("an encoder of sentences (*.safetensors)") {
            if case .sentenceEncoder(let encoder) = $0 { encoder } else { nil }
        }
        embeddings = try encoder.embeddings(of: texts, kernel: use.kernel)
    }

    /// Writes `embeddings`, F32 `[texts, width]`, and `input_ids` and `attention_mask`, I64 `[texts, longest]`.
    public func write(path: String) throws {
        let ids = texts.map(encoder.tokens)
        let longest = ids.map(\.count).max() ?? 0
        let padding = encoder.tokenizer.id(of: "[PAD]") ?? 0
        var writer = SafetensorsWriter(metadata: ["model": use.folder])
        try writer.add("embeddings", shape: embeddings.shape, floats: embeddings.elements)
        try writer.add(
            "input_ids", shape: [texts.count, longest],
            integers: ids.flatMap { $0 + [Int](repeating: padding, count: longest - $0.count) })
        try writer.add(
            "attention_mask", shape: [texts.count, longest],
            integers: ids.flatMap {
                [Int](repeating: 1, count: $0.count) + [Int](repeating: 0, count: longest - $0.count)
            })
        try writer.write(path: path)
    }

    /// The texts with tokens and embeddings.
    public var document: Document {
        let width = embeddings.shape[1]
        let elements = embeddings.elements
        return Document(
            model: use.folder,
            sentences: texts.enumerated().map { index, text in
                .init(
                    text: text, tokens: encoder.tokens(of: text),
                    embedding: Array(elements[index * width..<(index + 1) * width]))
            })
    }

    /// The `count` texts closest in meaning to `question`, the closest first.
    public func search(_ question: String, count: Int) throws -> Document {
        let vector = try encoder.embeddings(of: [question], kernel: use.kernel)
        let matches = try SimilaritySearch(embeddings: embeddings).matches(vector, count: count)
        return Document(
            model: use.folder, search: question,
            matches: matches.map { .init(line: $0.index + 1, similarity: $0.similarity, text: texts[$0.index]) })
    }
}
