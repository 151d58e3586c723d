import AttentionKernels

/// Predicts how long a case runs from those measured before it, for the naive cut-off and the time left.
public struct CostModel: Sendable {
    private struct Key: Hashable {
        var kernel: AttentionKernel
        var isa: InstructionSet
        var threads: Int
        var dtype: SweepDType
    }

    private var flopsPerSecond: [Key: Double] = [:]

    /// A model that has seen nothing.
    public init() {}

    /// Notes that one run of `measured` took `seconds`.
    public mutating func note(_ measured: SweepCase, seconds: Double) {
        guard seconds > 0, measured.flops > 0 else { return }
        flopsPerSecond[key(measured)] = measured.flops / seconds
    }

    /// The seconds of one run at the rate of the last case with the same kernel, types, instruction set and threads; nil
    /// if there was none. Doubling the length thus predicts four times the time.
    public func seconds(_ predicted: SweepCase) -> Double? {
        flopsPerSecond[key(predicted)].map { predicted.flops / $0 }
    }

    private func key(_ sweepCase: SweepCase) -> Key {
        Key(
            kernel: sweepCase.kernel, isa: sweepCase.isa, threads: sweepCase.threads, dtype: sweepCase.dtype)
    }
}
