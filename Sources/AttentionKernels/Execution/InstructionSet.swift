import CKernels

/// An instruction set the kernels are compiled for.
public enum InstructionSet: String, CaseIterable, Sendable, Codable {
    /// No assumption about the CPU.
    case portable
    /// x86-64 with AVX2 and FMA.
    case avx2
    /// x86-64 with AVX-512.
    case avx512
    /// x86-64 with AVX-512 and its bfloat16 dot product.
    case avx512bf16
    /// 64-bit Arm.
    case neon

    /// The name by which the environment variable `CK_ISA` and the tools know it.
    public var name: String { rawValue }

    /// The instruction sets this CPU and this build can run, best first. Never empty.
    public static let available: [InstructionSet] = (0..<ck_isa_count()).compactMap { InstructionSet(ck_isa_at($0)) }

    /// What a call runs on here.
    ///
    /// - Parameter requested: the instruction set asked for, or nil for the one named by the environment variable
    ///   `CK_ISA` and otherwise the best one.
    /// - Throws: ``KernelError`` with reason `instructionSetUnavailable` if this CPU or build does not have it, or if
    ///   `CK_ISA` names none.
    public static func resolved(_ requested: InstructionSet? = nil) throws(KernelError) -> InstructionSet {
        var isa = ck_isa.CK_ISA_AUTO
        guard ck_isa_resolve(requested.cValue, &isa) == .CK_OK, let resolved = InstructionSet(isa) else {
            throw .unavailable(requested)
        }
        return resolved
    }

    init?(_ isa: ck_isa) {
        switch isa {
        case .CK_ISA_PORTABLE: self = .portable
        case .CK_ISA_AVX2: self = .avx2
        case .CK_ISA_AVX512: self = .avx512
        case .CK_ISA_AVX512BF16: self = .avx512bf16
        case .CK_ISA_NEON: self = .neon
        case .CK_ISA_AUTO: return nil
        }
    }
}

extension InstructionSet? {
    var cValue: ck_isa {
        switch self {
        case nil: .CK_ISA_AUTO
        case .portable: .CK_ISA_PORTABLE
        case .avx2: .CK_ISA_AVX2
        case .avx512: .CK_ISA_AVX512
        case .avx512bf16: .CK_ISA_AVX512BF16
        case .neon: .CK_ISA_NEON
        }
    }
}
