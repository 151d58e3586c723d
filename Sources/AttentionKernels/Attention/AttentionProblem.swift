/// One problem of attention over borrowed memory: the inputs, which keys are visible, and the scale.
///
/// Sizes are read from the layouts: `batch`, `heads`, `queryLength` and `headDim` from the query, `kvHeads` and
/// `keyLength` from the key, `valueDim` from the value. Query head `h` reads key-value head `h / (heads / kvHeads)`.
/// Making a problem allocates nothing and checks nothing; the call does.
public struct AttentionProblem: ~Escapable {
    let query: AttentionInput
    let key: AttentionInput
    let value: AttentionInput
    let causality: Causality
    let scale: Float?
    let mask: MaskInput?
    let bias: BiasInput?
    let keyLengthsStart: UnsafePointer<Int>?
    let keyLengthsCount: Int?
    let keepsFloatProbabilities: Bool
    /// Set where the keys are those of a cache.
    var cache: CacheInput?
    /// Window, query lengths, prefix, segments and block mask; by default none.
    public var visibility = KeyVisibility()
    /// Softcap, QK-norm, ALiBi, sinks and factors by head; by default none.
    public var scores = ScoreOptions()
    /// A change of each score by code of the caller's; nil for none.
    public var scoreFunction: ScoreFunction?

    /// A problem.
    ///
    /// - Parameters:
    ///   - query: `[batch, heads, queryLength, headDim]`.
    ///   - key: `[batch, kvHeads, keyLength, headDim]`.
    ///   - value: `[batch, kvHeads, keyLength, valueDim]`.
    ///   - causality: which keys a query may see by position.
    ///   - scale: the factor of `Q Kᵀ`, finite; nil for `1 / sqrt(headDim)`.
    ///   - mask: bytes over the scores.
    ///   - bias: numbers added to the scaled scores.
    ///   - keyLengths: how many keys each sequence really has, from 0 to `keyLength`; `batch` of them.
    ///   - keepsFloatProbabilities: see ``AttentionOptions/keepsFloatProbabilities``.
    @_lifetime(copy query, copy key, copy value, copy mask, copy bias, copy keyLengths)
    public init(
        query: AttentionInput, key: AttentionInput, value: AttentionInput,
        causality: Causality = .none, scale: Float? = nil,
        mask: MaskInput? = nil, bias: BiasInput? = nil, keyLengths: Span<Int>? = nil,
        keepsFloatProbabilities: Bool = false
    ) {
        self.query = query
        self.key = key
        self.value = value
        self.causality = causality
        self.scale = scale
        self.mask = mask
        self.bias = bias
        self.keepsFloatProbabilities = keepsFloatProbabilities
        if let keyLengths {
            keyLengthsStart = keyLengths.withUnsafeBufferPointer { $0.baseAddress }
            keyLengthsCount = keyLengths.count
        } else {
            keyLengthsStart = nil
            keyLengthsCount = nil
        }
        cache = nil
    }

    /// The factor of `Q Kᵀ` in force: the one given, else `1 / sqrt(headDim)`.
    public var effectiveScale: Float {
        scale ?? (query.layout.width > 0 ? 1 / Float(query.layout.width).squareRoot() : 1)
    }
}
