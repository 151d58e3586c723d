import TestSupport

/// A Llama of one layer, as a GGUF file.
enum SmallLlama {
    private static let layer: [(name: String, outputs: Int)] = [
        ("attn_q", 32), ("attn_k", 16), ("attn_v", 16), ("attn_output", 32), ("ffn_gate", 32), ("ffn_up", 32),
        ("ffn_down", 32),
    ]

    /// Its file; the matrices of the layer in Q4_1 or as F32, all else as F32.
    static func file(isQuantized: Bool) -> GGUFBuilder {
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
        // A block of Q4_1: a scale, a minimum, 32 nibbles.
        let block: [UInt8] = [0, 0x2C, 0, 0xB0] + (0..<16).map { 17 * $0 }
        for (name, outputs) in layer {
            let (full, sizes) = ("blk.0.\(name).weight", [32, UInt64(outputs)])
            builder.tensors.append(
                isQuantized
                    ? .init(name: full, sizes: sizes, type: 3, data: (0..<outputs).flatMap { _ in block })
                    : floats(full, sizes))
        }
        return builder
    }
}
