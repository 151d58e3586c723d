import AttentionKernels

/// One case of a sweep: a shape, a mask, and how it is computed.
public struct SweepCase: Sendable, Hashable {
    /// The sizes of the call.
    public var shape: AttentionShape
    /// Which keys the queries see.
    public var mask: SweepMask
    /// The kernel that is timed.
    public var kernel: AttentionKernel
    /// The instruction set it runs on.
    public var isa: InstructionSet
    /// The number of threads.
    public var threads: Int
    /// The element type of the tensors.
    public var dtype: SweepDType

    /// The floating-point operations of the two matrix products: 2 for each multiply-add, visible pairs only.
    ///
    /// The exponentials and the softmax's sums are not counted, as is the custom for attention.
    public var flops: Double { shape.flops(mask) }

    /// The case in words: `fused S=1024 D=64 causal, 2 threads, avx512`.
    public var text: String {
        let width = shape.headDim == shape.valueDim ? "\(shape.headDim)" : "\(shape.headDim)/\(shape.valueDim)"
        let heads = shape.heads == shape.kvHeads ? "\(shape.heads)" : "\(shape.heads)/\(shape.kvHeads)"
        return "\(kernel.rawValue) \(dtype.rawValue) B=\(shape.batch) H=\(heads) S=\(shape.lengthText) D=\(width) "
            + "\(mask.rawValue), "
            + "\(threads) thread\(threads == 1 ? "" : "s"), \(isa.name)"
    }
}

extension AttentionShape {
    /// 2 operations for each multiply-add of both products, visible pairs only.
    func flops(_ mask: SweepMask) -> Double {
        let pairs = mask.visiblePairs(queryLength: queryLength, keyLength: keyLength)
        return 2 * Double(batch * heads) * Double(pairs) * Double(headDim + valueDim)
    }

    /// The bytes of K and V, scales included: what has to be read at least once.
    func keyValueBytes(_ dtype: SweepDType) -> Int {
        batch * kvHeads * keyLength * (dtype.keyValue.rowBytes(headDim) + dtype.keyValue.rowBytes(valueDim))
    }
}

extension SweepCase {
    /// The limit of arithmetic that applies.
    var peakKey: PeakMeter.Key {
        PeakMeter.Key(isa: isa, threads: threads, quantity: dtype.quantity(isa))
    }

    /// What names the case in every run: `attention fused f32 B1 H8/8 S128x128 D64/64 causal t2 avx512`.
    public var key: String {
        "attention \(kernel.rawValue) \(dtype.rawValue) B\(shape.batch) H\(shape.heads)/\(shape.kvHeads) "
            + "S\(shape.queryLength)x\(shape.keyLength) D\(shape.headDim)/\(shape.valueDim) \(mask.rawValue) "
            + "t\(threads) \(isa.name)"
    }

    /// The case that `result` was measured for; nil if this build or machine does not know it.
    public init?(_ result: CaseResult) {
        guard result.op == "attention", let kernel = AttentionKernel(rawValue: result.kernel),
            let isa = InstructionSet(rawValue: result.isa), InstructionSet.available.contains(isa),
            let mask = SweepMask(rawValue: result.mask), let dtype = SweepDType(rawValue: result.dtype)
        else { return nil }
        self.init(
            shape: AttentionShape(
                batch: result.batch, heads: result.heads, kvHeads: result.kvHeads, queryLength: result.queryLength,
                keyLength: result.keyLength, headDim: result.headDim, valueDim: result.valueDim),
            mask: mask, kernel: kernel, isa: isa, threads: result.threads, dtype: dtype)
    }
}

extension CaseResult {
    /// What names the case in every run, see ``SweepCase/key``.
    public var key: String {
        if let product { return "\(op) \(dtype) \(product.text) t\(threads) \(isa)" }
        return "\(op) \(kernel) \(dtype) B\(batch) H\(heads)/\(kvHeads) S\(queryLength)x\(keyLength) "
            + "D\(headDim)/\(valueDim) \(mask) t\(threads) \(isa)"
    }
}

/// The cases that are timed by turns: everything but the kernel is the same.
public struct SweepGroup: Sendable, Hashable {
    /// The sizes of the call.
    public var shape: AttentionShape
    /// Which keys the queries see.
    public var mask: SweepMask
    /// The instruction set.
    public var isa: InstructionSet
    /// The number of threads.
    public var threads: Int
    /// The element type of the tensors.
    public var dtype: SweepDType
    /// The kernels, in the order in which they take turns.
    public var kernels: [AttentionKernel]

    /// The limit of arithmetic that applies.
    var peakKey: PeakMeter.Key { PeakMeter.Key(isa: isa, threads: threads, quantity: dtype.quantity(isa)) }

    /// The group's case of one kernel.
    public func sweepCase(_ kernel: AttentionKernel) -> SweepCase {
        SweepCase(shape: shape, mask: mask, kernel: kernel, isa: isa, threads: threads, dtype: dtype)
    }

    /// The group with the kernels whose cases are wanted; nil if there are none.
    func filtered(_ isWanted: (SweepCase) -> Bool) -> SweepGroup? {
        var rest = self
        rest.kernels.removeAll { !isWanted(sweepCase($0)) }
        return rest.kernels.isEmpty ? nil : rest
    }
}
