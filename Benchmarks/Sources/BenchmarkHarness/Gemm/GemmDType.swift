import AttentionKernels
import CKernels

/// The element types of a product: of A, B and C.
public enum GemmDType: String, Codable, Sendable, Hashable, CaseIterable {
    /// IEEE single precision.
    case f32
    /// A and B of bf16, C of f32.
    case bf16
    /// A and B of f16, C of f32.
    case f16
    /// A and B of 8-bit integers, C of 32-bit ones.
    case i8
    /// A of f32, B in GGUF's blocks of 8 bits, C of f32.
    case q8 = "q8_0"
    /// A of f32, B in GGUF's blocks of 4 bits, C of f32.
    case q4 = "q4_0"
    /// A of f32, B in GGUF's blocks of 4 bits with an offset, C of f32.
    case q4WithMinimum = "q4_1"

    var a: ck_dtype {
        switch self {
        case .f32, .q8, .q4, .q4WithMinimum: .CK_F32
        case .bf16: .CK_BF16
        case .f16: .CK_F16
        case .i8: .CK_I8
        }
    }

    var b: ck_dtype {
        switch self {
        case .q8: .CK_Q8_0
        case .q4: .CK_Q4_0
        case .q4WithMinimum: .CK_Q4_1
        default: a
        }
    }

    var c: ck_dtype { self == .i8 ? .CK_I32 : .CK_F32 }

    /// Whether B comes in blocks along K, stored transposed as files hold it.
    var isQuantised: Bool { b != a }

    /// Whether a product of these sizes can have these types, and B is stored as files hold it.
    public func allows(_ shape: GemmShape) -> Bool {
        !isQuantised || (shape.transposeB && shape.k.isMultiple(of: 32))
    }

    /// The bytes of `count` elements of B.
    func bytesOfB(_ count: Int) -> Double {
        let block: Double =
            switch self {
            case .f32: 128
            case .bf16, .f16: 64
            case .i8: 32
            case .q8: 34
            case .q4: 18
            case .q4WithMinimum: 20
            }
        return block / 32 * Double(count)
    }

    /// What multiplies and adds these types on an instruction set. f16 and blocks take their exact f32 values.
    func quantity(_ isa: InstructionSet) -> ComputeQuantity {
        let wanted: ComputeQuantity =
            switch self {
            case .bf16: .bf16Dot
            case .i8: .int8Dot
            default: .fma
            }
        return wanted.exists(isa) ? wanted : .fma
    }
}
