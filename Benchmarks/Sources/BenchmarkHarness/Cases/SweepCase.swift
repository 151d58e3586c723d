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
    public var flops: Double {
        let pairs = mask.visiblePairs(queryLength: shape.queryLength, keyLength: shape.keyLength)
        return 2 * Double(shape.batch * shape.heads) * Double(pairs) * Double(shape.headDim + shape.valueDim)
    }

    /// The case in words: `fused S=1024 D=64 causal, 2 threads, avx512`.
    public var text: String {
        let width = shape.headDim == shape.valueDim ? "\(shape.headDim)" : "\(shape.headDim)/\(shape.valueDim)"
        return "\(kernel.rawValue) S=\(shape.lengthText) D=\(width) \(mask.rawValue), "
            + "\(threads) thread\(threads == 1 ? "" : "s"), \(isa.name)"
    }
}

/// An element type that a sweep can measure.
public enum SweepDType: String, Sendable, Hashable, Codable, CaseIterable {
    /// IEEE single precision.
    case f32
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

    /// The group's case of one kernel.
    public func sweepCase(_ kernel: AttentionKernel) -> SweepCase {
        SweepCase(shape: shape, mask: mask, kernel: kernel, isa: isa, threads: threads, dtype: dtype)
    }
}
