import AttentionKernels

/// The encoder-decoder Transformer (Vaswani and others 2017) with its weights.
///
/// ```swift
/// let model = try EncoderDecoderModel(configuration, weights: file)
/// let context = try model.makeContext(sources: [tokens])
/// let answer = try generate(context, prompt: [configuration.startToken])
/// ```
public struct EncoderDecoderModel: Sendable {
    /// The sizes.
    public let configuration: EncoderDecoderConfiguration
    /// The vectors of the source's tokens.
    public let sourceEmbedding: Embedding
    /// The encoder.
    public let encoder: EncoderStack
    /// The decoder.
    public let decoder: DecoderStack
    private let precision: Precision
    private let execution: Execution

    /// A model with its weights packed.
    ///
    /// - Parameters:
    ///   - configuration: the sizes.
    ///   - weights: where the weights come from; see ``EncoderDecoderConfiguration`` for their names.
    ///   - precision: in what precision to compute.
    ///   - execution: threads and instruction set of all calls.
    /// - Throws: ``TransformerError`` if the configuration contradicts itself, or a tensor is missing or has another shape;
    ///   and what `weights` throws.
    public init(
        _ configuration: EncoderDecoderConfiguration, weights: some WeightSource, precision: Precision = .float32,
        execution: Execution = .shared
    ) throws {
        try configuration.validate()
        let c = configuration
        let parts = EncoderDecoderParts(c, weights, precision, execution)
        sourceEmbedding = try parts.embedding("encoder", count: c.sourceVocabularySize)
        encoder = try EncoderStack(
            (0..<c.encoderLayerCount).map { try parts.encoderLayer($0) }, finalNorm: parts.finalNorm("encoder"),
            precision: precision)
        decoder = try DecoderStack(
            embedding: parts.embedding("decoder", count: c.targetVocabularySize),
            layers: (0..<c.decoderLayerCount).map { try parts.decoderLayer($0) },
            finalNorm: parts.finalNorm("decoder"),
            head: Linear(
                [parts.linear("decoder.fc_out", c.targetVocabularySize, c.hiddenSize)], precision: precision,
                execution: execution),
            maximumLength: c.maximumLength, precision: precision)
        self.configuration = configuration
        self.precision = precision
        self.execution = execution
    }

    /// The encoder's output for some sources: `[tokens, hiddenSize]` each.
    ///
    /// - Parameters:
    ///   - sources: the tokens of each, 1 to `maximumLength`.
    ///   - kernel: the kernel of attention.
    /// - Throws: ``TransformerError`` if a source is empty or too long, or a token is not in its vocabulary.
    public func encode(_ sources: [[Int]], kernel: AttentionKernel = .fused) throws -> [Tensor] {
        let packed = PackedSequences(sources)
        let run = try runEncoder(sources, packed, kernel)
        return try sources.indices.map { index in
            try run.workspace.hidden.tensor(packed.offsets[index]..<packed.offsets[index + 1])
        }
    }

    /// A decoder over the encoder's output of some sources, with empty targets.
    ///
    /// - Parameters:
    ///   - sources: the tokens of each, 1 to `maximumLength`.
    ///   - beams: how many targets grow over each source; sequence `s * beams + b` is target `b` of source `s`.
    ///   - capacity: the most tokens of a target, the first one included; nil for `maximumLength`.
    ///   - kernel: the kernel of attention.
    /// - Throws: ``TransformerError`` if a source is empty or too long, or a token is not in its vocabulary.
    public func makeContext(
        sources: [[Int]], beams: Int = 1, capacity: Int? = nil, kernel: AttentionKernel = .fused
    ) throws -> DecoderContext {
        try requirePositive(("beams", beams))
        let packed = PackedSequences(sources)
        let run = try runEncoder(sources, packed, kernel)
        let longest = sources.map(\.count).max() ?? 1
        let scratch = ActivationBuffer(width: 2 * configuration.hiddenSize, type: precision.operandType)
        scratch.reserve(packed.rowCount)
        let caches = try decoder.layers.compactMap(\.crossAttention).map { attention in
            let cache = try precision.makeCache(batch: sources.count * beams, capacity: longest, attention)
            try attention.fill(
                cache, from: run.workspace.operand, packed, repeating: beams, scratch: scratch, run)
            return cache
        }
        return try DecoderContext(
            decoder, sequenceCount: sources.count * beams, capacity: capacity ?? configuration.maximumLength,
            crossCaches: caches, kernel: kernel, execution: execution)
    }

    /// The logits of every position of a target given whole, each of which sees the ones before it (teacher forcing):
    /// `[target, targetVocabularySize]`.
    ///
    /// - Throws: ``TransformerError`` if a sequence is empty or too long, or a token is not in its vocabulary.
    public func logits(source: [Int], target: [Int], kernel: AttentionKernel = .fused) throws -> Tensor {
        try makeContext(sources: [source], kernel: kernel).logits(of: target)
    }

    /// The encoder's output in the workspace: as `Float` and as the operand of a product.
    private func runEncoder(
        _ sources: [[Int]], _ packed: PackedSequences, _ kernel: AttentionKernel
    ) throws -> LayerRun {
        let run = try beginEncoder(sources, packed, kernel)
        try encoder.apply(packed.groups, run)
        return run
    }

