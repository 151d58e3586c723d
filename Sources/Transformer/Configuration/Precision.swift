/// In what precision a model computes. Either way a token's result has the same bits alone, in a batch, with or without a
/// cache, and on any number of threads; the two differ from each other by rounding.
public enum Precision: String, Sendable, Hashable, CaseIterable, Codable {
    /// Activations and products in `Float`; weights exactly as stored. Within rounding of a reference in double precision.
    case float32
    /// Inputs of products and attention rounded to `BFloat16`, sums and the residual stream in `Float`: half the time of
    /// large products where the machine multiplies bf16, an error of some 0.4 % for each product.
    case bfloat16
}
