import AttentionKernels
import FileReading
import Transformer

/// A model's sizes as a Hugging Face `config.json` gives them.
public enum HuggingFaceConfiguration: Sendable, Hashable {
    /// `"model_type": "bert"`.
    case bert(BERTConfiguration)
    /// `"model_type": "llama"`.
    case llama(LlamaConfiguration)

    /// Reads the `config.json` at `path`.
    ///
    /// - Throws: ``PretrainedModelError`` that names the field if the file cannot be read, is malformed, lacks a size or
    ///   asks for a part that this library does not have.
    public init(path: String) throws(PretrainedModelError) {
        let file = try JSONFile(path: path)
        switch try file.text("model_type") {
        case "bert": self = .bert(try Self.bert(file))
        case "llama": self = .llama(try Self.llama(file))
        case let kind: throw file.unsupported("model_type", kind, "bert or llama")
        }
    }

    private static func bert(_ file: JSONFile) throws(PretrainedModelError) -> BERTConfiguration {
        if let kind = file["position_embedding_type"]?.text, kind != "absolute" {
            throw file.unsupported("position_embedding_type", kind, "absolute")
        }
        let activations: [String: Activation] = [
            "gelu": .gelu, "gelu_new": .geluTanh, "gelu_pytorch_tanh": .geluTanh, "relu": .relu,
        ]
        let name = try file["hidden_act"] == nil ? "gelu" : file.text("hidden_act")
        guard let activation = activations[name] else {
            throw file.unsupported("hidden_act", name, activations.keys.sorted().joined(separator: " or "))
        }
        return BERTConfiguration(
            vocabularySize: try file.size("vocab_size"), hiddenSize: try file.size("hidden_size"),
            layerCount: try file.size("num_hidden_layers"), headCount: try file.size("num_attention_heads"),
            feedForwardSize: try file.size("intermediate_size"),
            maximumLength: try file.size("max_position_embeddings", default: 512),
            tokenTypeCount: try file.size("type_vocab_size", default: 2),
            normEpsilon: Float(try file.number("layer_norm_eps", default: 1e-12)), activation: activation)
    }

    private static func llama(_ file: JSONFile) throws(PretrainedModelError) -> LlamaConfiguration {
        if let kind = file["hidden_act"]?.text, kind != "silu" { throw file.unsupported("hidden_act", kind, "silu") }
        for field in ["attention_bias", "mlp_bias"] where try file.boolean(field, default: false) {
            throw file.unsupported(field, "true", "false")
        }
        let heads = try file.size("num_attention_heads")
        let base = Float(try file.number("rope_theta", default: 10_000))
        return LlamaConfiguration(
            vocabularySize: try file.size("vocab_size"), hiddenSize: try file.size("hidden_size"),
            layerCount: try file.size("num_hidden_layers"), headCount: heads,
            kvHeadCount: try file.size("num_key_value_heads", default: heads),
            headSize: file["head_dim"] == nil ? nil : try file.size("head_dim"),
            feedForwardSize: try file.size("intermediate_size"),
            contextLength: try file.size("max_position_embeddings", default: 2048),
            normEpsilon: Float(try file.number("rms_norm_eps", default: 1e-6)),
            rotary: RotaryFrequencies(base: base, scaling: try scaling(file)),
            tiesOutput: try file.boolean("tie_word_embeddings", default: false), naming: .huggingFace)
    }

    private static func scaling(_ file: JSONFile) throws(PretrainedModelError) -> RotaryFrequencies.Scaling {
        guard let scaling = file["rope_scaling"] else { return .none }
        func number(_ name: String, default value: Double? = nil) throws(PretrainedModelError) -> Float {
            guard let number = scaling[name]?.number ?? value, number.isFinite else {
                throw file.bad("rope_scaling.\(name)", "a number")
            }
            return Float(number)
        }
        func length() throws(PretrainedModelError) -> Int {
            let field = "original_max_position_embeddings"
            guard let length = scaling[field]?.integer else { throw file.bad("rope_scaling.\(field)", "an integer") }
            return length
        }
        switch scaling["rope_type"]?.text ?? scaling["type"]?.text {
        case "default": return .none
        case "linear": return .linear(factor: try number("factor"))
        case "llama3":
            return .llama3(
                factor: try number("factor"), lowFrequency: try number("low_freq_factor"),
                highFrequency: try number("high_freq_factor"), originalLength: try length())
        case "yarn":
            return .yarn(
                factor: try number("factor"), betaFast: try number("beta_fast", default: 32),
                betaSlow: try number("beta_slow", default: 1), originalLength: try length())
        case let kind:
            throw file.unsupported("rope_scaling.rope_type", kind ?? "none", "linear, llama3 or yarn")
        }
    }
}
