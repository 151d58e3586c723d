import AttentionKernels

/// The inputs and options of one attention call, in a form that the kernels and the oracle both take.
public struct AttentionWorkload: Sendable {
    /// A boolean mask as bytes.
    public struct Mask: Sendable {
        /// The sizes, aligned at the end with `[batch, heads, queryLength, keyLength]`.
        public var shape: [Int]
        /// One byte an element, row-major.
        public var bytes: [UInt8]
        /// Whether a nonzero byte keeps the key visible; else it drops it.
        public var keeps: Bool

        /// A mask.
        public init(shape: [Int], bytes: [UInt8], keeps: Bool) {
            self.shape = shape
            self.bytes = bytes
            self.keeps = keeps
        }
    }

    /// A mask of whole blocks.
    public struct Blocks: Sendable {
        /// The queries of a block.
        public var queryBlock: Int
        /// The keys of a block.
        public var keyBlock: Int
        /// The sizes, aligned at the end with `[batch, heads, blocks of queries, blocks of keys]`.
        public var shape: [Int]
        /// One byte a block, row-major; a nonzero one is visible.
        public var bytes: [UInt8]
    }

    /// The queries, of rank 2, 3 or 4 up to `[batch, heads, queryLength, headDim]`.
    public var query: any NumberTensor
    /// The keys, of the same rank, up to `[batch, kvHeads, keyLength, headDim]`.
    public var key: any NumberTensor
    /// The values, of the same rank, up to `[batch, kvHeads, keyLength, valueDim]`.
    public var value: any NumberTensor
    /// The element type of the output; nil for that of the queries.
    public var outputType: DataType?
    /// Which keys a query may see by position.
    public var causality: Causality
    /// The factor of the scores; nil for `1 / sqrt(headDim)`.
    public var scale: Float?
    /// The boolean mask, if any.
    public var mask: Mask?
    /// Numbers added to the scores, if any.
    public var bias: (any NumberTensor)?
    /// The keys that each sequence really has, if not all.
    public var keyLengths: [Int]?
    /// Window, query lengths, key starts, prefix and segments; the blocks are ``blocks``.
    public var visibility = KeyVisibility()
    /// The mask of blocks, if any.
    public var blocks: Blocks?
    /// Softcap, QK-norm, ALiBi, sinks and factors by head.
    public var scores = ScoreOptions()
    /// See ``AttentionOptions/keepsFloatProbabilities``.
    public var keepsFloatProbabilities = false
    /// The cache of 8 bits that calls read K and V from, which holds the numbers of ``key`` and ``value``; nil for none.
    var byteCache: ByteCache?

    /// A workload.
    public init(
        query: any NumberTensor, key: any NumberTensor, value: any NumberTensor, causality: Causality = .none,
        scale: Float? = nil, mask: Mask? = nil, bias: (any NumberTensor)? = nil, keyLengths: [Int]? = nil
    ) {
        self.query = query
        self.key = key
        self.value = value
        self.causality = causality
        self.scale = scale
        self.mask = mask
        self.bias = bias
        self.keyLengths = keyLengths
    }

    /// The sizes, with 1 for the dimensions that tensors of a lower rank lack.
    public var shape: AttentionShape {
        let (q, k, v) = (Self.rank4(query.shape), Self.rank4(key.shape), Self.rank4(value.shape))
        return AttentionShape(
            batch: q[0], heads: q[1], kvHeads: k[1], queryLength: q[2], keyLength: k[2], headDim: q[3],
            valueDim: v[3])
    }

    /// The type that the output's errors are judged by: where a bf16 dot product takes probabilities rounded to bf16,
    /// an output of more bits is no more accurate.
    var workingType: DataType { roundsProbabilities ? .bfloat16 : outputType ?? query.dataType }

    /// Whether a kernel may round probabilities to bf16, for a dot product of its own.
    var roundsProbabilities: Bool {
        [query.dataType, key.dataType, value.dataType].allSatisfy { $0 == .bfloat16 } && !keepsFloatProbabilities
    }

    /// Computes the workload into new memory.
    ///
    /// - Throws: ``KernelError`` if shapes or options do not fit each other.
    public func attend(
        _ kernel: AttentionKernel, returning outputs: AttentionOutputs, execution: Execution
    ) throws(KernelError) -> AttentionOutcome {
        let call = try AttentionCall.make(self, returning: outputs)
        try call.run(kernel, execution: execution)
        return call.outcome
    }

    static func rank4(_ shape: [Int]) -> [Int] { [Int](repeating: 1, count: max(0, 4 - shape.count)) + shape }
}
