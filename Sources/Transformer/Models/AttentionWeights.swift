import AttentionKernels

/// What the layers of a decoder attend to.
public struct DecoderWeights: Sendable {
    /// Self-attention of each layer, `[heads, tokens, tokens]`: each row's weights sum to 1, those of later tokens are 0.
    public let tokens: [Tensor]
    /// Cross-attention of each layer, `[heads, tokens, sourceTokens]`; empty without an encoder.
    public let source: [Tensor]
}

/// What the layers of an encoder-decoder attend to.
public struct EncoderDecoderWeights: Sendable {
    /// Self-attention of each layer of the encoder, `[heads, sourceTokens, sourceTokens]`.
    public let encoder: [Tensor]
    /// The decoder's.
    public let decoder: DecoderWeights
}

/// Collects the weights of a decoder's layers, one after the other.
final class AttentionWatch {
    var tokens: [Tensor] = []
    var source: [Tensor] = []
}

extension EncoderStack {
    /// All layers on the residual stream of one sequence, and what each attends to: `[heads, tokens, tokens]`.
    func weights(_ group: RowGroup, _ run: LayerRun) throws(KernelError) -> [Tensor] {
        var weights: [Tensor] = []
        for layer in layers {
            try layer.attentionNorm.enter(run)
            weights.append(try layer.attention.weights(group, run))
            try layer.apply([group], run)
        }
        return weights
    }
}

extension EncoderDecoderModel {
    /// The attention of every layer for a source and a target given whole, each token of which sees the ones before it.
    ///
    /// - Parameters:
    ///   - source: the tokens of the source, 1 to `maximumLength`.
    ///   - target: the tokens of the target, 1 to `maximumLength`; the first is the start token.
    ///   - kernel: the kernel of attention.
    /// - Throws: ``TransformerError`` if a sequence is empty or too long, or a token is not in its vocabulary.
    /// - Complexity: O(*layers · heads*) matrices of weights besides the products of the model.
    public func attentionWeights(
        source: [Int], target: [Int], kernel: AttentionKernel = .fused
    ) throws -> EncoderDecoderWeights {
        let packed = PackedSequences([source])
        let run = try beginEncoder([source], packed, kernel)
        let encoder = try encoder.weights(packed.groups[0], run)
        let context = try makeContext(sources: [source], kernel: kernel)
        return EncoderDecoderWeights(encoder: encoder, decoder: try context.attentionWeights(of: target))
    }
}
