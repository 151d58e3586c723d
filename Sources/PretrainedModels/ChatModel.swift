import AttentionKernels
import GGUF
import Tokenizers
import Transformer

/// A Llama decoder with its tokenizer and its way to write a conversation, from a GGUF file.
public struct ChatModel: Sendable {
    /// The model.
    public let model: LlamaModel
    /// The tokenizer of its vocabulary.
    public let tokenizer: BytePairTokenizer
    /// How a conversation is written; nil where the file does not say.
    public let template: ChatTemplate?
    /// The token that ends an answer.
    public let endToken: Int
    private let path: String

    /// The model whose one `*.gguf` is in `folder`.
    ///
    /// - Parameters:
    ///   - path: the folder.
    ///   - precision: in what precision to compute; nil for `integer16` if the file has quantised weights, else `float32`.
    ///   - execution: threads and instruction set of all calls.
    /// - Throws: ``PretrainedModelError`` if the file is missing or asks for what this library does not have, and what
    ///   the readers of weights and tokenizer throw.
    public init(folder path: String, precision: Precision? = .float32, execution: Execution = .shared) throws {
        let file = try GGUFFile(path: ModelFolder(path: path).required(".gguf"))
        let configuration = try LlamaConfiguration(file)
        tokenizer = try BytePairTokenizer(file)
        guard tokenizer.vocabularySize <= configuration.vocabularySize else {
            throw PretrainedModelError(
                path: file.path,
                reason: .vocabularyMismatch(
                    tokenizer: tokenizer.vocabularySize, model: configuration.vocabularySize))
        }
        template = try file.metadata["tokenizer.chat_template"]?.text.map { try ChatTemplate(jinja: $0) }
        endToken = try file.integer("tokenizer.ggml.eos_token_id")
        model = try LlamaModel(
            configuration, weights: file, precision: precision ?? (file.isQuantized ? .integer16 : .float32),
            execution: execution)
        self.path = file.path
    }

    /// The ids of `prompt` as a user's message, behind `system` or the template's own words, and before the answer.
    ///
    /// - Throws: ``PretrainedModelError`` if the file has no template.
    public func tokens(ofMessage prompt: String, system: String? = nil) throws -> [Int] {
        guard let template else {
            throw PretrainedModelError(
                path: path, reason: .badField("tokenizer.chat_template", expected: "a template of conversations"))
        }
        let opening = system.map { [ChatTemplate.Message(role: "system", content: $0)] } ?? []
        return try template.encode(opening + [.init(role: "user", content: prompt)], with: tokenizer)
    }

    /// The ids of `text` as it stands, its special tokens parsed.
    public func tokens(of text: String) -> [Int] { tokenizer.encode(text) }
}

extension GGUFFile {
    /// Whether any tensor holds small integers with a scale for each block.
    fileprivate var isQuantized: Bool { entries.contains { $0.type.weightFormat.isQuantized } }
}

extension LlamaConfiguration {
    /// The sizes that the metadata of a GGUF file give.
    ///
    /// - Throws: ``PretrainedModelError`` if it is another architecture or asks for what this library does not have, and
    ///   `GGUFError` naming a key that is missing.
    public init(_ file: GGUFFile) throws {
        let architecture = try file.text("general.architecture")
        guard architecture == "llama" else {
            throw PretrainedModelError(
                path: file.path,
                reason: .unsupported(part: "general.architecture", kind: architecture, expected: "llama"))
        }
        let heads = try file.integer("llama.attention.head_count")
        let width = try file.integer("llama.embedding_length")
        func optional(_ key: String) throws -> Int? { file.metadata[key] == nil ? nil : try file.integer(key) }
        let headSize = try optional("llama.attention.key_length") ?? (heads > 0 ? width / heads : 0)
        if let rotated = try optional("llama.rope.dimension_count"), rotated != headSize {
            throw PretrainedModelError(
                path: file.path,
                reason: .unsupported(
                    part: "llama.rope.dimension_count", kind: "\(rotated)", expected: "the head size of \(headSize)"))
        }
        let base = file.metadata["llama.rope.freq_base"] == nil ? 10_000 : try file.number("llama.rope.freq_base")
        self.init(
            vocabularySize: try file.tensor("token_embd.weight").shape[0], hiddenSize: width,
            layerCount: try file.integer("llama.block_count"), headCount: heads,
            kvHeadCount: try optional("llama.attention.head_count_kv") ?? heads, headSize: headSize,
            feedForwardSize: try file.integer("llama.feed_forward_length"),
            contextLength: try file.integer("llama.context_length"),
            normEpsilon: Float(try file.number("llama.attention.layer_norm_rms_epsilon")),
            rotary: RotaryFrequencies(base: Float(base), scaling: try Self.scaling(file)),
            tiesOutput: !file.contains("output.weight"), naming: .gguf)
    }

    private static func scaling(_ file: GGUFFile) throws -> RotaryFrequencies.Scaling {
        guard let kind = file.metadata["llama.rope.scaling.type"]?.text, kind != "none" else { return .none }
        guard kind == "linear" else {
            throw PretrainedModelError(
                path: file.path,
                reason: .unsupported(part: "llama.rope.scaling.type", kind: kind, expected: "none or linear"))
        }
        return .linear(factor: Float(try file.number("llama.rope.scaling.factor")))
    }
}

extension BytePairTokenizer {
    /// The tokenizer that the metadata of a GGUF file describe.
    ///
    /// - Throws: ``PretrainedModelError`` if it is no byte-level one with the words of GPT-2 or SmolLM, `GGUFError`
    ///   naming a key that is missing, `TokenizerError` if tokens and merges contradict each other.
    public init(_ file: GGUFFile) throws {
        let kind = try file.text("tokenizer.ggml.model")
        let words = file.metadata["tokenizer.ggml.pre"]?.text ?? "gpt-2"
        guard kind == "gpt2", ["gpt-2", "smollm"].contains(words) else {
            throw PretrainedModelError(
                path: file.path,
                reason: .unsupported(
                    part: "tokenizer", kind: "\(kind) with words of \(words)",
                    expected: "gpt2 with words of gpt-2 or smollm"))
        }
        let tokens = try file.texts("tokenizer.ggml.tokens")
        let types = try file.integers("tokenizer.ggml.token_type")
        guard types.count == tokens.count else {
            throw PretrainedModelError(
                path: file.path,
                reason: .badField("tokenizer.ggml.token_type", expected: "as many types as there are tokens"))
        }
        // Types 3 and 4 are control and user-defined tokens, which are found in the text as it is.
        var description = Description(
            tokens: tokens, merges: try file.texts("tokenizer.ggml.merges"),
            specialIds: types.indices.filter { types[$0] == 3 || types[$0] == 4 }, isolatesDigits: words == "smollm")
        if file.metadata["tokenizer.ggml.add_bos_token"]?.boolean == true {
            description.opening = [try file.integer("tokenizer.ggml.bos_token_id")]
        }
        try self.init(description)
    }
}
