#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The angles of rotary position embedding (Su and others 2021, section 3.2.2): pair `i` of a head of width `w` at
/// position `p` turns by `p f_i`, with `f_i = base^(-2 i / w)` and then ``scaling``.
public struct RotaryFrequencies: Sendable, Hashable, Codable {
    /// How angles are changed for sequences longer than those of the training.
    public enum Scaling: Sendable, Hashable, Codable {
        /// Not at all.
        case none
        /// Positions divided by a factor (Chen and others 2023, "Extending context window ... via positional interpolation").
        case linear(factor: Float)
        /// A base that grows so that the slowest pair turns `factor` times slower: `base * factor^(w / (w - 2))`
        /// ("NTK-aware").
        case ntk(factor: Float)
        /// Slow pairs divided by `factor`, fast ones kept, and those between `lowFrequency` and `highFrequency` turns in
        /// `originalLength` positions blended (Llama 3.1).
        case llama3(factor: Float, lowFrequency: Float, highFrequency: Float, originalLength: Int)
        /// The same with a ramp over the pairs from `betaFast` to `betaSlow` turns, and scores sharpened by a factor of
        /// `0.1 ln(factor) + 1` for query and key each (Peng and others 2023, "YaRN", section 3).
        case yarn(factor: Float, betaFast: Float, betaSlow: Float, originalLength: Int)
    }

    /// The base of the geometric series of frequencies, more than 1.
    public var base: Float
    /// How angles are changed for long sequences.
    public var scaling: Scaling

    /// Frequencies of a base.
    public init(base: Float = 10_000, scaling: Scaling = .none) {
        self.base = base
        self.scaling = scaling
    }

    /// The angle of each pair of a head of `width` per position, in radians: `width / 2` of them.
    ///
    /// - Precondition: `width` is even.
    public func angles(width: Int) -> [Double] {
        precondition(width % 2 == 0, "a head of width \(width) has no pairs")
        let base = scaledBase(width: width)
        let angles = (0..<width / 2).map { pow(base, -2 * Double($0) / Double(width)) }
        switch scaling {
        case .none, .ntk: return angles
        case .linear(let factor): return angles.map { $0 / Double(factor) }
        case .llama3(let factor, let low, let high, let length):
            return angles.map { angle in
                let turns = Double(length) * angle / (2 * Double.pi)
                let share = (turns - Double(low)) / Double(high - low)
                return blend(angle, kept: share, factor: Double(factor))
            }
        case .yarn(let factor, let fast, let slow, let length):
            let first = max(pair(turning: Double(fast), in: length, width: width).rounded(.down), 0)
            let last = min(pair(turning: Double(slow), in: length, width: width).rounded(.up), Double(width - 1))
            return angles.enumerated().map { index, angle in
                let share = 1 - (Double(index) - first) / max(last - first, 0.001)
                return blend(angle, kept: share, factor: Double(factor))
            }
        }
    }

    /// The factor of query and key, 1 but for ``Scaling/yarn(factor:betaFast:betaSlow:originalLength:)``.
    public var magnitude: Double {
        if case .yarn(let factor, _, _, _) = scaling, factor > 1 { 0.1 * log(Double(factor)) + 1 } else { 1 }
    }

    private func scaledBase(width: Int) -> Double {
        guard case .ntk(let factor) = scaling, width > 2 else { return Double(base) }
        return Double(base) * pow(Double(factor), Double(width) / Double(width - 2))
    }

    /// The place among the pairs, as a fraction, of the one that makes `turns` turns in `length` positions.
    private func pair(turning turns: Double, in length: Int, width: Int) -> Double {
        Double(width) * log(Double(length) / (turns * 2 * Double.pi)) / (2 * log(Double(base)))
    }

    private func blend(_ angle: Double, kept share: Double, factor: Double) -> Double {
        let share = min(max(share, 0), 1)
        return share * angle + (1 - share) * angle / factor
    }

    /// Throws if a number is outside its range.
    func validate() throws(TransformerError) {
        guard base > 1, base.isFinite else {
            throw TransformerError(
                .invalidConfiguration, "rotary.base", "it is \(base); it should be finite and more than 1")
        }
        switch scaling {
        case .none: return
        case .linear(let factor), .ntk(let factor): try requirePositive("rotary.factor", factor)
        case .llama3(let factor, let low, let high, let length):
            try requirePositive("rotary.factor", factor)
            try requirePositive(("rotary.originalLength", length))
            guard low > 0, high > low, high.isFinite else {
                throw TransformerError(
                    .invalidConfiguration, "rotary.highFrequency",
                    "it is \(high); it should be more than lowFrequency, which is \(low) and should be more than 0")
            }
        case .yarn(let factor, let fast, let slow, let length):
            try requirePositive("rotary.factor", factor)
            try requirePositive(("rotary.originalLength", length))
            guard slow > 0, fast > slow, fast.isFinite else {
                throw TransformerError(
                    .invalidConfiguration, "rotary.betaFast",
                    "it is \(fast); it should be more than betaSlow, which is \(slow) and should be more than 0")
            }
        }
    }
}
