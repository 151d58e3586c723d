import AttentionKernels
import Foundation
import PretrainedModels
import Testing
import Transformer

@Suite struct ConfigurationTests {
    private static let bert =
        #"{"model_type":"bert","vocab_size":30522,"hidden_size":384,"num_hidden_layers":6,"num_attention_heads":12,"intermediate_size":1536,"hidden_act":"gelu","layer_norm_eps":1e-12,"max_position_embeddings":512,"type_vocab_size":2,"position_embedding_type":"absolute"}"#
    private static let llama =
        #"{"model_type":"llama","vocab_size":49152,"hidden_size":576,"num_hidden_layers":30,"num_attention_heads":9,"num_key_value_heads":3,"intermediate_size":1536,"hidden_act":"silu","rms_norm_eps":1e-05,"rope_theta":100000,"max_position_embeddings":8192,"tie_word_embeddings":true,"rope_scaling":null}"#

    private func read(_ text: String) throws -> HuggingFaceConfiguration {
        let folder = try TemporaryFolder()
        try folder.write("config.json", text)
        return try HuggingFaceConfiguration(path: folder.file("config.json"))
    }

    private func reason(_ text: String) -> PretrainedModelError.Reason? {
        do {
            _ = try read(text)
            return nil
        } catch { return (error as? PretrainedModelError)?.reason }
    }

    @Test func bertAsItIsWritten() throws {
        #expect(
            try read(Self.bert)
                == .bert(
                    BERTConfiguration(
                        vocabularySize: 30522, hiddenSize: 384, layerCount: 6, headCount: 12, feedForwardSize: 1536)))
        let tanh = Self.bert.replacing("\"gelu\"", with: "\"gelu_new\"")
        guard case .bert(let configuration) = try read(tanh) else { return }
        #expect(configuration.activation == .geluTanh)
    }

    @Test func llamaAsItIsWritten() throws {
        var expected = LlamaConfiguration(
            vocabularySize: 49152, hiddenSize: 576, layerCount: 30, headCount: 9, kvHeadCount: 3,
            feedForwardSize: 1536, contextLength: 8192, normEpsilon: 1e-5,
            rotary: RotaryFrequencies(base: 100_000), tiesOutput: true, naming: .huggingFace)
        #expect(try read(Self.llama) == .llama(expected))
        let scalings: [(String, RotaryFrequencies.Scaling)] = [
            (#"{"type":"linear","factor":2}"#, .linear(factor: 2)), (#"{"rope_type":"default"}"#, .none),
            (
                #"{"rope_type":"llama3","factor":8,"low_freq_factor":1,"high_freq_factor":4,"original_max_position_embeddings":8192}"#,
                .llama3(factor: 8, lowFrequency: 1, highFrequency: 4, originalLength: 8192)
            ),
            (
                #"{"rope_type":"yarn","factor":4,"original_max_position_embeddings":2048}"#,
                .yarn(factor: 4, betaFast: 32, betaSlow: 1, originalLength: 2048)
            ),
        ]
        for (text, scaling) in scalings {
            expected.rotary.scaling = scaling
            #expect(
                try read(Self.llama.replacing("\"rope_scaling\":null", with: "\"rope_scaling\":" + text))
                    == .llama(expected))
        }
    }

    @Test func fieldsThatAreWrong() {
        func bert(_ found: String, _ replacement: String) -> PretrainedModelError.Reason? {
            reason(Self.bert.replacing(found, with: replacement))
        }
        let size = "an integer of at least 1"
        #expect(bert("384", "0") == .badField("hidden_size", expected: size))
        #expect(bert("384", "3.5") == .badField("hidden_size", expected: size))
        #expect(bert("384", "99999999999") == .badField("hidden_size", expected: size))
        #expect(bert("\"vocab_size\":30522,", "") == .badField("vocab_size", expected: size))
        #expect(bert("1e-12", "\"small\"") == .badField("layer_norm_eps", expected: "a number"))
        #expect(bert("\"bert\"", "7") == .badField("model_type", expected: "a text"))
        #expect(bert("\"bert\"", "\"t5\"") == .unsupported(part: "model_type", kind: "t5", expected: "bert or llama"))
        #expect(
            bert("\"absolute\"", "\"relative_key\"")
                == .unsupported(part: "position_embedding_type", kind: "relative_key", expected: "absolute"))
        #expect(bert("\"hidden_act\"", "\"vocab_size\"") == .badField("vocab_size", expected: "one value"))
        guard case .malformedJSON? = bert("}", "") else {
            Issue.record("malformed JSON was accepted")
            return
        }
        let dynamic = Self.llama.replacing(
            "\"rope_scaling\":null", with: #""rope_scaling":{"type":"dynamic","factor":2}"#)
        #expect(
            reason(dynamic)
                == .unsupported(part: "rope_scaling.rope_type", kind: "dynamic", expected: "linear, llama3 or yarn"))
        #expect(
            reason(Self.llama.replacing("\"silu\"", with: "\"gelu\""))
                == .unsupported(part: "hidden_act", kind: "gelu", expected: "silu"))
    }

    @Test func folders() throws {
        #expect(throws: PretrainedModelError(path: "/nowhere", reason: .noFolder)) {
            try PretrainedModel(folder: "/nowhere")
        }
        let folder = try TemporaryFolder()
        #expect(
            throws: PretrainedModelError(
                path: folder.path, reason: .missingFile(anyOf: ["*.gguf", "*.pt", "*.safetensors"]))
        ) { try PretrainedModel(folder: folder.path) }
        try folder.write("a.gguf", "")
        try folder.write("b.gguf", "")
        #expect(throws: PretrainedModelError(path: folder.path, reason: .severalFiles(["a.gguf", "b.gguf"]))) {
            try PretrainedModel(folder: folder.path)
        }
        #expect(throws: PretrainedModelError(path: folder.path, reason: .missingFile(anyOf: ["config.json"]))) {
            try SentenceEncoder(folder: folder.path)
        }
        #expect(
            PretrainedModelError(path: "m", reason: .textTooLong(tokens: 103, limit: 102)).description
                == "m has room for 102 tokens, but the text has 103")
    }
}
