import AttentionKernels

/// The sizes of a Llama decoder (Touvron and others 2023): pre-norm layers with RMSNorm, rotary positions, grouped heads
/// and SwiGLU.
public struct LlamaConfiguration: Sendable, Hashable, Codable {
    /// The names of the weights, and with them the order of the rows of the query and key matrices.
    public enum WeightNaming: String, Sendable, Hashable, CaseIterable, Codable {
        /// `token_embd.weight`, `blk.0.attn_q.weight`, ...; rows permuted so that rotation turns neighbours.
        case gguf
        /// `model.embed_tokens.weight`, `model.layers.0.self_attn.q_proj.weight`, ...; rotation turns halves.
        case huggingFace
    }

    /// The number of tokens.
    public var vocabularySize: Int
    /// The width of a token's vector, `d`.
    public var hiddenSize: Int
    /// The number of layers.
    public var layerCount: Int
    /// The number of query heads.
    public var headCount: Int
    /// The number of key-value heads, a divisor of ``headCount``.
    public var kvHeadCount: Int
    /// The width of a head, even.
    public var headSize: Int
    /// The width between the matrices of a feed-forward block.
    public var feedForwardSize: Int
    /// The most tokens the model was made for.
    public var contextLength: Int
    /// What is added to the mean square before its root.
    public var normEpsilon: Float
    /// The angles of the rotation.
    public var rotary: RotaryFrequencies
    /// Whether the output matrix is the embedding.
    public var tiesOutput: Bool
    /// The names of the weights.
    public var naming: WeightNaming

    /// A configuration; `headSize` is by default `hiddenSize / headCount`.
    public init(
        vocabularySize: Int, hiddenSize: Int, layerCount: Int, headCount: Int, kvHeadCount: Int, headSize: Int? = nil,
        feedForwardSize: Int, contextLength: Int, normEpsilon: Float = 1e-5,
        rotary: RotaryFrequencies = RotaryFrequencies(), tiesOutput: Bool = true, naming: WeightNaming
    ) {
        self.vocabularySize = vocabularySize
        self.hiddenSize = hiddenSize
        self.layerCount = layerCount
        self.headCount = headCount
        self.kvHeadCount = kvHeadCount
        self.headSize = headSize ?? (headCount > 0 ? hiddenSize / headCount : 0)
        self.feedForwardSize = feedForwardSize
        self.contextLength = contextLength
        self.normEpsilon = normEpsilon
        self.rotary = rotary
        self.tiesOutput = tiesOutput
        self.naming = naming
    }

    /// Throws if a size is not positive or does not divide what it should.
    func validate() throws(TransformerError) {
        try requirePositive(
            ("vocabularySize", vocabularySize), ("hiddenSize", hiddenSize), ("layerCount", layerCount),
            ("headCount", headCount), ("kvHeadCount", kvHeadCount), ("headSize", headSize),
            ("feedForwardSize", feedForwardSize), ("contextLength", contextLength))
        try requireMultiple("headCount", headCount, of: "kvHeadCount", kvHeadCount)
        try requireMultiple("headSize", headSize, of: "the members of a pair", 2)
        try requirePositive("normEpsilon", normEpsilon)
        try rotary.validate()
    }
}
