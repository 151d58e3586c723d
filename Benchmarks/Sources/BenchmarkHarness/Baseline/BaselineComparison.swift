import Foundation

/// A baseline beside a later measurement of the same cases.
public struct BaselineComparison: Sendable {
    /// What the passes say of one case.
    public enum Verdict: String, Sendable {
        /// Within the threshold.
        case same
        /// Faster than the threshold, in every pass.
        case faster
        /// Slower than the threshold, in every pass.
        case slower
        /// Beyond the threshold in the median, but the passes overlap, or all were disturbed: noise explains it.
        case unclear
    }

    /// One case.
    public struct Cell: Sendable {
        /// What names the case.
        public var key: String
        /// The case as it was.
        public var before: CaseResult
        /// The median share of the FMA peak before and now.
        public var shares: (before: Double, now: Double)
        /// How far the passes lie apart, as a share of their median: the larger one of before and now.
        public var noise: Double
        /// Whether every pass, before or now, was disturbed.
        public var disturbed: Bool
        /// What follows.
        public var verdict: Verdict

        /// The share now over that before: below 1 is slower.
        public var ratio: Double { shares.before > 0 ? shares.now / shares.before : 1 }
    }

    /// A geometric mean of ratios with its smallest and largest value over the passes.
    public struct Mean: Sendable, Equatable {
        /// Of which cases.
        public var name: String
        /// How many they are.
        public var count: Int
        /// The mean.
        public var ratio: Double
        /// Its range, pass by pass.
        public var range: ClosedRange<Double>
        /// The lowest mean of a pass of the baseline, over its median passes.
        public var lowestBefore: Double
    }

    /// The allowed loss, such as 0.05.
    public let threshold: Double
    /// The commits that are compared.
    public let commits: (before: String, now: String)
    /// When they were measured.
    public let dates: (before: String, now: String)
    /// All cases measured both times.
    public let cells: [Cell]
    /// The cases of the baseline that were not measured now.
    public let missing: [String]
    /// The means of all cases and of each kernel.
    public let means: [Mean]

    /// Compares `candidate` with `baseline`.
    public init(_ baseline: BaselineDocument, _ candidate: BaselineDocument, threshold: Double) {
        self.threshold = threshold
        commits = (baseline.commit, candidate.commit)
        dates = (baseline.date, candidate.date)
        let now = Dictionary(candidate.cells.map { ($0.result.key, $0) }) { first, _ in first }
        let pairs = baseline.cells.compactMap { before in now[before.result.key].map { (before, $0) } }
        cells = pairs.map { Self.cell($0, $1, threshold: threshold) }
        missing = baseline.cells.map(\.result.key).filter { now[$0] == nil }
        var seen: Set<String> = []
        let kernels = pairs.map(\.0.result.kernel).filter { seen.insert($0).inserted }
        means =
            [Self.mean("all", pairs)]
            + kernels.map { kernel in Self.mean(kernel, pairs.filter { $0.0.result.kernel == kernel }) }
    }

    /// The cases that are slower.
    public var slower: [Cell] { cells.filter { $0.verdict == .slower } }
    /// The cases that noise may explain.
    public var unclear: [Cell] { cells.filter { $0.verdict == .unclear && $0.ratio < 1 } }
    /// The means that fell by more than the threshold, and below every pass of the baseline, in every pass.
    public var slowerMeans: [Mean] {
        means.filter {
            $0.count > 0 && $0.ratio < 1 - threshold && $0.range.upperBound < min(1 - threshold, $0.lowestBefore)
        }
    }
    /// Whether nothing got slower, and every case could be measured.
    public var passes: Bool { slower.isEmpty && slowerMeans.isEmpty && missing.isEmpty }

    /// The mean of positive numbers that ratios have; 1 if there are none.
    public static func geometricMean(_ values: [Double]) -> Double {
        guard !values.isEmpty else { return 1 }
        return exp(values.reduce(0) { $0 + log(max($1, 1e-12)) } / Double(values.count))
    }

    private typealias Pair = (before: BaselineDocument.Cell, now: BaselineDocument.Cell)

    private static func cell(
        _ before: BaselineDocument.Cell, _ now: BaselineDocument.Cell, threshold: Double
    ) -> Cell {
        let (old, new) = (TimingStatistics(before.shares), TimingStatistics(now.shares))
        func spread(_ statistics: TimingStatistics?) -> Double {
            statistics.map { ($0.maximum - $0.minimum) / max($0.median, 1e-12) } ?? 0
        }
        var cell = Cell(
            key: before.result.key, before: before.result, shares: (before.share, now.share),
            noise: max(spread(old), spread(new)), disturbed: before.disturbed || now.disturbed, verdict: .same)
        // Every pass must be beyond the threshold and beyond all earlier passes: one pass that was fast shows that
        // the kernel can be, and the machine was not.
        let (slowest, fastest) = (1 - threshold, 1 / (1 - threshold))
        if let old, let new, cell.ratio < slowest {
            cell.verdict = new.maximum < min(old.minimum, slowest * old.median) ? .slower : .unclear
        } else if let old, let new, cell.ratio > fastest {
            cell.verdict = new.minimum > max(old.maximum, fastest * old.median) ? .faster : .unclear
        }
        // What something else did to every pass is no measure of the kernel.
        if cell.disturbed && cell.verdict != .same { cell.verdict = .unclear }
        return cell
    }

    private static func mean(_ name: String, _ all: [Pair]) -> Mean {
        // What was disturbed all the time says nothing about the others.
        let pairs = all.filter { !$0.before.disturbed && !$0.now.disturbed }
        // As many passes as most cases have: further ones of doubtful cases would tilt the mean, and a case of which
        // fewer are left, the others being disturbed, stands for itself by its median.
        func byPass(_ cell: (Pair) -> BaselineDocument.Cell) -> [Double] {
            let counts = pairs.map { cell($0).shares.count }.sorted()
            return (0..<(counts.isEmpty ? 0 : counts[counts.count / 2])).map { pass in
                geometricMean(
                    pairs.map {
                        let (kept, before) = (cell($0), $0.before.share)
                        return (pass < kept.shares.count ? kept.shares[pass] : kept.share) / max(before, 1e-12)
                    })
            }
        }
        let (before, now) = (byPass(\.before), byPass(\.now))
        return Mean(
            name: name, count: pairs.count,
            ratio: geometricMean(pairs.map { $0.now.share / max($0.before.share, 1e-12) }),
            range: (now.min() ?? 1)...(now.max() ?? 1), lowestBefore: before.min() ?? 1)
    }
}
