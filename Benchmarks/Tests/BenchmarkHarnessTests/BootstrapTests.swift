import Foundation
import Testing

@testable import BenchmarkHarness

@Suite struct BootstrapTests {
    /// Times around `center` with a known spread.
    private func times(_ center: Double, spread: Double, count: Int, seed: UInt64) -> [Double] {
        var generator = SeededGenerator(seed: seed)
        return generator.gaussians(count).map { center * exp(spread * Double($0)) }
    }

    @Test func equalTimesHaveTheRatioOneExactly() throws {
        let ratio = try #require(Bootstrap.ratio([2, 2, 2], to: [2, 2, 2]))
        #expect(ratio.value == 1 && ratio.interval == 1...1)
        #expect(Verdict(ratio) == .tie)
    }

    @Test func noRoundsOrUnequalNumbersOfThemHaveNoRatio() {
        #expect(Bootstrap.ratio([], to: []) == nil)
        #expect(Bootstrap.ratio([1], to: [1, 2]) == nil)
        #expect(Bootstrap.ratio([1, 0], to: [1, 2]) == nil)
        #expect(Bootstrap.geometricMean([]) == nil)
    }

    @Test func intervalHoldsTheRatioAndIsTheSameAgain() throws {
        let (slow, fast) = (times(3, spread: 0.02, count: 10, seed: 1), times(2, spread: 0.02, count: 10, seed: 2))
        let ratio = try #require(Bootstrap.ratio(slow, to: fast))
        #expect(ratio.interval.contains(ratio.value) && ratio.interval.contains(1.5))
        #expect(ratio.interval.upperBound / ratio.interval.lowerBound < 1.1)
        #expect(Bootstrap.ratio(slow, to: fast) == ratio)
        #expect(Verdict(ratio) == .faster)
        #expect(Verdict(try #require(Bootstrap.ratio(fast, to: slow))) == .slower)
    }

    // A disturbance that hit both contestants in the same rounds must not widen the interval of their ratio.
    @Test func roundsAreDrawnForBothAtOnce() throws {
        let disturbance = times(1, spread: 0.5, count: 11, seed: 3)
        let ratio = try #require(Bootstrap.ratio(disturbance.map { 3 * $0 }, to: disturbance.map { 2 * $0 }))
        #expect(abs(ratio.interval.lowerBound - 1.5) < 1e-9 && abs(ratio.interval.upperBound - 1.5) < 1e-9)
    }

    // The interval should hold the true ratio in about 95 of 100 runs; percentile intervals of few rounds hold it a
    // little less often.
    @Test func intervalsCoverTheTruth() throws {
        var covered = 0
        for run in 0..<50 {
            let seed = UInt64(2 * run)
            let ratio = try #require(
                Bootstrap.ratio(
                    times(1.2, spread: 0.1, count: 15, seed: seed + 1),
                    to: times(1, spread: 0.1, count: 15, seed: seed + 2)))
            if ratio.interval.contains(1.2) { covered += 1 }
        }
        #expect(covered >= 42, "\(covered) of 50")
    }

    @Test func tiesAreTiesByEitherRule() throws {
        // Within 5 %, however sure.
        #expect(Verdict(try #require(Bootstrap.ratio([1.04, 1.04], to: [1, 1]))) == .tie)
        #expect(Verdict(try #require(Bootstrap.ratio([0.96, 0.96], to: [1, 1]))) == .tie)
        // Far apart by the medians, but anything is possible.
        let noisy = try #require(Bootstrap.ratio([0.5, 1.3, 2], to: [1, 1, 1]))
        #expect(noisy.value > 1.2 && noisy.interval.contains(1) && Verdict(noisy) == .tie)
        #expect(Verdict(try #require(Bootstrap.ratio([1.06, 1.06], to: [1, 1]))) == .faster)
    }

    @Test func geometricMeanIsThatOfTheRatios() throws {
        let ratios = try [(4.0, 1.0), (1, 1), (1, 2)].map { pair in
            try #require(
                Bootstrap.ratio(
                    times(pair.0, spread: 0.01, count: 10, seed: UInt64(8 * pair.0)),
                    to: times(pair.1, spread: 0.01, count: 10, seed: UInt64(99 * pair.1))))
        }
        let mean = try #require(Bootstrap.geometricMean(ratios))
        #expect(abs(mean.value - cbrt(ratios.map(\.value).reduce(1, *))) < 1e-12)
        #expect(mean.interval.contains(cbrt(2)))
        // Errors of different cases average out.
        let widest = ratios.map { $0.interval.upperBound / $0.interval.lowerBound }.max() ?? 0
        #expect(mean.interval.upperBound / mean.interval.lowerBound < widest)
    }
}
