import AttentionKernels

/// Where a layer normalises.
public enum NormPlacement: String, Sendable, Hashable, CaseIterable, Codable {
    /// After each residual sum, `norm(x + f(x))`, as in "Attention Is All You Need".
    case post
    /// Before each block, `x + f(norm(x))`, with one more norm behind the last layer (Xiong and others 2020).
    case pre
}

/// The sizes of an encoder-decoder Transformer (Vaswani and others 2017): self-attention, cross-attention over the encoder's
/// output, learned or sinusoidal positions.
///
/// Its weights are called `encoder.tok_embedding.weight`, `encoder.pos_embedding.weight`,
/// `encoder.layers.0.self_attention.fc_q.weight`, `....self_attn_layer_norm.weight`,
/// `....positionwise_feedforward.fc_1.weight`, `....ff_layer_norm.weight`, the same behind `decoder.` with
/// `encoder_attention` and `enc_attn_layer_norm` besides, and `decoder.fc_out.weight`; pre-norm models have
/// `encoder.layer_norm` and `decoder.layer_norm` too. Each matrix has a bias.
public struct EncoderDecoderConfiguration: Sendable, Hashable, Codable {
    /// Where the positions come from.
    public enum Positions: String, Sendable, Hashable, CaseIterable, Codable {
        /// A trained table of the weights.
        case learned
        /// Sines and cosines (section 3.5 of the paper).
        case sinusoidal
    }

    /// The number of tokens of the source.
    public var sourceVocabularySize: Int
    /// The number of tokens of the target.
    public var targetVocabularySize: Int
    /// The width of a token's vector, `d`.
    public var hiddenSize: Int
    /// The number of encoder layers.
    public var encoderLayerCount: Int
    /// The number of decoder layers.
    public var decoderLayerCount: Int
    /// The number of heads; `hiddenSize` is a multiple of it.
    public var headCount: Int
    /// The width between the two matrices of a feed-forward block.
    public var feedForwardSize: Int
    /// The most tokens of a source or target.
    public var maximumLength: Int
    /// What is added to the variance before its root.
    public var normEpsilon: Float
    /// Where layers normalise.
    public var normPlacement: NormPlacement
    /// The function between the two matrices of a feed-forward block.
    public var activation: Activation
    /// The factor of embeddings before positions are added; `sqrt(hiddenSize)` in the paper.
    public var embeddingScale: Float
    /// Where positions come from.
    public var positions: Positions
    /// The token before the first of a target.
    public var startToken: Int
    /// The token behind the last of a target.
    public var endToken: Int

    /// A configuration; `embeddingScale` is by default `sqrt(hiddenSize)`.
    public init(
        sourceVocabularySize: Int, targetVocabularySize: Int, hiddenSize: Int, encoderLayerCount: Int,
        decoderLayerCount: Int, headCount: Int, feedForwardSize: Int, maximumLength: Int, normEpsilon: Float = 1e-5,
        normPlacement: NormPlacement = .post, activation: Activation = .relu, embeddingScale: Float? = nil,
        positions: Positions = .learned, startToken: Int, endToken: Int
    ) {
        self.sourceVocabularySize = sourceVocabularySize
        self.targetVocabularySize = targetVocabularySize
        self.hiddenSize = hiddenSize
        self.encoderLayerCount = encoderLayerCount
        self.decoderLayerCount = decoderLayerCount
        self.headCount = headCount
        self.feedForwardSize = feedForwardSize
        self.maximumLength = maximumLength
        self.normEpsilon = normEpsilon
        self.normPlacement = normPlacement
        self.activation = activation
        self.embeddingScale = embeddingScale ?? Float(max(hiddenSize, 0)).squareRoot()
        self.positions = positions
        self.startToken = startToken
        self.endToken = endToken
    }

    /// Throws if a size is not positive, heads do not divide the width, or a token is not in the target's vocabulary.
    func validate() throws(TransformerError) {
        try requirePositive(
            ("sourceVocabularySize", sourceVocabularySize), ("targetVocabularySize", targetVocabularySize),
            ("hiddenSize", hiddenSize), ("encoderLayerCount", encoderLayerCount),
            ("decoderLayerCount", decoderLayerCount), ("headCount", headCount), ("feedForwardSize", feedForwardSize),
            ("maximumLength", maximumLength))
        try requireMultiple("hiddenSize", hiddenSize, of: "headCount", headCount)
        try requirePositive("normEpsilon", normEpsilon)
        for (name, token) in [("startToken", startToken), ("endToken", endToken)]
        where !(0..<targetVocabularySize).contains(token) {
            throw TransformerError(
                .invalidConfiguration, name, "it is \(token); it should be in 0 ..< \(targetVocabularySize)")
        }
    }
}
