import AttentionKernels

/// A BERT encoder at work: activations that grow with the largest call so far and are used again. Not safe to use from two
/// tasks at once; the weights are shared by all contexts of a model.
///
/// Sequences of a call are packed one after the other, without padding, and a sequence has the same bits alone and in any
/// company.
public final class BERTContext {
    /// The model.
    public let model: BERTModel
    /// The kernel of attention.
    public let kernel: AttentionKernel
    private let workspace: LayerWorkspace
    private let pooled: ActivationBuffer

    init(_ model: BERTModel, kernel: AttentionKernel) {
        self.model = model
        self.kernel = kernel
        workspace = model.stack.makeWorkspace()
        pooled = ActivationBuffer(width: model.configuration.hiddenSize)
    }

    /// The embeddings of sequences of tokens: the mean of the last layer over each sequence's tokens, of length 1.
    ///
    /// - Parameter sequences: the tokens of each, with those that begin and end it, 1 to `maximumLength`.
    /// - Returns: `[sequences, hiddenSize]`, in the order given.
    /// - Throws: ``TransformerError`` if a sequence is empty or too long, or a token is not in the vocabulary.
    /// - Complexity: O(*tokens*) products of the model's size, and of the squares of the lengths in attention.
    public func embeddings(of sequences: [[Int]]) throws -> Tensor {
        try check(sequences)
        // Neighbours of equal length share a call of attention.
        let order = sequences.indices.sorted { sequences[$0].count < sequences[$1].count }
        let packed = PackedSequences(order.map { sequences[$0] })
        let rows = try encode(packed)
        pooled.reserve(sequences.count)
        try meanPool(
            workspace.hidden.input(rows), offsets: packed.offsets.span, normalized: true,
            into: pooled.output(0..<sequences.count), execution: model.execution)
        let width = model.configuration.hiddenSize
        var place = [Int](repeating: 0, count: sequences.count)
        for (row, sequence) in order.enumerated() { place[sequence] = row }
        let sorted = try pooled.tensor(0..<sequences.count).elements
        return try Tensor(shape: [sequences.count, width]) { sorted[place[$0 / width] * width + $0 % width] }
    }

    /// The last layer of one sequence: `[tokens, hiddenSize]`.
    ///
    /// - Throws: ``TransformerError`` as ``embeddings(of:)``.
    public func hiddenStates(of tokens: [Int]) throws -> Tensor {
        try check([tokens])
        return try workspace.hidden.tensor(encode(PackedSequences([tokens])))
    }

    /// The attention of every layer for one sequence: for each layer `[heads, tokens, tokens]`, each row's weights summing
    /// to 1.
    ///
    /// - Throws: ``TransformerError`` as ``embeddings(of:)``.
    public func attentionWeights(of tokens: [Int]) throws -> [Tensor] {
        try check([tokens])
        let packed = PackedSequences([tokens])
        return try model.stack.weights(packed.groups[0], begin(packed))
    }

    private func encode(_ packed: PackedSequences) throws(KernelError) -> Range<Int> {
        let run = try begin(packed)
        try model.stack.apply(packed.groups, run)
        return run.rows
    }

    /// The embedding's sum, normalised, in the residual stream.
    private func begin(_ packed: PackedSequences) throws(KernelError) -> LayerRun {
        workspace.reserve(packed.rowCount)
        let run = LayerRun(
            workspace: workspace, rows: 0..<packed.rowCount, kernel: kernel, execution: model.execution)
        try model.embedding.apply(
            packed.tokens.span, positions: packed.positions.span, into: workspace.hidden.output(run.rows),
            execution: model.execution)
        try Sublayer(norm: model.embeddingNorm, placement: .post).leave(run)
        return run
    }

    private func check(_ sequences: [[Int]]) throws(TransformerError) {
        let (longest, vocabulary) = (model.configuration.maximumLength, model.configuration.vocabularySize)
        for (index, sequence) in sequences.enumerated() {
            guard (1...longest).contains(sequence.count) else {
                throw TransformerError(
                    .invalidInput, "sequences",
                    "sequence \(index) has \(sequence.count) tokens; it should have 1 ... \(longest)")
            }
            for (place, token) in sequence.enumerated() where !(0..<vocabulary).contains(token) {
                throw TransformerError(
                    .invalidInput, "sequences",
                    "token \(place) of sequence \(index) is \(token); it should be in 0 ..< \(vocabulary)")
            }
        }
    }
}
