import AttentionKernels

/// Measures the products of one pass of a baseline, each checked first.
struct GemmPass {
    let settings: SweepSettings
    var checkInterruption: () throws -> Void = {}
    private var meter = PeakMeter()
    private let progress = ProgressLine()

    init(settings: SweepSettings) { self.settings = settings }

    /// Times `cells` one after the other.
    ///
    /// - Throws: ``HarnessError`` if a product is wrong or refused; ``Interruption/Requested`` if the run should end.
    mutating func run(_ cells: [GemmCell]) throws -> [CaseResult] {
        defer { progress.clear() }
        for key in Set(cells.map(\.peakKey)) { _ = try meter.measure(key, seconds: 0.2) }
        var results: [CaseResult] = []
        for (index, cell) in cells.enumerated() {
            try checkInterruption()
            let left = Double(cells.count - index) * (settings.turns.minimumSeconds + 0.3)
            progress.show("product \(cell.text)", done: index, total: cells.count, secondsLeft: left)
            results.append(try time(cell))
        }
        for index in results.indices { results[index].relate(to: meter, roofline: nil) }
        return results
    }

    private mutating func time(_ cell: GemmCell) throws -> CaseResult {
        let matrices = GemmMatrices(cell.shape, cell.dtype, seed: settings.seed)
        let reference = try matrices.reference(multiplyAdds: settings.oracleMultiplyAdds, seed: settings.seed)
        let contestant: GemmContestant
        var warmUp = 0.0
        do throws(ContestantFailure) {
            contestant = try .ours(matrices, isa: cell.isa, threads: cell.threads)
            warmUp += try contestant.burst(1)[0]
        } catch {
            throw HarnessError("\(cell.text): \(error)")
        }
        let errors = contestant.check(reference)
        guard errors.scaled <= reference.scaledBound else {
            throw HarnessError(
                "wrong result: \(cell.text): error \(NumberText.significant(errors.scaled)), allowed "
                    + NumberText.significant(reference.scaledBound))
        }
        while warmUp < settings.warmUpSeconds { warmUp += try contestant.burst(16).reduce(0, +) }
        var turns = settings.turns
        // A turn of a short call is many calls: 5000 of them say enough.
        turns.minimumSeconds = min(turns.minimumSeconds, 5000 * (try Self.shortest(contestant)))
        let checkInterruption = checkInterruption
        let timing = try meter.timing(cell.peakKey, count: 1, turns: turns) { _ in
            try checkInterruption()
            // One turn: calls too short for the clock are timed several together.
            return try contestant.burst(1)[0]
        }
        guard let statistics = TimingStatistics(timing.seconds[0]) else { throw HarnessError("\(cell.text): no time") }
        return CaseResult(
            cell, statistics,
            check: CaseCheck(
                maxError: errors.absolute.maximum, bound: reference.scaledBound, rowsChecked: reference.rows.count),
            timing: timing)
    }

    private static func shortest(_ contestant: GemmContestant) throws -> Double {
        try contestant.burst(16).min() ?? 0
    }
}
