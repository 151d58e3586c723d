/// The outputs a call of attention can give besides the attention itself.
public struct AttentionOutputs: OptionSet, Sendable, Hashable {
    public let rawValue: Int

    public init(rawValue: Int) {
        self.rawValue = rawValue
    }

    /// The natural logarithm of the sum of the exponentials of the visible scores, for each query.
    public static let lse = AttentionOutputs(rawValue: 1)
    /// The softmax itself, for each query and key.
    public static let weights = AttentionOutputs(rawValue: 2)
}

/// The result of attention with an output of `Float`.
public typealias AttentionResult = TypedAttentionResult<Float>

/// What ``AttentionKernel/attend(query:key:value:options:returning:execution:)`` returns. Shapes are given for tensors
/// of rank 4; those of lower rank lack the same leading dimensions.
public struct TypedAttentionResult<Element: TensorElement>: Sendable {
    /// The attention, `[batch, heads, queryLength, valueDim]`.
    public let output: TypedTensor<Element>
    /// The log-sum-exp, `[batch, heads, queryLength]`, if asked for; minus infinity where a query sees no key.
    public let lse: Tensor?
    /// The weights, `[batch, heads, queryLength, keyLength]`, if asked for; zeros where a query sees no key.
    public let weights: Tensor?
}
