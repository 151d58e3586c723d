/// One contestant's row of a case, under the names of the JSON files: a time, or why there is none.
public struct ContestEntry: Codable, Sendable, Equatable {
    /// The name that stands for the library itself.
    public static let ours = "AttentionKernels"
    /// The name of the library's product with B packed before, which is nobody's peer.
    static let packed = "packed B"

    /// Who computed.
    public var contestant: String
    /// The median of the rounds' medians, in milliseconds.
    public var medianMs: Double?
    /// The fastest repetition, in milliseconds.
    public var minMs: Double?
    /// The slowest repetition, in milliseconds.
    public var maxMs: Double?
    /// The number of times measured; short repetitions are measured several together.
    public var measurements: Int?
    /// The number of rounds they lie in.
    public var rounds: Int?
    /// 10^9 floating-point operations a second, by the median.
    public var gflops: Double?
    /// What the case's roof takes as a share of the median time, in percent.
    public var percentOfRoof: Double?
    /// The largest error in the rows checked: absolute for attention, in units of eps times the size of what was added
    /// up for a product.
    public var maxError: Double?
    /// The largest error allowed.
    public var errorBound: Double?
    /// How many times as long as the library it took; nothing for the library itself.
    public var ratio: Double?
    /// The lower end of the ratio's 95 % interval.
    public var ratioLow: Double?
    /// The upper end.
    public var ratioHigh: Double?
    /// Whether the library is faster, slower, or neither can be said.
    public var verdict: Verdict?
    /// Why there is no time: one sentence.
    public var problem: String?
    /// The median of each round, in milliseconds.
    public var roundMs: [Double]?
    /// Bursts that began while threads of another contestant would not sleep.
    public var restlessStarts: Int?

    /// The ratio with its resamples, for means over cases; not written to files.
    var bootstrap: Bootstrap.Ratio?

    private enum CodingKeys: String, CodingKey {
        case contestant, medianMs, minMs, maxMs, measurements, rounds, gflops, percentOfRoof, maxError, errorBound,
            ratio
        case ratioLow, ratioHigh, verdict, problem, roundMs, restlessStarts
    }

    /// A row without a time.
    init(_ contestant: String, problem: String) {
        self.contestant = contestant
        self.problem = problem
    }

    /// The row of a contestant that was checked and timed.
    ///
    /// - Parameters:
    ///   - ours: the library's result in the same contest; nil for the row of the library itself.
    ///   - roof: what the case could reach.
    init(_ contestant: String, _ result: Contest.Result, ours: Contest.Result?, roof: Roof) {
        self.contestant = contestant
        let medians = result.roundMedians
        guard result.failure == nil, let statistics = TimingStatistics(medians) else {
            problem = result.failure?.description ?? "it was not timed"
            return
        }
        let all = result.rounds.joined()
        medianMs = (statistics.median * 1e3).significant()
        minMs = all.min().map { ($0 * 1e3).significant() }
        maxMs = all.max().map { ($0 * 1e3).significant() }
        (measurements, rounds) = (all.count, medians.count)
        roundMs = medians.map { ($0 * 1e3).significant() }
        gflops = (roof.flops / max(statistics.median, 1e-12) * 1e-9).significant()
        judge(by: roof)
        restlessStarts = result.restlessStarts == 0 ? nil : result.restlessStarts
        if let ours { compare(medians, with: ours.roundMedians) }
    }

    fileprivate mutating func compare(_ medians: [Double], with ours: [Double]) {
        // Of one with fewer rounds only the rounds that both took part in are compared.
        let common = min(medians.count, ours.count)
        bootstrap = Bootstrap.ratio(Array(medians.prefix(common)), to: Array(ours.prefix(common)))
        if let bootstrap {
            ratio = bootstrap.value.significant()
            (ratioLow, ratioHigh) = (
                bootstrap.interval.lowerBound.significant(), bootstrap.interval.upperBound.significant()
            )
            verdict = Verdict(bootstrap)
        }
    }
}

extension ContestEntry {
    /// Sets the share of the roof, which is known for good when the run's peak is.
    mutating func judge(by roof: Roof) {
        percentOfRoof = medianMs.map { (100 * roof.seconds / max($0 * 1e-3, 1e-12)).significant() }
    }
}

extension [ContestEntry] {
    /// Rows that were read from a file, with the resamples that files do not hold.
    func resampled() -> [ContestEntry] {
        guard let ours = ours?.roundMs else { return self }
        return map { entry in
            var entry = entry
            if let medians = entry.roundMs, entry.contestant != ContestEntry.ours { entry.compare(medians, with: ours) }
            return entry
        }
    }

    /// The library's own row, if it has a time.
    var ours: ContestEntry? { first { $0.contestant == ContestEntry.ours && $0.medianMs != nil } }

    /// The fastest of the others that have a time.
    var bestPeer: ContestEntry? {
        filter { ![ContestEntry.ours, ContestEntry.packed].contains($0.contestant) && $0.medianMs != nil }
            .min { ($0.medianMs ?? 0) < ($1.medianMs ?? 0) }
    }
}
