/// The three ways this library computes the same function. All take the same arguments.
///
/// ```
/// O = softmax(scale * Q Kᵀ + bias, over the visible keys) V
/// ```
///
/// They also name the ways to multiply matrices, see ``matmul(_:_:transposeA:transposeB:alpha:kernel:execution:)``.
public enum AttentionKernel: String, CaseIterable, Sendable, Codable {
    /// Three plain passes with the scores of a whole head in memory: readable as the specification.
    case naive
    /// Matrix product, row softmax, matrix product, on blocks of query rows.
    case blocked
    /// One pass over the keys with an online softmax; never stores a score matrix. Never slower than the others.
    case fused
}
