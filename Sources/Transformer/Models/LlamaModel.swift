import AttentionKernels

/// A Llama decoder (Touvron and others 2023) with its weights: pre-norm with RMSNorm, rotary positions, grouped heads, SwiGLU.
///
/// ```swift
/// let model = try LlamaModel(configuration, weights: file)
/// let context = try model.makeContext(capacity: 2048)
/// let answer = try generate(context, prompt: tokens)
/// ```
public struct LlamaModel: Sendable {
    /// The sizes.
    public let configuration: LlamaConfiguration
    /// The decoder.
    public let stack: DecoderStack
    /// In what precision it computes.
    public var precision: Precision { stack.precision }
    private let execution: Execution

    /// A model with its weights packed; quantised ones keep their size.
    ///
    /// - Parameters:
    ///   - configuration: the sizes, and the names of the weights.
    ///   - weights: where they come from.
    ///   - precision: in what precision to compute.
    ///   - execution: threads and instruction set of all calls.
    /// - Throws: ``TransformerError`` if the configuration contradicts itself, or a tensor is missing or has another shape;
    ///   and what `weights` throws.
    public init(
        _ configuration: LlamaConfiguration, weights: some WeightSource, precision: Precision = .float32,
        execution: Execution = .shared
    ) throws {
        try configuration.validate()
        let c = configuration
        let names = LlamaNames(c.naming)
        let norm = { (name: String) in
            try Normalization(
                .rms, scale: weights.weight(name, shape: [c.hiddenSize]).tensor(execution: execution),
                epsilon: c.normEpsilon)
        }
        let linear = { (name: String, outputs: Int, inputs: Int) in
            LinearWeights(try weights.weight(name, shape: [outputs, inputs]))
        }
        let (queries, keys) = (c.headCount * c.headSize, c.kvHeadCount * c.headSize)
        let layers = try (0..<c.layerCount).map { index in
            let name = { names.layer($0, index) }
            return DecoderLayer(
                attention: try MultiHeadAttention(
                    query: linear(name(.query), queries, c.hiddenSize), key: linear(name(.key), keys, c.hiddenSize),
                    value: linear(name(.value), keys, c.hiddenSize),
                    output: linear(name(.output), c.hiddenSize, queries), heads: c.headCount, kvHeads: c.kvHeadCount,
                    precision: precision, execution: execution),
                attentionNorm: try norm(name(.attentionNorm)),
                feedForward: try FeedForward(
                    gate: linear(name(.gate), c.feedForwardSize, c.hiddenSize),
                    up: linear(name(.up), c.feedForwardSize, c.hiddenSize),
                    down: linear(name(.down), c.hiddenSize, c.feedForwardSize), precision: precision,
                    execution: execution),
                feedForwardNorm: try norm(name(.feedForwardNorm)), placement: .pre)
        }
        let table = try weights.weight(names.embedding, shape: [c.vocabularySize, c.hiddenSize])
        let head =
            c.tiesOutput ? table : try weights.weight(names.head, shape: [c.vocabularySize, c.hiddenSize])
        stack = try DecoderStack(
            embedding: Embedding(table), layers: layers, finalNorm: norm(names.finalNorm),
            head: Linear([LinearWeights(head)], precision: precision, execution: execution), rotary: c.rotary,
            pairing: c.naming == .gguf ? .interleaved : .halves, maximumLength: c.contextLength, precision: precision)
        self.configuration = configuration
        self.execution = execution
    }

    /// A context of empty sequences.
    ///
    /// - Parameters:
    ///   - capacity: the most tokens of a sequence; nil for the length the model was made for.
    ///   - sequenceCount: how many sequences grow side by side.
    ///   - kernel: the kernel of attention.
    /// - Throws: ``TransformerError`` if the capacity is out of range, `KernelError` if memory runs out.
    public func makeContext(
        capacity: Int? = nil, sequenceCount: Int = 1, kernel: AttentionKernel = .fused
    ) throws -> DecoderContext {
        try stack.makeContext(
            capacity: capacity, sequenceCount: sequenceCount, kernel: kernel, execution: execution)
    }
}

/// The names of a Llama's weights.
private struct LlamaNames {
    enum Part: Int {
        case query, key, value, output, gate, up, down, attentionNorm, feedForwardNorm
    }

    private static let gguf = [
        "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down", "attn_norm", "ffn_norm",
    ]
    private static let huggingFace = [
        "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj",
        "mlp.down_proj", "input_layernorm", "post_attention_layernorm",
    ]

    private let naming: LlamaConfiguration.WeightNaming

    init(_ naming: LlamaConfiguration.WeightNaming) {
        self.naming = naming
    }

    func layer(_ part: Part, _ index: Int) -> String {
        switch naming {
        case .gguf: "blk.\(index).\(Self.gguf[part.rawValue]).weight"
        case .huggingFace: "model.layers.\(index).\(Self.huggingFace[part.rawValue]).weight"
        }
    }

    var embedding: String { naming == .gguf ? "token_embd.weight" : "model.embed_tokens.weight" }
    var finalNorm: String { naming == .gguf ? "output_norm.weight" : "model.norm.weight" }
    var head: String { naming == .gguf ? "output.weight" : "lm_head.weight" }
}
