/// What a call of attention computes besides query, key and value: which keys are visible, and how scores are scaled.
///
/// A key is visible to a query when every rule given here lets it be. A query with no visible key gets an output of
/// zeros and a log-sum-exp of minus infinity.
public struct AttentionOptions: Sendable {
    /// Which keys a query may see by position.
    public var causality: Causality
    /// The factor of `Q Kᵀ`, finite; nil for `1 / sqrt(headDim)`.
    public var scale: Float?
    /// A mask of bytes, broadcastable to `[batch, heads, queryLength, keyLength]`.
    public var mask: AttentionMask?
    /// Numbers added to the scaled scores, broadcastable to `[batch, heads, queryLength, keyLength]`; minus infinity
    /// hides a key.
    public var bias: (any StridedTensor<Float>)?
    /// How many keys each sequence really has, from 0 to `keyLength`: one for each of the batch.
    public var keyLengths: [Int]?
    /// Window, query lengths, prefix, segments and block mask.
    public var visibility: KeyVisibility
    /// Softcap, QK-norm, ALiBi, sinks and factors by head.
    public var scores: ScoreOptions
    /// A change of each score by code of the caller's; nil for none.
    public var scoreFunction: ScoreFunction?

    /// Options; by default every query sees every key.
    public init(
        causality: Causality = .none, scale: Float? = nil, mask: AttentionMask? = nil,
        bias: (any StridedTensor<Float>)? = nil, keyLengths: [Int]? = nil, visibility: KeyVisibility = KeyVisibility(),
        scores: ScoreOptions = ScoreOptions()
    ) {
        self.causality = causality
        self.scale = scale
        self.mask = mask
        self.bias = bias
        self.keyLengths = keyLengths
        self.visibility = visibility
        self.scores = scores
    }
}
