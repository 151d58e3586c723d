import AttentionKernels

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The same numbers on every machine for a seed: xoshiro256++ by Blackman and Vigna, its state filled by splitmix64.
public struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: SIMD4<UInt64>

    public init(seed: UInt64) {
        var counter = seed
        func splitmix() -> UInt64 {
            counter &+= 0x9E37_79B9_7F4A_7C15
            var mixed = counter
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
        state = SIMD4(splitmix(), splitmix(), splitmix(), splitmix())
    }

    public mutating func next() -> UInt64 {
        let sum = state[0] &+ state[3]
        let result = ((sum << 23) | (sum >> 41)) &+ state[0]
        let shifted = state[1] << 17
        state[2] ^= state[0]
        state[3] ^= state[1]
        state[1] ^= state[2]
        state[0] ^= state[3]
        state[2] ^= shifted
        state[3] = (state[3] << 45) | (state[3] >> 19)
        return result
    }

    /// A number in `0 ..< 1`.
    public mutating func uniform() -> Double {
        Double(next() >> 11) * 0x1p-53
    }

    /// Numbers of the normal distribution N(0, 1), by Box and Muller.
    public mutating func normals(_ count: Int) -> [Float] {
        var numbers: [Float] = []
        numbers.reserveCapacity(count + 1)
        while numbers.count < count {
            let radius = (-2 * log(1 - uniform())).squareRoot()
            let angle = 2 * Double.pi * uniform()
            numbers.append(Float(radius * cos(angle)))
            numbers.append(Float(radius * sin(angle)))
        }
        return Array(numbers.prefix(count))
    }

    /// One number of the normal distribution N(0, 1).
    public mutating func normal() -> Float {
        let radius = (-2 * log(1 - uniform())).squareRoot()
        return Float(radius * cos(2 * Double.pi * uniform()))
    }

    /// Small whole numbers, whose products and sums are exact in `Float`.
    public mutating func smallIntegers(_ count: Int, in range: ClosedRange<Int> = -4...4) -> [Float] {
        (0..<count).map { _ in Float(Int.random(in: range, using: &self)) }
    }

    /// A tensor of normal numbers.
    public mutating func normalTensor(_ shape: [Int]) throws -> Tensor {
        try Tensor(shape: shape, elements: normals(shape.reduce(1, *)))
    }
}
