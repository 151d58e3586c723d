/// In what precision a model computes. Whichever it is, a token's result has the same bits alone, in a batch, with or without
/// a cache, and on any number of threads; they differ from each other by rounding.
public enum Precision: String, Sendable, Hashable, CaseIterable, Codable {
    /// Activations and products in `Float`; weights exactly as stored. Within rounding of a reference in double precision.
    case float32
    /// Inputs of products and attention rounded to `BFloat16`, sums and the residual stream in `Float`: half the time of
    /// large products where the machine multiplies bf16, an error of some 0.4 % for each product.
    case bfloat16
    /// As `float32`, but inputs of products with quantised weights rounded to integers of 16 bits, 32 elements to a scale,
    /// and multiplied exactly (`MatmulArithmetic.integer16`): an error of at most 2⁻¹⁶ of the largest of those 32. Other
    /// weights are multiplied as in `float32`. Prompts are read 1.3 times as fast, single tokens 1.1 to 1.2 times, where
    /// weights and not the cache decide (SmolLM2, 135 million weights in Q4_1, on AVX-512 with its integer dot product).
    /// That model's most likely tokens were those of `float32` in all of 126 answers, 14,336 tokens.
    case integer16
}
