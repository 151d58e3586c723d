import AttentionKernels
import CKernels

/// A problem of attention in contiguous arrays, to be run by any kernel and by the oracle.
public struct AttentionSample: Sendable, CustomStringConvertible {
    public var batch: Int
    public var heads: Int
    public var kvHeads: Int
    public var queryLength: Int
    public var keyLength: Int
    public var headDim: Int
    public var valueDim: Int
    /// `[batch, heads, queryLength, headDim]`.
    public var query: [Float]
    /// `[batch, kvHeads, keyLength, headDim]`.
    public var key: [Float]
    /// `[batch, kvHeads, keyLength, valueDim]`.
    public var value: [Float]
    public var causality: Causality = .none
    public var scale: Float?
    /// The bytes of a mask; nonzero keeps.
    public var keep: ScoreArray<UInt8>?
    /// The bytes of a mask; nonzero drops. At most one of `keep` and `drop` is given.
    public var drop: ScoreArray<UInt8>?
    public var bias: ScoreArray<Float>?
    public var keyLengths: [Int]?

    /// A problem with inputs from N(0, 1).
    public init(
        batch: Int = 1, heads: Int = 1, kvHeads: Int? = nil, queryLength: Int, keyLength: Int? = nil,
        headDim: Int, valueDim: Int? = nil, causality: Causality = .none, seed: UInt64 = 1
    ) {
        var random = SeededRandom(seed: seed)
        self.batch = batch
        self.heads = heads
        self.kvHeads = kvHeads ?? heads
        self.queryLength = queryLength
        self.keyLength = keyLength ?? queryLength
        self.headDim = headDim
        self.valueDim = valueDim ?? headDim
        self.causality = causality
        query = random.normals(batch * heads * queryLength * headDim)
        key = random.normals(batch * self.kvHeads * self.keyLength * headDim)
        value = random.normals(batch * self.kvHeads * self.keyLength * self.valueDim)
    }

    public var description: String {
        "batch \(batch), heads \(heads)/\(kvHeads), lengths \(queryLength)x\(keyLength), dims \(headDim)/\(valueDim), "
            + "causality \(causality)\(keep == nil && drop == nil ? "" : ", mask")\(bias == nil ? "" : ", bias")"
            + (keyLengths.map { ", key lengths \($0)" } ?? "")
    }

    /// `[batch, heads, queryLength, headDim]`, contiguous; likewise the others.
    public var queryLayout: AttentionLayout {
        .bhsd(batch: batch, heads: heads, length: queryLength, width: headDim)
    }
    public var keyLayout: AttentionLayout { .bhsd(batch: batch, heads: kvHeads, length: keyLength, width: headDim) }
    public var valueLayout: AttentionLayout { .bhsd(batch: batch, heads: kvHeads, length: keyLength, width: valueDim) }
    public var outputLayout: AttentionLayout { .bhsd(batch: batch, heads: heads, length: queryLength, width: valueDim) }

    /// The options of a call on tensors.
    public func options() throws -> AttentionOptions {
        var mask: AttentionMask?
        if let keep { mask = .keep(try ScoreMask(shape: keep.shape, bytes: keep.elements)) }
        if let drop { mask = .drop(try ScoreMask(shape: drop.shape, bytes: drop.elements)) }
        return AttentionOptions(
            causality: causality, scale: scale, mask: mask,
            bias: try bias.map { try Tensor(shape: $0.shape, elements: $0.elements) }, keyLengths: keyLengths)
    }

    /// Runs the problem on tensors.
    public func run(
        _ kernel: AttentionKernel, returning outputs: AttentionOutputs = [], execution: Execution = .shared
    ) throws -> AttentionResult {
        try kernel.attend(
            query: Tensor(shape: [batch, heads, queryLength, headDim], elements: query),
            key: Tensor(shape: [batch, kvHeads, keyLength, headDim], elements: key),
            value: Tensor(shape: [batch, kvHeads, keyLength, valueDim], elements: value),
            options: options(), returning: outputs, execution: execution)
    }

    /// All outputs in double precision.
    public func oracle() throws -> AttentionOracle {
        try withCProblem { try AttentionOracle($0) }
    }
}
