import AttentionKernels
import Foundation

/// Runs a sweep: checks every case against the oracle, then times it beside the other kernels.
public struct SweepRunner {
    private let plan: SweepPlan
    private let settings: SweepSettings
    private let progress = ProgressLine()
    private var meter = PeakMeter()
    private var costs = CostModel()
    private var remaining: [SweepGroup]
    private var casesDone = 0
    /// Whether a case may be timed.
    var accepts: (CaseCheck) -> Bool = { $0.passes }

    private var timed: [Timed] = []
    private var skipped: [SweepDocument.SkippedCase] = []
    private var failed: [SweepDocument.FailedCase] = []

    /// What is known of a case before the run's best peak is.
    private struct Timed {
        var sweepCase: SweepCase
        var statistics: TimingStatistics
        var check: CaseCheck
        /// The lower of the peaks measured before and after.
        var peakBeside: Double
    }

    /// A runner of `plan`.
    public init(_ plan: SweepPlan, settings: SweepSettings = SweepSettings()) {
        self.plan = plan
        self.settings = settings
        remaining = plan.workloads.flatMap(plan.groups(of:))
    }

    /// Runs the sweep and returns its result.
    ///
    /// - Throws: ``KernelError`` or ``HarnessError`` if a case cannot run at all. A case that runs but computes a
    ///   wrong result is not thrown: it stands among the document's failed ones.
    public mutating func run() throws -> SweepDocument {
        defer { progress.clear() }
        // Every peak once before the first case, so that the first one is judged by a warm machine's peak too.
        for group in plan.workloads.first.map(plan.groups(of:)) ?? [] {
            _ = try meter.measure(PeakMeter.Key(isa: group.isa, threads: group.threads), seconds: 0.2)
        }
        for workload in plan.workloads {
            showProgress("preparing S=\(workload.shape.lengthText) \(workload.mask.rawValue)")
            let inputs = try AttentionWorkload(shape: workload.shape, mask: workload.mask, seed: settings.seed)
            let limit = AttentionReference.rowLimit(workload.shape, multiplyAdds: settings.oracleMultiplyAdds)
            let reference = try AttentionReference(
                inputs, rowLimit: limit, keepsWeights: false, seed: settings.seed)
            for group in plan.groups(of: workload) { try run(group, inputs, reference) }
        }
        return document()
    }

    private mutating func run(
        _ group: SweepGroup, _ inputs: AttentionWorkload, _ reference: AttentionReference
    ) throws {
        let key = PeakMeter.Key(isa: group.isa, threads: group.threads)
        let peakBefore = try meter.measure(key)
        var contestants: [(runner: TimedAttention, check: CaseCheck)] = []
        for sweepCase in group.kernels.map(group.sweepCase) {
            if let reason = reasonToSkip(sweepCase, reference) {
                skipped.append(.init(text: sweepCase.text, reason: reason))
                continue
            }
            showProgress("checking \(sweepCase.text)")
            var runner = try TimedAttention(sweepCase, inputs)
            var elapsed = try runner.run()
            let check = runner.check(reference)
            guard accepts(check) else {
                failed.append(.init(text: sweepCase.text, maxError: check.maxError, bound: check.bound))
                continue
            }
            while elapsed < settings.warmUpSeconds { elapsed += try runner.run() }
            contestants.append((runner, check))
        }
        if let first = contestants.first?.runner.sweepCase {
            let others = contestants.count == 1 ? "" : " and \(contestants.count - 1) more by turns"
            showProgress("timing \(first.text)\(others)")
        }
        let seconds = try settings.turns.run(count: contestants.count) { try contestants[$0].runner.run() }
        let peakAfter = try meter.measure(key)
        for (contestant, seconds) in zip(contestants, seconds) {
            guard let statistics = TimingStatistics(seconds) else { continue }
            let sweepCase = contestant.runner.sweepCase
            costs.note(sweepCase, seconds: statistics.median)
            timed.append(
                Timed(
                    sweepCase: sweepCase, statistics: statistics, check: contestant.check,
                    peakBeside: min(peakBefore, peakAfter)))
        }
        casesDone += group.kernels.count
        remaining.removeFirst()
    }

    /// Why a case is not run, or nil: the naive kernel's time grows with the square of the length, and it teaches
    /// nothing new there.
    private func reasonToSkip(_ sweepCase: SweepCase, _ reference: AttentionReference) -> String? {
        guard sweepCase.kernel == .naive else { return nil }
        // Without an earlier case to go by, the rows that the reference needed tell how fast it is.
        let ofRows = sweepCase.flops / (reference.naiveFlopsPerSecond * Double(sweepCase.threads))
        let predicted = costs.seconds(sweepCase) ?? ofRows
        guard predicted > settings.naiveLimitSeconds else { return nil }
        return
            "each of its \(settings.minimumRuns) runs would take about \(NumberText.significant(predicted, digits: 2)) s, "
            + "over the limit of \(NumberText.significant(settings.naiveLimitSeconds, digits: 2)) s (--naive-limit)"
    }

    private func document() -> SweepDocument {
        let cases = timed.map { timed in
            let key = PeakMeter.Key(isa: timed.sweepCase.isa, threads: timed.sweepCase.threads)
            return CaseResult(
                timed.sweepCase, timed.statistics, check: timed.check,
                peak: meter.records[key]?.best ?? timed.peakBeside,
                disturbed: meter.isDisturbed(key, gflops: timed.peakBeside))
        }
        return SweepDocument(
            machine: MachineReport.current(meter), commit: SourceRevision.describe(),
            date: Date().ISO8601Format(), cases: cases, skipped: skipped, failed: failed,
            settings: .init(
                minimumRepetitions: settings.turns.minimumRepetitions,
                minimumSeconds: settings.turns.minimumSeconds, naiveLimitSeconds: settings.naiveLimitSeconds,
                seed: settings.seed))
    }

    private func showProgress(_ text: String) {
        let left = remaining.reduce(0) { $0 + predictedSeconds($1) }
        progress.show(text, done: casesDone, total: plan.caseCount, secondsLeft: left)
    }

    private func predictedSeconds(_ group: SweepGroup) -> Double {
        // A guess for what has not been seen; it is soon replaced by what has.
        let guesses: [AttentionKernel: Double] = [.naive: 2e9, .blocked: 5e10, .fused: 1e11]
        return group.kernels.map(group.sweepCase).reduce(0.2) { sum, sweepCase in
            let guess = sweepCase.flops / ((guesses[sweepCase.kernel] ?? 1e9) * Double(sweepCase.threads))
            let run = costs.seconds(sweepCase) ?? guess
            let runs = run * Double(settings.minimumRuns)
            if sweepCase.kernel == .naive && run > settings.naiveLimitSeconds { return sum }
            return sum + settings.warmUpSeconds + max(settings.turns.minimumSeconds, runs)
        }
    }
}
