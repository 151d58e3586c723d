import AttentionKernels
import CKernels

/// A limit of arithmetic: what multiplies and adds.
public enum ComputeQuantity: String, Codable, Sendable, Hashable, CaseIterable {
    /// Multiply-adds of f32.
    case fma = "f32 FMA"
    /// Dot products of bf16 numbers into f32 sums.
    case bf16Dot = "bf16 dot"
    /// Dot products of 8-bit integers into 32-bit sums.
    case int8Dot = "int8 dot"

    var probe: ck_probe_kind {
        switch self {
        case .fma: .CK_PROBE_FMA
        case .bf16Dot: .CK_PROBE_DOT_BF16
        case .int8Dot: .CK_PROBE_DOT_INT8
        }
    }

    /// Whether an instruction set of this machine has it.
    func exists(_ isa: InstructionSet) -> Bool {
        MachineProbe(kind: probe, isa: isa, threads: 1).run(rounds: 1).operations > 0
    }

    /// `GFLOP/s`, or `GOP/s` of integers.
    var unit: String { self == .int8Dot ? "GOP/s" : "GFLOP/s" }
}
