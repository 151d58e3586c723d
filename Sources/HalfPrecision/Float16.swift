#if (os(macOS) || targetEnvironment(macCatalyst)) && arch(x86_64)
    /// IEEE binary16 on the one platform whose standard library lacks it: a storage type without arithmetic, with the
    /// members of the standard `Float16` that this package uses.
    public struct Float16: Sendable, BitwiseCopyable {
        /// Sign, 5 bits of exponent, 10 bits of fraction.
        public var bitPattern: UInt16

        /// The number with the given bits.
        @inlinable public init(bitPattern: UInt16) {
            self.bitPattern = bitPattern
        }

        /// 0.
        @inlinable public static var zero: Float16 { Float16(bitPattern: 0) }

        /// `value` rounded to nearest, ties to even; from 65520 on it becomes infinite.
        public init(_ value: Float) {
            let sign = UInt16(truncatingIfNeeded: value.bitPattern >> 16 & 0x8000)
            let magnitude = value.bitPattern & 0x7FFF_FFFF
            let bits: UInt32
            if value.isNaN {
                bits = 0x7E00 | (magnitude >> 13 & 0x3FF)
            } else if magnitude >= 0x477F_F000 {
                bits = 0x7C00
            } else if magnitude >= 0x3880_0000 {
                // Biases 127 and 15 differ by 112.
                bits = (magnitude - 112 << 23 + 0xFFF + (magnitude >> 13 & 1)) >> 13
            } else {
                // Subnormal: in units of 2^-24, which Float scales to exactly.
                bits = UInt32((value.magnitude * 0x1p24).rounded(.toNearestOrEven))
            }
            bitPattern = sign | UInt16(truncatingIfNeeded: bits)
        }
    }

    extension Float {
        /// The value of `other`, exactly.
        public init(_ other: Float16) {
            let sign = UInt32(other.bitPattern & 0x8000) << 16
            let magnitude = UInt32(other.bitPattern & 0x7FFF)
            switch magnitude {
            case ..<0x400: self = Float(bitPattern: (Float(magnitude) * 0x1p-24).bitPattern | sign)
            case ..<0x7C00: self.init(bitPattern: sign | (magnitude << 13 + 112 << 23))
            default:
                let quiet: UInt32 = magnitude > 0x7C00 ? 0x40_0000 : 0
                self.init(bitPattern: sign | 0x7F80_0000 | magnitude << 13 | quiet)
            }
        }
    }

    extension Float16: Equatable {
        public static func == (left: Float16, right: Float16) -> Bool { Float(left) == Float(right) }
    }
#endif
