import AttentionKernels

/// Texts found by how close they are in meaning to a question.
public struct SimilaritySearch: Sendable {
    /// A text that was found.
    public struct Match: Sendable, Equatable {
        /// Its place among the texts.
        public var index: Int
        /// The cosine of the angle between its embedding and the question's, -1 to 1.
        public var similarity: Float
    }

    /// The embeddings, `[texts, width]`, each of length 1.
    public let embeddings: Tensor

    /// A search over `embeddings`, each row of which has the length 1.
    public init(embeddings: Tensor) { self.embeddings = embeddings }

    /// The `count` texts closest to `question`, the closest first; of equals the first.
    ///
    /// - Parameter question: an embedding `[1, width]` of length 1.
    /// - Throws: `KernelError` if the widths differ.
    /// - Complexity: O(texts (width + log texts)).
    public func matches(_ question: Tensor, count: Int) throws -> [Match] {
        let products = try matmul(question, embeddings, transposeB: true)
        let all = products.elements.enumerated().map { Match(index: $0.offset, similarity: $0.element) }
        return Array(all.sorted { ($1.similarity, $0.index) < ($0.similarity, $1.index) }.prefix(max(0, count)))
    }
}
