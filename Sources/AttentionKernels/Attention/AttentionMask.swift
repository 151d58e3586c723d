/// A boolean mask with its meaning said, since both meanings are in common use.
public enum AttentionMask: Sendable {
    /// True: the key is visible to the query.
    case keep(ScoreMask)
    /// True: the key is hidden from the query.
    case drop(ScoreMask)

    var scores: ScoreMask {
        switch self {
        case .keep(let mask), .drop(let mask): mask
        }
    }

    var meaning: MaskInput.Meaning {
        switch self {
        case .keep: .keep
        case .drop: .drop
        }
    }
}
