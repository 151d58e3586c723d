import BenchmarkHarness
import PretrainedModels
import Safetensors
import Transformer

/// The logits of every position of a sequence of tokens.
public enum Logits {
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

    /// Computes the logits behind each of `tokens`, all of which are given (teacher forcing).
    ///
    /// - Parameters:
    ///   - source: the tokens of the source, for an encoder-decoder and for nothing else.
    ///   - count: how many of the most likely tokens of each position to tell.
    ///   - output: the safetensors file to write: `logits`, F32 `[positions, vocabulary]`, `tokens`, and `source` where
    ///     there is one, I64. Without it the logits are forgotten position by position.
    /// - Throws: an error of one sentence if the model has no logits, or a token is none of its vocabulary.
    public static func run(
        tokens: [Int], source: [Int]?, best count: Int, output: String?, _ use: ModelUse
    ) throws -> Document {
        let model = try use.model()
        let context = try Self.context(model, tokens.count, source, use)
        var document = Document(
            model: use.folder, tokens: tokens, source: source, shape: [tokens.count, context.vocabularySize], best: [])
        var elements: [Float] = []
        if output != nil { elements.reserveCapacity(tokens.count * context.vocabularySize) }
        try context.forEachLogits(of: tokens) { _, row in
            document.best.append(
                likeliest(row, count).map { .init(token: $0, text: text($0, model), logit: row[$0]) })
            if output != nil { row.withUnsafeBufferPointer { elements += $0 } }
        }
        if let output {
            var writer = SafetensorsWriter(metadata: ["model": use.folder])
            try writer.add("logits", shape: document.shape, floats: elements)
            try writer.add("tokens", shape: [tokens.count], integers: tokens)
            if let source { try writer.add("source", shape: [source.count], integers: source) }
            try writer.write(path: output)
        }
        return document
    }

    /// The decoder at work, with room for `count` tokens.
    private static func context(
        _ model: PretrainedModel, _ count: Int, _ source: [Int]?, _ use: ModelUse
    ) throws -> DecoderContext {
        switch model {
        case .chat(let chat):
            guard source == nil else { throw HarnessError("--source: a decoder has none; it should be left out") }
            let limit = chat.model.configuration.contextLength
            guard count <= limit else {
                throw HarnessError("--tokens: there are \(count); the model has room for \(limit)")
            }
            return try chat.model.makeContext(capacity: max(count, 1), kernel: use.kernel)
        case .translator(let translator):
            guard let source else { throw HarnessError("--source: an encoder-decoder needs the tokens of a source") }
            return try translator.model.makeContext(sources: [source], kernel: use.kernel)
        case .sentenceEncoder:
            throw HarnessError("--model: \(use.folder) holds \(model.kind), which has no logits; use embed")
        }
    }

    /// The places of the largest of a row's logits, the largest first and of equals the first.
    private static func likeliest(_ row: Span<Float>, _ count: Int) -> [Int] {
        var best: [Int] = []
        for index in row.indices where best.count < count || row[index] > row[best[best.count - 1]] {
            if best.count == count { best.removeLast() }
            best.insert(index, at: best.firstIndex { row[$0] < row[index] } ?? best.count)
        }
        return best
    }

    private static func text(_ token: Int, _ model: PretrainedModel) -> String? {
        switch model {
        case .chat(let chat): try? chat.tokenizer.decode([token], skipsSpecialTokens: false)
        case .translator(let translator): translator.tokenizer.token(token)
        case .sentenceEncoder(let encoder): encoder.tokenizer.token(token)
        }
    }
}
