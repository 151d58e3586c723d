import AttentionKernels

/// A call that reads keys and values from a cache of 8 bits, filled once, when the call is made.
final class CachedAttentionCall<Query: TensorElement, Output: TensorElement>: AttentionCall {
    private let query: TypedTensor<Query>
    private let options: AttentionOptions
    private var cache: KeyValueCache<Int8>
    // No rows: a call appends nothing.
    private let noKeys, noValues: Tensor
    private var output: TypedTensor<Output>

    init(
        _ workload: AttentionWorkload, _ held: ByteCache, _ query: TypedTensor<Query>
    ) throws(KernelError) {
        let shape = workload.shape
        self.query = query
        noKeys = try Tensor(shape: [shape.batch, shape.kvHeads, 0, shape.headDim])
        noValues = try Tensor(shape: [shape.batch, shape.kvHeads, 0, shape.valueDim])
        var options = try workload.options
        // A cache has lengths of its own.
        options.keyLengths = nil
        self.options = options
        var cache = try KeyValueCache<Int8>(
            batch: shape.batch, kvHeads: shape.kvHeads, capacity: shape.keyLength, headDim: shape.headDim,
            valueDim: shape.valueDim, keyScales: held.keyScales, valueScales: held.valueScales)
        try Self.append(held.key, held.value, to: &cache)
        for (sequence, length) in (workload.keyLengths ?? []).enumerated() {
            try cache.truncate(sequence, to: length)
        }
        self.cache = cache
        output = try TypedTensor(shape: query.shape.dropLast() + [shape.valueDim]) { _ in Output(.nan) }
    }

    private static func append(
        _ key: some NumberTensor, _ value: some NumberTensor, to cache: inout KeyValueCache<Int8>
    ) throws(KernelError) {
        try cache.append(key: key.typed, value: value.typed)
    }

    override var outcome: AttentionOutcome { AttentionOutcome(output: output) }

    override func run(_ kernel: AttentionKernel, execution: Execution) throws(KernelError) {
        try cache.attend(
            query: query, appendingKey: noKeys, value: noValues, into: &output, options: options, kernel: kernel,
            execution: execution)
    }
}
