/// What the repetitions of one case say, in seconds.
public struct TimingStatistics: Sendable, Equatable {
    /// The middle repetition: the figure reported, because neither a disturbance nor a lucky run moves it.
    public let median: Double
    /// The fastest repetition.
    public let minimum: Double
    /// The slowest repetition.
    public let maximum: Double
    /// The first and third quartiles: half of all repetitions lie between them.
    public let quartiles: ClosedRange<Double>
    /// An interval that holds the true median with a confidence of at least 95 %, where there are 6 or more
    /// repetitions; otherwise all of them.
    public let medianInterval: ClosedRange<Double>
    /// The number of repetitions.
    public let count: Int

    /// The statistics of `seconds`; nil if there are none.
    ///
    /// - Complexity: O(n log n).
    public init?(_ seconds: [Double]) {
        let sorted = seconds.sorted()
        guard let first = sorted.first, let last = sorted.last else { return nil }
        minimum = first
        maximum = last
        count = sorted.count
        median = Self.quantile(sorted, 0.5)
        quartiles = Self.quantile(sorted, 0.25)...Self.quantile(sorted, 0.75)
        let rank = Self.medianRank(count)
        medianInterval = sorted[rank]...sorted[count - 1 - rank]
    }

    /// The quantile at `fraction`, interpolated between the two nearest values (Hyndman and Fan, type 7).
    static func quantile(_ sorted: [Double], _ fraction: Double) -> Double {
        let position = fraction * Double(sorted.count - 1)
        let index = Int(position)
        guard index + 1 < sorted.count else { return sorted[index] }
        return sorted[index] + (position - Double(index)) * (sorted[index + 1] - sorted[index])
    }

    /// How many values to drop at each end so that the rest spans the true median with 95 % confidence.
    ///
    /// The number of values under the median is binomial with p = 1/2 whatever their distribution; the answer is
    /// the largest r with P(fewer than r + 1 of them) <= 2.5 %.
    static func medianRank(_ count: Int) -> Int {
        // By the normal approximation, with the continuity correction, where the exact sum would underflow.
        if count > 500 {
            return max(0, Int((Double(count) / 2 - 0.98 * Double(count).squareRoot() - 0.5).rounded(.down)))
        }
        var rank = -1
        var term = 1.0
        for _ in 0..<count { term /= 2 }
        var sum = term
        while sum <= 0.025 {
            rank += 1
            term *= Double(count - rank) / Double(rank + 1)
            sum += term
        }
        return max(rank, 0)
    }
}
