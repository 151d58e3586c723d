import CKernels
@_exported public import HalfPrecision

/// The element types of tensors, as the kernels know them.
public enum DataType: String, Sendable, Hashable, CaseIterable, Codable {
    /// `Float`.
    case float32
    /// ``BFloat16``.
    case bfloat16
    /// `Float16`.
    case float16

    var cValue: ck_dtype {
        switch self {
        case .float32: .CK_F32
        case .bfloat16: .CK_BF16
        case .float16: .CK_F16
        }
    }
}

/// An element of a ``KeyValueCache``: a ``TensorElement``, or `Int8` with scales. There is nothing else to conform to this
/// protocol.
public protocol CacheElement: TensorScalar {}

extension Int8: CacheElement {}

/// An element of a floating-point tensor: `Float`, ``BFloat16`` or `Float16`.
///
/// The kernels read and write these types in memory and compute in `Float`. There is nothing to conform to this
/// protocol but the types of ``DataType``.
public protocol TensorElement: CacheElement where Product == Self {
    /// What the kernels call this type.
    static var dataType: DataType { get }
    /// `value`, rounded to nearest, ties to even.
    init(_ value: Float)
    /// The value, exactly.
    var floatValue: Float { get }
}

extension TensorElement {
    public static var format: MatrixFormat { MatrixFormat(dataType) }
}

extension Float: TensorElement {
    public static var dataType: DataType { .float32 }
    public var floatValue: Float { self }
}

extension BFloat16: TensorElement {
    public static var dataType: DataType { .bfloat16 }
    public var floatValue: Float { Float(self) }
}

extension Float16: TensorElement {
    public static var dataType: DataType { .float16 }
    public var floatValue: Float { Float(self) }
}
