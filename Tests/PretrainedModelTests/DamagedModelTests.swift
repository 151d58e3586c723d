import AttentionKernels
import GGUF
import PretrainedModels
import TestSupport
import Testing
import Tokenizers
import Transformer

/// A Llama of one layer in a GGUF file, damaged.
@Suite struct DamagedModelTests {
    private static let layer: [(name: String, outputs: Int)] = [
        ("attn_q", 32), ("attn_k", 16), ("attn_v", 16), ("attn_output", 32), ("ffn_gate", 32), ("ffn_up", 32),
        ("ffn_down", 32),
    ]

    private static var whole: GGUFBuilder {
        var builder = GGUFBuilder()
        let tokens: [GGUFBuilder.Value] = ["a", "b", "c", "ab", "abc", "</s>"].map { .string($0) }
        builder.metadata = [
            ("general.architecture", .string("llama")), ("llama.embedding_length", .uint32(32)),
            ("llama.block_count", .uint32(1)), ("llama.attention.head_count", .uint32(2)),
            ("llama.attention.head_count_kv", .uint32(1)), ("llama.feed_forward_length", .uint32(32)),
            ("llama.context_length", .uint32(16)), ("llama.attention.layer_norm_rms_epsilon", .float32(1e-5)),
            ("llama.rope.dimension_count", .uint32(16)), ("llama.rope.freq_base", .float32(10_000)),
            ("tokenizer.ggml.model", .string("gpt2")), ("tokenizer.ggml.tokens", .array(type: 8, tokens)),
            ("tokenizer.ggml.token_type", .array(type: 5, [1, 1, 1, 1, 1, 3].map { .int32($0) })),
            ("tokenizer.ggml.merges", .array(type: 8, [.string("a b"), .string("ab c")])),
            ("tokenizer.ggml.eos_token_id", .uint32(5)),
        ]
        var random = SeededRandom(seed: 12)
        func floats(_ name: String, _ sizes: [UInt64]) -> GGUFBuilder.Tensor {
            let count = Int(sizes.reduce(1, *))
            let data = (0..<count).flatMap { _ in Float.random(in: -1...1, using: &random).bitPattern.bytes }
            return .init(name: name, sizes: sizes, type: 0, data: data)
        }
        builder.tensors = [
            floats("token_embd.weight", [32, 6]), floats("output_norm.weight", [32]),
            floats("blk.0.attn_norm.weight", [32]), floats("blk.0.ffn_norm.weight", [32]),
        ]
        for (name, outputs) in layer {
            // A block of Q4_1: a scale, a minimum, 32 nibbles.
            let block: [UInt8] = [0, 0x2C, 0, 0xB0] + (0..<16).map { 17 * $0 }
            builder.tensors.append(
                .init(
                    name: "blk.0.\(name).weight", sizes: [32, UInt64(outputs)], type: 3,
                    data: (0..<outputs).flatMap { _ in block }))
        }
        return builder
    }

    private func answer(_ folder: TemporaryFolder) throws -> [Int] {
        let chat = try ChatModel(folder: folder.path, execution: Execution(threads: 1))
        let prompt = chat.tokens(of: "abcab")
        let capacity = min(8, chat.model.configuration.contextLength)
        let context = try chat.model.makeContext(capacity: capacity)
        let options = GenerationOptions(maximumTokens: 4, stopTokens: [chat.endToken])
        return try generate(context, prompt: prompt.isEmpty ? [0] : prompt, options: options).tokens
    }

    /// However the file is damaged, the folder is refused with one error or gives a model that answers.
    @Test func damagedFiles() throws {
        let folder = try TemporaryFolder()
        let whole = Self.whole.bytes
        try folder.write("model.gguf", whole)
        #expect(try answer(folder).count == 4)
        // Most damage should strike what stands before the tensors' bytes.
        let dataStart = whole.count - Self.whole.tensors.reduce(0) { $0 + $1.data.count }
        var mutator = Mutator(seed: 7)
        var answered = 0
        try Mutator.forEachRound(of: "model") { round in
            let damaged =
                round % 8 == 0
                ? mutator.damage(whole) : mutator.damage(Array(whole[..<dataStart])) + whole[dataStart...]
            try folder.write("model.gguf", damaged)
            do {
                #expect(try answer(folder).allSatisfy { $0 >= 0 })
                answered += 1
            } catch {
                #expect(
                    error is GGUFError || error is PretrainedModelError || error is TokenizerError
                        || error is TransformerError || error is KernelError, "\(error)")
            }
        }
        #expect(answered > Mutator.count / 50 && answered < Mutator.count)
    }
}
