import AttentionKernels

/// Dropout (Srivastava and others 2014): in training, each element is 0 with a probability and divided by one minus that
/// otherwise; in inference it is the identity.
///
/// The mask is a function of seed and the element's number alone, so that it need not be stored for the backward pass and
/// does not depend on threads.
public struct Dropout: Sendable, Hashable {
    /// Of an element to be dropped, 0 or more and less than 1.
    public let probability: Float
    /// Chooses the masks.
    public let seed: UInt64

    /// Dropout of a probability.
    ///
    /// - Throws: ``TransformerError`` if it is not in `0 ..< 1`.
    public init(probability: Float, seed: UInt64) throws(TransformerError) {
        guard probability >= 0, probability < 1 else {
            throw TransformerError(
                .invalidConfiguration, "probability", "it is \(probability); it should be 0 or more and less than 1")
        }
        self.probability = probability
        self.seed = seed
    }

    /// The elements of `x`, some of them dropped.
    ///
    /// - Parameters:
    ///   - x: any shape.
    ///   - counter: the number of the first element among all that use the seed; nil in inference, for `x` itself.
    ///   - execution: threads and instruction set.
    /// - Throws: `KernelError` if memory runs out.
    public func callAsFunction(
        _ x: Tensor, counter: UInt64?, execution: Execution = .shared
    ) throws(KernelError) -> Tensor {
        guard let counter, probability > 0 else { return x }
        var y = x
        let columns = max(x.shape.last ?? 1, 1)
        try dropout(
            nil, probability: probability, seed: seed, counter: counter,
            into: MatrixOutput(y.mutableSpan, MatrixLayout(rows: x.count / columns, columns: columns)),
            execution: execution)
        return y
    }
}
