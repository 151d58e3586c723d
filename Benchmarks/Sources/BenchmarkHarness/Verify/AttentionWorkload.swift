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

    /// The queries, of rank 2, 3 or 4 up to `[batch, heads, queryLength, headDim]`.
    public var query: Tensor
    /// The keys, of the same rank, up to `[batch, kvHeads, keyLength, headDim]`.
    public var key: Tensor
    /// The values, of the same rank, up to `[batch, kvHeads, keyLength, valueDim]`.
    public var value: Tensor
    /// Which keys a query may see by position.
    public var causality: Causality
    /// The factor of the scores; nil for `1 / sqrt(headDim)`.
    public var scale: Float?
    /// The boolean mask, if any.
    public var mask: Mask?
    /// Numbers added to the scores, if any.
    public var bias: Tensor?
    /// The keys that each sequence really has, if not all.
    public var keyLengths: [Int]?

    /// A workload.
    public init(
        query: Tensor, key: Tensor, value: Tensor, causality: Causality = .none, scale: Float? = nil,
        mask: Mask? = nil, bias: Tensor? = nil, keyLengths: [Int]? = nil
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

    /// A workload of normally distributed numbers, the same ones for the same seed.
    public init(shape: AttentionShape, mask: SweepMask, seed: UInt64) throws(KernelError) {
        var generator = SeededGenerator(seed: seed)
        func tensor(_ heads: Int, _ length: Int, _ width: Int) throws(KernelError) -> Tensor {
            try Tensor(
                shape: [shape.batch, heads, length, width],
                elements: generator.gaussians(shape.batch * heads * length * width))
        }
        query = try tensor(shape.heads, shape.queryLength, shape.headDim)
        key = try tensor(shape.kvHeads, shape.keyLength, shape.headDim)
        value = try tensor(shape.kvHeads, shape.keyLength, shape.valueDim)
        causality = mask == .causal ? .bottomRight : .none
    }

    /// The sizes, with 1 for the dimensions that tensors of a lower rank lack.
    public var shape: AttentionShape {
        let (q, k, v) = (Self.rank4(query.shape), Self.rank4(key.shape), Self.rank4(value.shape))
        return AttentionShape(
            batch: q[0], heads: q[1], kvHeads: k[1], queryLength: q[2], keyLength: k[2], headDim: q[3],
            valueDim: v[3])
    }

    /// The options in the library's form.
    public func options() throws(KernelError) -> AttentionOptions {
        var libraryMask: AttentionMask?
        if let mask {
            let scores = try ScoreMask(shape: mask.shape, bytes: mask.bytes)
            libraryMask = mask.keeps ? .keep(scores) : .drop(scores)
        }
        return AttentionOptions(
            causality: causality, scale: scale, mask: libraryMask, bias: bias, keyLengths: keyLengths)
    }

    /// Computes the workload through the library's tensor interface.
    ///
    /// - Throws: ``KernelError`` if shapes or options do not fit each other.
    public func attend(
        _ kernel: AttentionKernel, returning outputs: AttentionOutputs, execution: Execution
    ) throws(KernelError) -> AttentionResult {
        try kernel.attend(
            query: query, key: key, value: value, options: options(), returning: outputs, execution: execution)
    }

    static func rank4(_ shape: [Int]) -> [Int] { [Int](repeating: 1, count: max(0, 4 - shape.count)) + shape }
}
