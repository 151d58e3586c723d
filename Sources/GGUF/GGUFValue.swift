/// A metadata value. The widths of integers and of floating-point numbers are not kept: every value is held exactly.
public enum GGUFValue: Sendable, Equatable {
    /// A value of type UINT8, UINT16, UINT32 or UINT64.
    case unsigned(UInt64)
    /// A value of type INT8, INT16, INT32 or INT64.
    case signed(Int64)
    /// A value of type FLOAT32 or FLOAT64.
    case real(Double)
    /// A value of type BOOL.
    case boolean(Bool)
    /// A value of type STRING.
    case string(String)
    /// A value of type ARRAY.
    case array([GGUFValue])

    /// The value of an integer of any type; nil for others, and beyond the range of `Int`.
    public var integer: Int? {
        switch self {
        case .unsigned(let value): Int(exactly: value)
        case .signed(let value): Int(exactly: value)
        default: nil
        }
    }

    /// The value of a number of any type, rounded to a `Double`; nil for others.
    public var number: Double? {
        switch self {
        case .unsigned(let value): Double(value)
        case .signed(let value): Double(value)
        case .real(let value): value
        default: nil
        }
    }

    /// The value of a STRING; nil for others.
    public var text: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The value of a BOOL; nil for others.
    public var boolean: Bool? {
        if case .boolean(let value) = self { value } else { nil }
    }

    /// The elements of an ARRAY; nil for others.
    public var elements: [GGUFValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }
}
