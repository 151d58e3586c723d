import AttentionKernels
import BenchmarkHarness
import Foundation
import PretrainedModels
import Safetensors

/// The logits of every position of a sequence of tokens.
public struct Logits: Sendable {
    /// What `--json` prints: of each position the most likely next tokens.
    public struct Document: Encodable, Sendable {
        /// A token that may come next.
        public struct Choice: Encodable, Sendable {
            public var token: Int
            public var text: String?
            public var logit: Float
        }

        public var model: String
        public var tokens: [Int]
        public var source: [Int]?
        /// `[positions, vocabulary]`.
        public var shape: [Int]
        /// By position, the most likely first.
        public var best: [[Choice]]
    }

    private let use: ModelUse
    private let tokens: [Int]
    private let source: [Int]?
    private let model: PretrainedModel
    /// `[positions, vocabulary]`.
    public let logits: Tensor

    /// Computes the logits behind each of `tokens`, all of which are given (teacher forcing).
    ///
    /// - Parameter source: the tokens of the source, for an encoder-decoder and for nothing else.
    /// - Throws: an error of one sentence if the model has no logits, or a token is none of its vocabulary.
    public init(tokens: [Int], source: [Int]?, _ use: ModelUse) throws {
        self.use = use
        self.tokens = tokens
        self.source = source
        model = try PretrainedModel(folder: use.folder, precision: use.precision, execution: use.execution)
        switch model {
        case .chat(let chat):
            guard source == nil else { throw HarnessError("--source: a decoder has none; it should be left out") }
            let limit = chat.model.configuration.contextLength
            guard tokens.count <= limit else {
                throw HarnessError("--tokens: there are \(tokens.count); the model has room for \(limit)")
            }
            logits = try chat.model.makeContext(capacity: max(tokens.count, 1), kernel: use.kernel).logits(of: tokens)
        case .translator(let translator):
            guard let source else { throw HarnessError("--source: an encoder-decoder needs the tokens of a source") }
            logits = try translator.model.logits(source: source, target: tokens, kernel: use.kernel)
        case .sentenceEncoder:
            throw HarnessError("--model: \(use.folder) holds \(model.kind), which has no logits; use embed")
        }
    }

    /// Writes `logits`, F32 `[positions, vocabulary]`, and `tokens`, I64, and `source`, I64, where there is one.
    public func write(path: String) throws {
        var writer = SafetensorsWriter(metadata: ["model": use.folder])
        try writer.add("logits", shape: logits.shape, floats: logits.elements)
        try writer.add("tokens", shape: [tokens.count], integers: tokens)
        if let source { try writer.add("source", shape: [source.count], integers: source) }
        try writer.write(path: path)
    }

    /// The `count` most likely tokens of each position.
    public func document(count: Int) -> Document {
        let width = logits.shape[1]
        let elements = logits.elements
        let best = (0..<logits.shape[0]).map { row in
            let scores = elements[row * width..<(row + 1) * width]
            let order = scores.indices.sorted { (scores[$1], $0) < (scores[$0], $1) }
            return order.prefix(max(1, count)).map { index in
                Document.Choice(token: index - row * width, text: text(index - row * width), logit: scores[index])
            }
        }
        return Document(model: use.folder, tokens: tokens, source: source, shape: logits.shape, best: best)
    }

    private func text(_ token: Int) -> String? {
        switch model {
        case .chat(let chat): try? chat.tokenizer.decode([token], skipsSpecialTokens: false)
        case .translator(let translator): translator.tokenizer.token(token)
        case .sentenceEncoder(let encoder): encoder.tokenizer.token(token)
        }
    }
}
