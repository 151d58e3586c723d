/// Which keys a query may see by position. Query `i` and key `j` count from 0.
public enum Causality: Sendable, Hashable {
    /// Every query sees every key.
    case none
    /// Query `i` sees keys `j <= i`.
    case topLeft
    /// The last query sees the last key: query `i` sees keys `j <= i + (keys of its sequence - queryLength)`. The
    /// right one for a cache of keys and values.
    case bottomRight
    /// Query `i` sees keys `j <= i + offset`; the offset may be negative.
    case offset(Int)
}
