import AttentionKernels

/// A layer of a decoder: self-attention over the tokens so far, in an encoder-decoder cross-attention over the encoder's
/// output, and a feed-forward network ("Attention Is All You Need", section 3.1).
public struct DecoderLayer: Sendable {
    /// Self-attention.
    public let attention: MultiHeadAttention
    /// Cross-attention, or nil.
    public let crossAttention: MultiHeadAttention?
    /// The network behind them.
    public let feedForward: FeedForward
    let attentionNorm: Sublayer
    let crossNorm: Sublayer?
    let feedForwardNorm: Sublayer

    /// A layer of its parts; `cross` is attention and norm of the encoder's output, or nil.
    public init(
        attention: MultiHeadAttention, attentionNorm: Normalization,
        cross: (attention: MultiHeadAttention, norm: Normalization)? = nil, feedForward: FeedForward,
        feedForwardNorm: Normalization, placement: NormPlacement
    ) {
        self.attention = attention
        self.feedForward = feedForward
        crossAttention = cross?.attention
        self.attentionNorm = Sublayer(norm: attentionNorm, placement: placement)
        crossNorm = cross.map { Sublayer(norm: $0.norm, placement: placement) }
        self.feedForwardNorm = Sublayer(norm: feedForwardNorm, placement: placement)
    }

    /// Where the rows of a call belong.
    struct Place {
        let group: RowGroup
        let sequences: Range<Int>
        let positions: IndexBuffer
        let rotary: RotaryPositions?
        /// Takes the weights of the one sequence there is then.
        var watch: AttentionWatch?
    }

    /// The layer on the residual stream of the new rows; their keys and values join `cache`.
    func apply(
        _ place: Place, cache: any LayerCache, crossCache: (any LayerCache)?, _ run: LayerRun
    ) throws(KernelError) {
        try attentionNorm.enter(run)
        try attention.project(run)
        if let rotary = place.rotary {
            try rotary.apply(
                run.workspace.projected.output(run.rows), heads: attention.heads + 2 * attention.kvHeads,
                turning: attention.heads + attention.kvHeads, positions: place.positions.span,
                execution: run.execution)
        }
        try attention.attend(place.group, appendingTo: cache, sequences: place.sequences, run)
        if let watch = place.watch {
            watch.tokens.append(
                try attention.weights(place.group, over: cache, .bottomRight, sequence: place.sequences.lowerBound, run)
            )
        }
        try attention.finish(run)
        try attentionNorm.leave(run)
        if let crossAttention, let crossNorm, let crossCache {
            try crossNorm.enter(run)
            try crossAttention.attend(place.group, over: crossCache, sequences: place.sequences, run)
            if let watch = place.watch {
                watch.source.append(
                    try crossAttention.weights(
                        place.group, over: crossCache, .none, sequence: place.sequences.lowerBound, run))
            }
            try crossAttention.finish(run)
            try crossNorm.leave(run)
        }
        try feedForwardNorm.enter(run)
        try feedForward.apply(run)
        try feedForwardNorm.leave(run)
    }
}

/// A decoder from tokens to logits: embedding, layers, final norm, output matrix.
public struct DecoderStack: Sendable {
    /// The vectors of tokens.
    public let embedding: Embedding
    /// The layers in order; at least one.
    public let layers: [DecoderLayer]
    /// The norm behind the last layer; nil for post-norm.
    public let finalNorm: Normalization?
    /// From the last layer's output to logits.
    public let head: Linear
    /// Rotary positions, or nil.
    public let rotary: RotaryFrequencies?
    /// Which columns of a head are pairs.
    public let pairing: RotaryPositions.Pairing
    /// The most tokens of a sequence.
    public let maximumLength: Int
    let precision: Precision
    let placement: NormPlacement

    /// A decoder of its parts.
    ///
    /// - Throws: ``TransformerError`` if there is no layer, or one does not attend to its own input.
    public init(
        embedding: Embedding, layers: [DecoderLayer], finalNorm: Normalization? = nil, head: Linear,
        rotary: RotaryFrequencies? = nil, pairing: RotaryPositions.Pairing = .halves, maximumLength: Int,
        precision: Precision
    ) throws {
        guard let first = layers.first else {
            throw TransformerError(.invalidConfiguration, "layers", "there are none; there should be one or more")
        }
        for layer in layers { try requireSelfAttention(layer.attention) }
        self.embedding = embedding
        self.layers = layers
        self.finalNorm = finalNorm
        self.head = head
        self.rotary = rotary
        self.pairing = pairing
        self.maximumLength = maximumLength
        self.precision = precision
        placement = first.attentionNorm.placement
    }

    func makeWorkspace() -> LayerWorkspace {
        LayerWorkspace(
            layers[0].attention, layers[0].feedForward, precision: precision, placement: placement,
            rotates: rotary != nil)
    }

    /// A context of empty sequences, for a decoder without cross-attention.
    ///
    /// - Parameters:
    ///   - capacity: the most tokens of a sequence; nil for the length the decoder was made for.
    ///   - sequenceCount: how many sequences grow side by side.
    ///   - kernel: the kernel of attention.
    ///   - execution: threads and instruction set of all calls.
    /// - Throws: ``TransformerError`` if the capacity is out of range or a layer attends to an encoder's output,
    ///   `KernelError` if memory runs out.
    public func makeContext(
        capacity: Int? = nil, sequenceCount: Int = 1, kernel: AttentionKernel = .fused,
        execution: Execution = .shared
    ) throws -> DecoderContext {
        guard layers.allSatisfy({ $0.crossAttention == nil }) else {
            throw TransformerError(
                .invalidConfiguration, "layers", "they attend to an encoder's output; they should not without one")
        }
        return try DecoderContext(
            self, sequenceCount: sequenceCount, capacity: capacity ?? maximumLength, kernel: kernel,
            execution: execution)
    }

    /// The vectors of the tokens into the residual stream, and as the operand where a norm does not make that.
    func embed(_ tokens: Span<Int>, _ positions: IndexBuffer, _ run: LayerRun) throws(KernelError) {
        let (hidden, operand) = (run.workspace.hidden, run.workspace.operand)
        let rows: Span<Int>? = embedding.positions == nil ? nil : positions.span
        try embedding.apply(tokens, positions: rows, into: hidden.output(run.rows), execution: run.execution)
        if placement == .post, operand !== hidden {
            try embedding.apply(tokens, positions: rows, into: operand.output(run.rows), execution: run.execution)
        }
    }

    /// The logits of some rows, one after the other.
    func applyHead(_ run: LayerRun, _ logits: ActivationBuffer) throws(KernelError) {
        let (hidden, operand) = (run.workspace.hidden, run.workspace.operand)
        if let finalNorm {
            try finalNorm.apply(hidden.input(run.rows), into: operand.output(run.rows), execution: run.execution)
        }
        try head.apply(
            operand.input(run.rows), into: logits.output(0..<run.rows.count), execution: run.execution)
    }
}
