import AttentionKernels

/// How far numbers are from the oracle, and whether that is near enough.
public struct Comparison: Sendable, CustomStringConvertible {
    /// The largest `|x - oracle|`; infinite where one is NaN or infinite and the other is not the same.
    public let maxError: Double
    /// The mean of `|x - oracle|`.
    public let meanError: Double
    /// Where the largest error is.
    public let worstIndex: Int
    /// What `maxError` may be.
    public let bound: Double

    public var passes: Bool { maxError <= bound }

    public var description: String {
        "max error \(maxError) at \(worstIndex), mean \(meanError), bound \(bound)"
    }

    /// Compares with the bound of this library: `max|x - oracle| <= 2 * max|naive - oracle| + 2 ulp(max|oracle|)`.
    public init(_ candidate: [Float], naive: [Float], oracle: [Double]) {
        let naiveError = Self.errors(naive, oracle).max
        let finite = oracle.lazy.filter(\.isFinite).map(\.magnitude)
        let ulp = Double(Float(finite.max() ?? 0).ulp)
        self.init(candidate, oracle: oracle, bound: (naiveError.isFinite ? 2 * naiveError : 0) + 2 * ulp)
    }

    /// Compares with a bound given.
    public init(_ candidate: [Float], oracle: [Double], bound: Double) {
        let errors = Self.errors(candidate, oracle)
        maxError = errors.max
        meanError = errors.mean
        worstIndex = errors.worst
        self.bound = bound
    }

    private static func errors(_ candidate: [Float], _ oracle: [Double]) -> (max: Double, mean: Double, worst: Int) {
        precondition(
            candidate.count == oracle.count, "\(candidate.count) numbers against \(oracle.count) of the oracle")
        var (largest, sum, worst) = (0.0, 0.0, 0)
        for (index, (x, y)) in zip(candidate, oracle).enumerated() {
            let error = error(Double(x), y)
            sum += error
            if error > largest { (largest, worst) = (error, index) }
        }
        return (largest, candidate.isEmpty ? 0 : sum / Double(candidate.count), worst)
    }

    private static func error(_ x: Double, _ oracle: Double) -> Double {
        if x.isFinite && oracle.isFinite { return (x - oracle).magnitude }
        return x == oracle || (x.isNaN && oracle.isNaN) ? 0 : .infinity
    }
}

/// The bits of each number, so that `==` tells -0 from 0 and finds equal NaNs equal.
public func bits(_ numbers: [Float]) -> [UInt32] {
    numbers.map(\.bitPattern)
}

/// The bits of each element of a tensor.
public func bits(_ tensor: Tensor) -> [UInt32] {
    bits(tensor.elements)
}

/// Whether numbers are worth comparing: not empty, and at most half of them zero.
public func isMostlyNonzero(_ numbers: [Float]) -> Bool {
    numbers.count { $0 != 0 } * 2 > numbers.count
}
