import CKernels

/// What a tensor can hold: a floating-point ``TensorElement``, or `Int8` and `Int32`, the factors and sums of integer
/// products. There is nothing else to conform to this protocol.
public protocol TensorScalar: BitwiseCopyable, Sendable, Equatable {
    /// The elements of a product of matrices of this type where nobody asks for others: `Int32` of `Int8`, and the type
    /// itself of all others.
    associatedtype Product: TensorScalar
    /// What the kernels of matrices call this type.
    static var format: MatrixFormat { get }
    /// 0.
    static var zero: Self { get }
}

extension Int8: TensorScalar {
    public typealias Product = Int32
    public static var format: MatrixFormat { .int8 }
}

extension Int32: TensorScalar {
    public typealias Product = Int32
    public static var format: MatrixFormat { .int32 }
}

/// What a matrix is stored as: elements of one type, or blocks of quantised weights.
public enum MatrixFormat: String, Sendable, Hashable, CaseIterable, Codable {
    /// `Float`.
    case float32
    /// ``BFloat16``.
    case bfloat16
    /// `Float16`.
    case float16
    /// `Int8`.
    case int8
    /// `Int32`.
    case int32
    /// Blocks of ``QuantizedFormat/q8_0``.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case q8_0
    /// Blocks of ``QuantizedFormat/q4_0``.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case q4_0
    /// Blocks of ``QuantizedFormat/q4_1``.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case q4_1

    init(_ type: DataType) {
        self =
            switch type {
            case .float32: .float32
            case .bfloat16: .bfloat16
            case .float16: .float16
            }
    }

    init(_ dtype: ck_dtype) {
        self =
            switch dtype {
            case .CK_F32: .float32
            case .CK_BF16: .bfloat16
            case .CK_F16: .float16
            case .CK_I8: .int8
            case .CK_I32: .int32
            case .CK_Q8_0: .q8_0
            case .CK_Q4_0: .q4_0
            case .CK_Q4_1: .q4_1
            }
    }

    var cValue: ck_dtype {
        switch self {
        case .float32: .CK_F32
        case .bfloat16: .CK_BF16
        case .float16: .CK_F16
        case .int8: .CK_I8
        case .int32: .CK_I32
        case .q8_0: .CK_Q8_0
        case .q4_0: .CK_Q4_0
        case .q4_1: .CK_Q4_1
        }
    }

    /// As the sentence of an error calls its elements.
    var name: String {
        switch self {
        case .float32: "Float"
        case .bfloat16: "BFloat16"
        case .float16: "Float16"
        case .int8: "Int8"
        case .int32: "Int32"
        case .q8_0, .q4_0, .q4_1: "\(rawValue) blocks"
        }
    }
}
