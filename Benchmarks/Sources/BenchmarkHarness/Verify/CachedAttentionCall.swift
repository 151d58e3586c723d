import AttentionKernels

/// A call that reads keys and values from a cache of 8 bits, appended once, when the call is made.
final class CachedAttentionCall<Query: TensorElement, Key: TensorElement, Value: TensorElement>: AttentionCall {
    private let query: TypedTensor<Query>
    // No rows: a call appends nothing.
    private let noKeys: TypedTensor<Key>
    private let noValues: TypedTensor<Value>
    private let options: AttentionOptions
    private var cache: KeyValueCache<Int8>
    private var output: TypedTensor<Query>

    /// - Precondition: `outputs` is empty; a cache returns the output alone.
    init(
        _ workload: AttentionWorkload, _ outputs: AttentionOutputs, _ query: TypedTensor<Query>,
        _ key: TypedTensor<Key>, _ value: TypedTensor<Value>
    ) throws(KernelError) {
        precondition(outputs.isEmpty)
        let shape = workload.shape
        self.query = query
        noKeys = try TypedTensor(shape: [shape.batch, shape.kvHeads, 0, shape.headDim]) { _ in Key(0) }
        noValues = try TypedTensor(shape: [shape.batch, shape.kvHeads, 0, shape.valueDim]) { _ in Value(0) }
        options = try workload.options
        var cache = try KeyValueCache<Int8>(
            batch: shape.batch, kvHeads: shape.kvHeads, capacity: shape.keyLength, headDim: shape.headDim,
            valueDim: shape.valueDim)
        try cache.append(key: key, value: value)
        self.cache = cache
        output = try TypedTensor(shape: query.shape.dropLast() + [shape.valueDim]) { _ in Query(.nan) }
    }

    override var outcome: AttentionOutcome { AttentionOutcome(output: output) }

    override func run(_ kernel: AttentionKernel, execution: Execution) throws(KernelError) {
        try cache.attend(
            query: query, appendingKey: noKeys, value: noValues, into: &output, options: options, kernel: kernel,
            execution: execution)
    }
}
