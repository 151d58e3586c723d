import AttentionKernels

/// A layer of an encoder ("Attention Is All You Need", section 3.1): self-attention and a feed-forward network, each with its
/// residual sum and norm.
public struct EncoderLayer: Sendable {
    /// Self-attention.
    public let attention: MultiHeadAttention
    /// The network behind it.
    public let feedForward: FeedForward
    let attentionNorm: Sublayer
    let feedForwardNorm: Sublayer

    /// A layer of its parts.
    public init(
        attention: MultiHeadAttention, attentionNorm: Normalization, feedForward: FeedForward,
        feedForwardNorm: Normalization, placement: NormPlacement
    ) {
        self.attention = attention
        self.feedForward = feedForward
        self.attentionNorm = Sublayer(norm: attentionNorm, placement: placement)
        self.feedForwardNorm = Sublayer(norm: feedForwardNorm, placement: placement)
    }

    /// The layer on the residual stream of whole sequences.
    func apply(_ groups: [RowGroup], _ run: LayerRun) throws(KernelError) {
        try attentionNorm.enter(run)
        try attention.project(run)
        try attention.attend(groups, run)
        try attention.finish(run)
        try attentionNorm.leave(run)
        try feedForwardNorm.enter(run)
        try feedForward.apply(run)
        try feedForwardNorm.leave(run)
    }
}

/// The layers of an encoder, and the norm behind the last one of a pre-norm stack.
public struct EncoderStack: Sendable {
    /// The layers in order; at least one.
    public let layers: [EncoderLayer]
    /// The norm behind the last layer; nil for post-norm.
    public let finalNorm: Normalization?
    let placement: NormPlacement
    let precision: Precision

    /// A stack of layers of one precision and placement.
    ///
    /// - Throws: ``TransformerError`` if there is no layer, or one does not attend to its own input.
    public init(_ layers: [EncoderLayer], finalNorm: Normalization? = nil, precision: Precision) throws {
        guard let first = layers.first else {
            throw TransformerError(.invalidConfiguration, "layers", "there are none; there should be one or more")
        }
        for layer in layers { try requireSelfAttention(layer.attention) }
        self.layers = layers
        self.finalNorm = finalNorm
        self.precision = precision
        placement = first.attentionNorm.placement
    }

    func makeWorkspace() -> LayerWorkspace {
        LayerWorkspace(
            layers[0].attention, layers[0].feedForward, precision: precision, placement: placement, rotates: false)
    }

    /// All layers on the residual stream, whose rows the embedding has filled; the operand must be what the first layer
    /// reads. Afterwards both hold the stack's output, the operand in the precision's type.
    func apply(_ groups: [RowGroup], _ run: LayerRun) throws(KernelError) {
        for layer in layers { try layer.apply(groups, run) }
        guard let finalNorm else { return }
        let (hidden, operand) = (run.workspace.hidden, run.workspace.operand)
        try finalNorm.apply(
            nil, into: hidden.output(run.rows), copy: operand.output(run.rows), execution: run.execution)
    }
}
