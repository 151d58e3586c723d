import Foundation

/// Intervals from resampled rounds (Efron, 1979).
///
/// A round is what happened at one time on the machine, so rounds are drawn as a whole: both contestants of a ratio
/// are resampled by the same draw, and a disturbance that hit both cancels.
public struct Bootstrap: Sendable {
    /// The number of resamples.
    public static let resamples = 2000

    /// The ratio of two contestants' times, with its 95 % interval.
    public struct Ratio: Sendable, Equatable {
        /// The median of the one's rounds divided by the median of the other's.
        public let value: Double
        /// The interval between the 2.5 % and 97.5 % quantiles of the resampled ratios.
        public let interval: ClosedRange<Double>
        /// The logarithm of each resample's ratio, for means over cases.
        let logarithms: [Double]
    }

    /// The ratio of the median of `times` to that of `reference`; nil unless both have the same rounds, at least one.
    ///
    /// - Complexity: O(`resamples` · n log n).
    public static func ratio(_ times: [Double], to reference: [Double]) -> Ratio? {
        guard !times.isEmpty, times.count == reference.count, (times + reference).allSatisfy({ $0 > 0 }) else {
            return nil
        }
        // Seeded by the data: the same times give the same interval, and different cases are drawn independently.
        var generator = SeededGenerator(seed: reference[0].bitPattern)
        var drawn = times
        var drawnReference = reference
        var logarithms: [Double] = []
        logarithms.reserveCapacity(resamples)
        for _ in 0..<resamples {
            for place in times.indices {
                let round = Int.random(in: times.indices, using: &generator)
                (drawn[place], drawnReference[place]) = (times[round], reference[round])
            }
            logarithms.append(log(median(drawn) / median(drawnReference)))
        }
        return Ratio(
            value: median(times) / median(reference), interval: interval(logarithms), logarithms: logarithms)
    }

    /// The geometric mean of ratios of different cases, with its 95 % interval; nil if there are none.
    ///
    /// Cases are measured one after the other, so their resamples are combined as independent draws.
    public static func geometricMean(_ ratios: [Ratio]) -> Ratio? {
        guard !ratios.isEmpty else { return nil }
        let count = Double(ratios.count)
        var sums = [Double](repeating: 0, count: resamples)
        for ratio in ratios {
            for (index, logarithm) in ratio.logarithms.enumerated() { sums[index] += logarithm }
        }
        let value = exp(ratios.reduce(0) { $0 + log($1.value) } / count)
        let logarithms = sums.map { $0 / count }
        return Ratio(value: value, interval: interval(logarithms), logarithms: logarithms)
    }

    private static func interval(_ logarithms: [Double]) -> ClosedRange<Double> {
        let sorted = logarithms.sorted()
        return exp(TimingStatistics.quantile(sorted, 0.025))...exp(TimingStatistics.quantile(sorted, 0.975))
    }

    private static func median(_ values: [Double]) -> Double { TimingStatistics.quantile(values.sorted(), 0.5) }
}
