import Foundation

/// How fast a commit was on a machine: what a baseline's JSON file holds.
public struct BaselineDocument: HarnessDocument, Sendable, Equatable {
    /// One case in every pass.
    public struct Cell: Codable, Sendable, Equatable {
        /// The pass with the median share.
        public var result: CaseResult
        /// The case's rate as a share of the FMA peak measured between its own repetitions, for each pass that was not
        /// disturbed, or for all if all were: drifts of the clock cancel.
        public var shares: [Double]
        /// Whether every pass was disturbed.
        public var disturbed: Bool

        /// The passes of one case.
        public init?(_ results: [CaseResult]) {
            let quiet = results.filter { !$0.disturbed }
            let chosen = quiet.isEmpty ? results : quiet
            let sorted = chosen.sorted { $0.share < $1.share }
            guard !sorted.isEmpty else { return nil }
            result = sorted[sorted.count / 2]
            shares = chosen.map { $0.share.significant() }
            disturbed = quiet.isEmpty
        }

        /// The median share.
        public var share: Double { TimingStatistics(shares)?.median ?? 0 }

        /// Adds a further pass; an undisturbed one makes up for those that were not.
        mutating func add(_ again: CaseResult) {
            switch (disturbed, again.disturbed) {
            case (true, false): (shares, disturbed) = ([again.share.significant()], false)
            case (false, true): break
            default: shares.append(again.share.significant())
            }
        }
    }

    public static let noun = "baseline"

    /// Where it was measured.
    public var machine: MachineReport
    /// What `git describe --always --dirty` says of the source.
    public var commit: String
    /// When it ended, ISO 8601 in UTC.
    public var date: String
    /// How the cases were measured.
    public var settings: SweepDocument.Settings
    /// The cases.
    public var cells: [Cell]

    /// A baseline of complete passes over the same cases; nil if there are none.
    public init?(_ passes: [SweepDocument]) {
        guard let last = passes.last else { return nil }
        (machine, commit, date, settings) = (last.machine, last.commit, last.date, last.settings)
        let byKey = Dictionary(grouping: passes.flatMap(\.cases), by: \.key)
        var seen: Set<String> = []
        let order = passes.flatMap(\.cases).map(\.key).filter { seen.insert($0).inserted }
        cells = order.compactMap { key in byKey[key].flatMap(Cell.init) }
    }

    /// The same with further passes over some of the cases.
    public func adding(_ pass: SweepDocument) -> BaselineDocument {
        var document = self
        let byKey = Dictionary(pass.cases.map { ($0.key, $0) }) { first, _ in first }
        for index in cells.indices {
            if let again = byKey[cells[index].result.key] { document.cells[index].add(again) }
        }
        return document
    }
}

extension CaseResult {
    /// The rate as a share of the FMA peak measured beside it.
    ///
    /// The clock of a run drifts by a few percent: a peak that fell further was disturbed itself, and a rate over it
    /// would be no share.
    var share: Double {
        let peak = max(peakBesideGflops, PeakMeter.disturbedShare * peakGflops)
        return peak > 0 ? gflops / peak : 0
    }
}