    /// What the encoder's first layer reads, in a workspace.
    func beginEncoder(
        _ sources: [[Int]], _ packed: PackedSequences, _ kernel: AttentionKernel
    ) throws -> LayerRun {
        let (longest, vocabulary) = (configuration.maximumLength, configuration.sourceVocabularySize)
        guard !sources.isEmpty else {
            throw TransformerError(.invalidInput, "sources", "there are none; there should be one or more")
        }
        for (index, source) in sources.enumerated() {
            guard (1...longest).contains(source.count) else {
                throw TransformerError(
                    .invalidInput, "sources",
                    "source \(index) has \(source.count) tokens; it should have 1 ... \(longest)")
            }
            for token in source where !(0..<vocabulary).contains(token) {
                throw TransformerError(
                    .invalidInput, "sources",
                    "source \(index) has the token \(token); it should be in 0 ..< \(vocabulary)")
            }
        }
        let workspace = encoder.makeWorkspace()
        workspace.reserve(packed.rowCount)
        let run = LayerRun(workspace: workspace, rows: 0..<packed.rowCount, kernel: kernel, execution: execution)
        try sourceEmbedding.apply(
            packed.tokens.span, positions: packed.positions.span, into: workspace.hidden.output(run.rows),
            execution: execution)
        if configuration.normPlacement == .post, workspace.operand !== workspace.hidden {
            try sourceEmbedding.apply(
                packed.tokens.span, positions: packed.positions.span, into: workspace.operand.output(run.rows),
                execution: execution)
        }
        return run
    }
}

/// Reads the parts of an encoder-decoder by their names.
private struct EncoderDecoderParts<Source: WeightSource> {
    let configuration: EncoderDecoderConfiguration
    let weights: Source
    let precision: Precision
    let execution: Execution

    init(
        _ configuration: EncoderDecoderConfiguration, _ weights: Source, _ precision: Precision, _ execution: Execution
    ) {
        self.configuration = configuration
        self.weights = weights
        self.precision = precision
        self.execution = execution
    }

    func tensor(_ name: String, _ shape: [Int]) throws -> Tensor {
        try weights.weight(name, shape: shape).tensor(execution: execution)
    }

    func linear(_ name: String, _ outputs: Int, _ inputs: Int) throws -> LinearWeights {
        LinearWeights(
            try weights.weight(name + ".weight", shape: [outputs, inputs]),
            bias: try weights.weight(name + ".bias", shape: [outputs]))
    }

    func norm(_ name: String) throws -> Normalization {
        let width = [configuration.hiddenSize]
        return try Normalization(
            .layer, scale: tensor(name + ".weight", width), shift: tensor(name + ".bias", width),
            epsilon: configuration.normEpsilon)
    }

    func finalNorm(_ stack: String) throws -> Normalization? {
        configuration.normPlacement == .pre ? try norm(stack + ".layer_norm") : nil
    }

    func embedding(_ stack: String, count: Int) throws -> Embedding {
        let (length, width) = (configuration.maximumLength, configuration.hiddenSize)
        let positions =
            switch configuration.positions {
            case .learned: try tensor(stack + ".pos_embedding.weight", [length, width])
            case .sinusoidal: try SinusoidalPositions.table(count: length, width: width)
            }
        return try Embedding(
            weights.weight(stack + ".tok_embedding.weight", shape: [count, width]),
            factor: configuration.embeddingScale, positions: positions)
    }

    func attention(_ name: String, _ source: MultiHeadAttention.Source) throws -> MultiHeadAttention {
        let d = configuration.hiddenSize
        return try MultiHeadAttention(
            query: linear(name + ".fc_q", d, d), key: linear(name + ".fc_k", d, d), value: linear(name + ".fc_v", d, d),
            output: linear(name + ".fc_o", d, d), heads: configuration.headCount, source: source,
            precision: precision, execution: execution)
    }

    func feedForward(_ layer: String) throws -> FeedForward {
        let (d, width) = (configuration.hiddenSize, configuration.feedForwardSize)
        return try FeedForward(
            inner: linear(layer + ".positionwise_feedforward.fc_1", width, d),
            outer: linear(layer + ".positionwise_feedforward.fc_2", d, width), activation: configuration.activation,
            precision: precision, execution: execution)
    }

    func encoderLayer(_ index: Int) throws -> EncoderLayer {
        let layer = "encoder.layers.\(index)"
        return EncoderLayer(
            attention: try attention(layer + ".self_attention", .itself),
            attentionNorm: try norm(layer + ".self_attn_layer_norm"), feedForward: try feedForward(layer),
            feedForwardNorm: try norm(layer + ".ff_layer_norm"), placement: configuration.normPlacement)
    }

    func decoderLayer(_ index: Int) throws -> DecoderLayer {
        let layer = "decoder.layers.\(index)"
        return DecoderLayer(
            attention: try attention(layer + ".self_attention", .itself),
            attentionNorm: try norm(layer + ".self_attn_layer_norm"),
            cross: (
                attention: try attention(layer + ".encoder_attention", .other),
                norm: try norm(layer + ".enc_attn_layer_norm")
            ), feedForward: try feedForward(layer), feedForwardNorm: try norm(layer + ".ff_layer_norm"),
            placement: configuration.normPlacement)
    }
}
