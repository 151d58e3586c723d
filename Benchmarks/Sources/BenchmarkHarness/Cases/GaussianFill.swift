import Foundation

/// A generator of numbers that depend on nothing but its seed: SplitMix64 (Steele, Lea and Flood, 2014).
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// A generator that always gives the same numbers for the same seed.
    public init(seed: UInt64) { state = seed }

    /// The next 64 random bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return bits ^ (bits >> 31)
    }

    /// `count` numbers of the standard normal distribution (Box and Muller, 1958).
    public mutating func gaussians(_ count: Int) -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            var index = 0
            while index < count {
                // In (0, 1], so that the logarithm is finite.
                let radius = (-2 * log(Float(next() >> 40 &+ 1) * 0x1p-24)).squareRoot()
                let angle = 2 * Float.pi * Float(next() >> 40) * 0x1p-24
                buffer.initializeElement(at: index, to: radius * cos(angle))
                if index + 1 < count { buffer.initializeElement(at: index + 1, to: radius * sin(angle)) }
                index += 2
            }
            initialized = count
        }
    }
}
