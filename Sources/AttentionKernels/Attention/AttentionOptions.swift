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
    /// Numbers added to the scaled scores, broadcastable to `[batch, heads, queryLength, keyLength]`, of any
    /// ``TensorElement``; minus infinity hides a key.
    public var bias: (any StridedTensor)?
    /// How many keys each sequence really has, from 0 to `keyLength`: one for each of the batch.
    public var keyLengths: [Int]?
    /// Whether the probabilities of `BFloat16` query, key and value stay in `Float`. Otherwise, where the machine has a dot
    /// product of bf16, they are rounded for it: twice as fast, at an error of about 2.3e-3 of the output instead of the
    /// 1.7e-3 that rounding the output alone costs. Either way a row has the same bits in any call.
    public var keepsFloatProbabilities: Bool
    /// Window, query lengths, prefix, segments and block mask.
    public var visibility: KeyVisibility
    /// Softcap, QK-norm, ALiBi, sinks and factors by head.
    public var scores: ScoreOptions
    /// A change of each score by code of the caller's; nil for none.
    public var scoreFunction: ScoreFunction?

    /// Options; by default every query sees every key.
    public init(
        causality: Causality = .none, scale: Float? = nil, mask: AttentionMask? = nil,
        bias: (any StridedTensor)? = nil, keyLengths: [Int]? = nil, keepsFloatProbabilities: Bool = false,
        visibility: KeyVisibility = KeyVisibility(), scores: ScoreOptions = ScoreOptions()
    ) {
        self.causality = causality
        self.scale = scale
        self.mask = mask
        self.bias = bias
        self.keyLengths = keyLengths
        self.keepsFloatProbabilities = keepsFloatProbabilities
        self.visibility = visibility
        self.scores = scores
    }
}

extension AttentionOptions {
    /// The mask; whoever holds `self` keeps it alive.
    var maskInput: MaskInput? {
        @_lifetime(borrow self)
        get throws(KernelError) {
            guard let mask else { return nil }
            let scores = mask.scores
            let layout = try ScoreLayout(
                .mask, shape: scores.shape, strides: scores.strides, offset: 0)
            let input = MaskInput(
                unsafe: UnsafePointer(scores.storage.start), count: scores.storage.count, layout, meaning: mask.meaning)
            return _overrideLifetime(input, borrowing: self)
        }
    }

    /// The bias; whoever holds `self` keeps it alive.
    var biasInput: BiasInput? {
        @_lifetime(borrow self)
        get throws(KernelError) {
            guard let bias else { return nil }
            return _overrideLifetime(try Self.input(bias), borrowing: self)
        }
    }

    /// The elements of a bias that the call keeps alive.
    @_lifetime(immortal)
    private static func input<Element>(_ bias: some StridedTensor<Element>) throws(KernelError) -> BiasInput {
        let view = bias.view
        let layout = try ScoreLayout(.bias, shape: view.shape, strides: view.strides, offset: view.offset)
        let storage = view.tensor.storage
        return BiasInput(
            unsafe: UnsafeRawPointer(storage.start), count: storage.count, Element.dataType, layout)
    }
}
