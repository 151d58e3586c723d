import AttentionKernels

/// The keys and values of one layer, of all its sequences.
protocol LayerCache: AnyObject {
    /// Appends rows and attends over all so far: see `KeyValueCache.forward`.
    func append(
        query: AttentionInput, key: AttentionInput, value: AttentionInput, into output: consuming AttentionOutput,
        sequences: Range<Int>, _ run: LayerRun) throws(KernelError)
    /// Attends over the keys there are, and gives the weights where they are wanted.
    func attend(
        query: AttentionInput, into output: consuming AttentionOutput, weights: consuming AttentionOutput?,
        causality: Causality, sequences: Range<Int>, _ run: LayerRun) throws(KernelError)
    func length(_ sequence: Int) -> Int
    func truncate(_ sequence: Int, to length: Int) throws(KernelError)
    func copy(_ source: Int, to target: Int) throws(KernelError)
}

final class TypedLayerCache<Element: TensorElement>: LayerCache {
    private var cache: KeyValueCache<Element>

    init(batch: Int, capacity: Int, _ attention: MultiHeadAttention) throws(KernelError) {
        cache = try KeyValueCache(
            batch: batch, kvHeads: attention.kvHeads, capacity: capacity, headDim: attention.headSize,
            valueDim: attention.valueSize)
    }

    func append(
        query: AttentionInput, key: AttentionInput, value: AttentionInput, into output: consuming AttentionOutput,
        sequences: Range<Int>, _ run: LayerRun
    ) throws(KernelError) {
        try cache.forward(
            query: query, appendingKey: key, value: value, into: output, sequences: sequences, kernel: run.kernel,
            execution: run.execution)
    }

    func attend(
        query: AttentionInput, into output: consuming AttentionOutput, weights: consuming AttentionOutput?,
        causality: Causality, sequences: Range<Int>, _ run: LayerRun
    ) throws(KernelError) {
        try cache.forward(
            query: query, into: output, causality: causality, weights: weights, sequences: sequences,
            kernel: run.kernel, execution: run.execution)
    }

    func length(_ sequence: Int) -> Int { cache.lengths[sequence] }

    func truncate(_ sequence: Int, to length: Int) throws(KernelError) {
        try cache.truncate(sequence, to: length)
    }

    func copy(_ source: Int, to target: Int) throws(KernelError) {
        try cache.copy(source, to: target)
    }
}

extension Precision {
    /// An empty cache of this precision.
    func makeCache(
        batch: Int, capacity: Int, _ attention: MultiHeadAttention
    ) throws(KernelError) -> any LayerCache {
        switch self {
        case .float32, .integer16: try TypedLayerCache<Float>(batch: batch, capacity: capacity, attention)
        case .bfloat16: try TypedLayerCache<BFloat16>(batch: batch, capacity: capacity, attention)
        }
    }
}
