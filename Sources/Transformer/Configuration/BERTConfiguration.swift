import AttentionKernels

/// The sizes of a BERT encoder (Devlin and others 2019): post-norm layers over learned positions and token types.
///
/// Its weights have the names of a Hugging Face checkpoint, `embeddings.word_embeddings.weight`,
/// `encoder.layer.0.attention.self.query.weight` and so on, behind ``weightPrefix``.
public struct BERTConfiguration: Sendable, Hashable, Codable {
    /// The number of tokens.
    public var vocabularySize: Int
    /// The width of a token's vector, `d`.
    public var hiddenSize: Int
    /// The number of layers.
    public var layerCount: Int
    /// The number of heads; `hiddenSize` is a multiple of it.
    public var headCount: Int
    /// The width between the two matrices of a feed-forward block.
    public var feedForwardSize: Int
    /// The most tokens a sequence may have.
    public var maximumLength: Int
    /// The number of token types; every token is of type 0.
    public var tokenTypeCount: Int
    /// What is added to the variance before its root.
    public var normEpsilon: Float
    /// The function between the two matrices.
    public var activation: Activation
    /// What stands before every name, such as `bert.`.
    public var weightPrefix: String

    /// A configuration.
    public init(
        vocabularySize: Int, hiddenSize: Int, layerCount: Int, headCount: Int, feedForwardSize: Int,
        maximumLength: Int = 512, tokenTypeCount: Int = 2, normEpsilon: Float = 1e-12,
        activation: Activation = .gelu, weightPrefix: String = ""
    ) {
        self.vocabularySize = vocabularySize
        self.hiddenSize = hiddenSize
        self.layerCount = layerCount
        self.headCount = headCount
        self.feedForwardSize = feedForwardSize
        self.maximumLength = maximumLength
        self.tokenTypeCount = tokenTypeCount
        self.normEpsilon = normEpsilon
        self.activation = activation
        self.weightPrefix = weightPrefix
    }

    /// Throws if a size is not positive or heads do not divide the width.
    func validate() throws(TransformerError) {
        try requirePositive(
            ("vocabularySize", vocabularySize), ("hiddenSize", hiddenSize), ("layerCount", layerCount),
            ("headCount", headCount), ("feedForwardSize", feedForwardSize), ("maximumLength", maximumLength),
            ("tokenTypeCount", tokenTypeCount))
        try requireMultiple("hiddenSize", hiddenSize, of: "headCount", headCount)
        try requirePositive("normEpsilon", normEpsilon)
    }
}
