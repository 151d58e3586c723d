/// The upper half of a `Float`: 8 bits of significand and the exponents of `Float`, as models are often stored.
///
/// A storage type without arithmetic: compute in `Float`, which holds every value exactly.
public struct BFloat16: Sendable, BitwiseCopyable {
    /// Sign, exponent and fraction: the upper 16 bits of the `Float` of the same value.
    public var bitPattern: UInt16

    /// The number with the given bits.
    @inlinable public init(bitPattern: UInt16) {
        self.bitPattern = bitPattern
    }

    /// 0.
    @inlinable public static var zero: BFloat16 { BFloat16(bitPattern: 0) }

    /// `value` rounded to nearest, ties to even. Beyond the largest finite number it becomes infinite; a NaN stays
    /// one and becomes quiet.
    @inlinable public init(_ value: Float) {
        let bits = value.bitPattern
        bitPattern = UInt16(
            truncatingIfNeeded: value.isNaN ? bits >> 16 | 0x40 : (bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
    }
}

extension Float {
    /// The value of `other`, exactly.
    @inlinable public init(_ other: BFloat16) {
        self.init(bitPattern: UInt32(other.bitPattern) << 16)
    }
}

extension BFloat16: Comparable {
    /// Compares values, as floating-point types do: zeros of both signs are equal, and NaN equals nothing.
    @inlinable public static func == (left: BFloat16, right: BFloat16) -> Bool { Float(left) == Float(right) }
    @inlinable public static func < (left: BFloat16, right: BFloat16) -> Bool { Float(left) < Float(right) }
}

extension BFloat16: ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral {
    @inlinable public init(integerLiteral value: Float) {
        self.init(value)
    }

    @inlinable public init(floatLiteral value: Float) {
        self.init(value)
    }
}

extension BFloat16: CustomStringConvertible {
    public var description: String { Float(self).description }
}
