/// What becomes of a dot product on its way to the softmax, in this order: QK-norm, scale and head scale, softcap, ALiBi
/// and bias, masks. The default is the scale alone.
///
/// ```
/// score = softcap * tanh(scale * headScale * q·k / softcap) - slope * |position - j| + bias
/// ```
///
/// ``AttentionOptions/scoreFunction`` comes behind the softcap.
public struct ScoreOptions: Sendable, Hashable {
    /// The cap `c` of `c * tanh(x / c)`, finite and more than 0; nil or 0 for none. Costs a tanh for each score.
    public var softcap: Float?
    /// Whether each query and key is divided by its L2 norm (at least 1e-12) first. Costs a product for each score and
    /// one pass over the keys for each 512 queries.
    public var normalizesQueryAndKey: Bool
    /// A further factor of the scores of each head, finite; `heads` of them, or one for all.
    public var headScales: [Float]?
    /// The slopes of ALiBi (Press, Smith and Lewis 2022), finite; `heads` of them, or one for all.
    public var alibiSlopes: [Float]?
    /// Logits that take their share of the softmax and have no value.
    public var sinks: AttentionSinks?

    /// Options; by default none.
    public init(
        softcap: Float? = nil, normalizesQueryAndKey: Bool = false, headScales: [Float]? = nil,
        alibiSlopes: [Float]? = nil, sinks: AttentionSinks? = nil
    ) {
        self.softcap = softcap
        self.normalizesQueryAndKey = normalizesQueryAndKey
        self.headScales = headScales
        self.alibiSlopes = alibiSlopes
        self.sinks = sinks
    }

    /// The slopes of the paper for a number of heads: `2^(-8 / n), 2^(-16 / n), ...` for the largest power of two `n` in
    /// it, and every second one of `2 n` for the heads beyond.
    public static func standardAlibiSlopes(heads: Int) -> [Float] {
        guard heads > 0 else { return [] }
        let power = 1 << (Int.bitWidth - 1 - heads.leadingZeroBitCount)
        let (base, halfBase) = (alibiBase(power), alibiBase(2 * power))
        return (0..<heads).map { head in
            let (factor, exponent) = head < power ? (base, head + 1) : (halfBase, 2 * (head - power) + 1)
            return Float(repeatElement(factor, count: exponent).reduce(1, *))
        }
    }

    /// `2^(-8 / n)` for a power of two: each doubling of `n` is a square root.
    private static func alibiBase(_ n: Int) -> Double {
        (0..<n.trailingZeroBitCount).reduce(0x1p-8) { base, _ in base.squareRoot() }
    }
}

/// A logit for each head that joins the denominator of its softmax and nothing else, so that weights sum to less than 1.
/// The log-sum-exp includes it; a query that sees no key has its sink for a log-sum-exp.
public enum AttentionSinks: Sendable, Hashable {
    /// A logit of 0: `exp(x) / (1 + sum of exp)`.
    case offByOne
    /// The logits of the heads, `heads` of them; minus infinity for a head without.
    case perHead([Float])

    static let zero: [Float] = [0]

    var values: [Float] {
        switch self {
        case .offByOne: Self.zero
        case .perHead(let values): values
        }
    }
}
