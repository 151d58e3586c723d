import AttentionKernels

/// A BERT encoder (Devlin and others 2019) with its weights, for embeddings of sentences by the mean over their tokens
/// (Reimers and Gurevych 2019).
///
/// ```swift
/// let model = try BERTModel(configuration, weights: file)
/// let embeddings = try model.makeContext().embeddings(of: [tokens, others])
/// ```
public struct BERTModel: Sendable {
    /// The sizes.
    public let configuration: BERTConfiguration
    /// The vectors of tokens, positions and the one token type.
    public let embedding: Embedding
    /// The norm of their sum.
    public let embeddingNorm: Normalization
    /// The layers.
    public let stack: EncoderStack
    let execution: Execution

    /// A model with its weights packed.
    ///
    /// - Parameters:
    ///   - configuration: the sizes.
    ///   - weights: where the weights come from, by the names of a Hugging Face checkpoint.
    ///   - precision: in what precision to compute.
    ///   - execution: threads and instruction set of all calls.
    /// - Throws: ``TransformerError`` if the configuration contradicts itself, or a tensor is missing or has another shape;
    ///   and what `weights` throws.
    public init(
        _ configuration: BERTConfiguration, weights: some WeightSource, precision: Precision = .float32,
        execution: Execution = .shared
    ) throws {
        try configuration.validate()
        let c = configuration
        let (prefix, d) = (c.weightPrefix, c.hiddenSize)
        let tensor = { (name: String, shape: [Int]) in
            try weights.weight(prefix + name, shape: shape).tensor(execution: execution)
        }
        let norm = { (name: String) in
            try Normalization(
                .layer, scale: tensor(name + ".weight", [d]), shift: tensor(name + ".bias", [d]),
                epsilon: c.normEpsilon)
        }
        let linear = { (name: String, outputs: Int, inputs: Int) in
            LinearWeights(
                try weights.weight(prefix + name + ".weight", shape: [outputs, inputs]),
                bias: try weights.weight(prefix + name + ".bias", shape: [outputs]))
        }
        let types = try tensor("embeddings.token_type_embeddings.weight", [c.tokenTypeCount, d])
        embedding = try Embedding(
            weights.weight(prefix + "embeddings.word_embeddings.weight", shape: [c.vocabularySize, d]),
            positions: tensor("embeddings.position_embeddings.weight", [c.maximumLength, d]),
            added: Tensor(shape: [d], elements: Array(types.elements.prefix(d))))
        embeddingNorm = try norm("embeddings.LayerNorm")
        let layers = try (0..<c.layerCount).map { index in
            let name = { "encoder.layer.\(index)." + $0 }
            return EncoderLayer(
                attention: try MultiHeadAttention(
                    query: linear(name("attention.self.query"), d, d), key: linear(name("attention.self.key"), d, d),
                    value: linear(name("attention.self.value"), d, d),
                    output: linear(name("attention.output.dense"), d, d), heads: c.headCount, precision: precision,
                    execution: execution),
                attentionNorm: try norm(name("attention.output.LayerNorm")),
                feedForward: try FeedForward(
                    inner: linear(name("intermediate.dense"), c.feedForwardSize, d),
                    outer: linear(name("output.dense"), d, c.feedForwardSize), activation: c.activation,
                    precision: precision, execution: execution),
                feedForwardNorm: try norm(name("output.LayerNorm")), placement: .post)
        }
        stack = try EncoderStack(layers, precision: precision)
        self.configuration = configuration
        self.execution = execution
    }

    /// A context: the activations of one stream of calls.
    public func makeContext(kernel: AttentionKernel = .fused) -> BERTContext {
        BERTContext(self, kernel: kernel)
    }
}
