import AttentionKernels

/// The differences between computed numbers and the oracle's.
public struct ErrorTally: Sendable, Equatable {
    /// The largest absolute difference; infinite where one of the two is not finite and they differ.
    public private(set) var maximum = 0.0
    /// The largest finite magnitude of the oracle's numbers.
    public private(set) var magnitude = 0.0
    /// The number of comparisons.
    public private(set) var count = 0
    private var sum = 0.0

    /// A tally of nothing.
    public init() {}

    /// The mean absolute difference.
    public var mean: Double { count == 0 ? 0 : sum / Double(count) }

    /// Compares one number with the oracle's.
    ///
    /// Two NaNs agree, and so do two infinities of one sign: an input that makes the oracle NaN must make the
    /// kernel NaN.
    public mutating func add(_ value: Float, oracle: Double) {
        let error = Self.difference(value, oracle: oracle)
        maximum = max(maximum, error)
        sum += error
        count += 1
        if oracle.isFinite { magnitude = max(magnitude, abs(oracle)) }
    }

    /// Adds what another tally has seen.
    public mutating func merge(_ other: ErrorTally) {
        maximum = max(maximum, other.maximum)
        magnitude = max(magnitude, other.magnitude)
        sum += other.sum
        count += other.count
    }

    static func difference(_ value: Float, oracle: Double) -> Double {
        if value.isFinite && oracle.isFinite { return abs(Double(value) - oracle) }
        if value.isNaN && oracle.isNaN { return 0 }
        // A double beyond the range of a float rounds to infinity.
        return value == Float(oracle) ? 0 : .infinity
    }
}

/// The largest error that a kernel may have.
public enum ErrorBound {
    /// Twice the error of the naive path plus 2 units in the last place of the largest number, but never more
    /// than `limit`, so that an error of the naive path itself cannot excuse the others.
    ///
    /// - Parameters:
    ///   - limit: what rounding alone can explain to first order.
    ///   - type: what the numbers are rounded to.
    public static func bound(naive: ErrorTally, limit: Double, type: DataType = .float32) -> Double {
        let bound = 2 * naive.maximum + 2 * type.ulp(naive.magnitude)
        // Inputs that are not finite have no first-order analysis: there the naive path is all there is to go by.
        return limit.isFinite ? min(bound, limit) : bound
    }
}
