import AttentionKernels
import Foundation

/// Runs a sweep: checks every case against the oracle, then times it beside the other kernels.
public struct SweepRunner {
    private let plan: SweepPlan
    private let settings: SweepSettings
    private let limits: PeaksDocument?
    private let progress = ProgressLine()
    private let start = Stopwatch.now
    private let commit = SourceRevision.describe()
    private var meter = PeakMeter()
    private var costs = CostModel()
    private var remaining: [SweepGroup] = []
    private let caseCount: Int
    private var casesDone = 0
    private var repeatSeconds = 0.0
    /// Whether a case may be timed.
    var accepts: (CaseCheck) -> Bool = { $0.passes }
    /// Called with everything measured so far when a group of cases is done.
    public var keep: (SweepDocument) throws -> Void = { _ in }
    /// Throws ``Interruption/Requested`` when the run should end early. Asked between any two repetitions.
    public var checkInterruption: () throws -> Void = {}

    private var timed: [CaseResult] = []
    private var skipped: [SweepDocument.SkippedCase] = []
    private var failed: [SweepDocument.FailedCase] = []
    /// The keys of all of these.
    private var finished: Set<String> = []

    /// A kernel that is ready to be timed.
    private typealias Contestant = (runner: TimedAttention, check: CaseCheck)

    /// A runner of `plan`.
    ///
    /// - Parameters:
    ///   - limits: the machine's, for the bounds of the cases.
    ///   - earlier: an interrupted run whose cases are not run again. It must be of the same commit and settings.
    public init(
        _ plan: SweepPlan, settings: SweepSettings = SweepSettings(), limits: PeaksDocument? = nil,
        resuming earlier: SweepDocument? = nil
    ) {
        self.plan = plan
        self.settings = settings
        self.limits = limits
        caseCount = plan.cases.count
        if let earlier {
            (timed, skipped, failed) = (earlier.cases, earlier.skipped, earlier.failed)
            finished = Set(timed.map(\.key) + skipped.map(\.key) + failed.map(\.key))
            meter.restore(earlier.machine.peaks)
            for result in timed {
                if let sweepCase = SweepCase(result) { costs.note(sweepCase, seconds: result.medianMs * 1e-3) }
            }
        }
        remaining = plan.workloads.flatMap(groups(of:))
        casesDone = caseCount - remaining.reduce(0) { $0 + $1.kernels.count }
    }

    /// The groups of a workload with the kernels that are still to be run.
    private func groups(of workload: SweepPlan.Workload) -> [SweepGroup] {
        plan.groups(of: workload).compactMap { group in group.filtered { !finished.contains($0.key) } }
    }

    /// Runs the sweep and returns its result; an incomplete one if it was interrupted.
    ///
    /// - Throws: ``KernelError`` or ``HarnessError`` if a case cannot run at all. A case that runs but computes a
    ///   wrong result is not thrown: it stands among the document's failed ones.
    public mutating func run() throws -> SweepDocument {
        defer { progress.clear() }
        do {
            // Every peak once before the first case, so that the first one is judged by a warm machine's peak too.
            for key in Set(plan.workloads.flatMap(plan.groups(of:)).map(\.peakKey)) {
                _ = try meter.measure(key, seconds: 0.2)
            }
            for workload in plan.workloads { try run(workload) }
        } catch is Interruption.Requested {
            return document(complete: false)
        }
        return document(complete: true)
    }

    private mutating func run(_ workload: SweepPlan.Workload) throws {
        let groups = groups(of: workload)
        if groups.isEmpty { return }
        try checkInterruption()
        showProgress("preparing S=\(workload.shape.lengthText) \(workload.mask.rawValue)")
        let limit = AttentionReference.rowLimit(workload.shape, multiplyAdds: settings.oracleMultiplyAdds)
        var seen: Set<SweepDType> = []
        for dtype in groups.map(\.dtype) where seen.insert(dtype).inserted {
            let inputs = try AttentionWorkload(
                shape: workload.shape, mask: workload.mask, dtype: dtype, seed: settings.seed)
            let reference = try AttentionReference(inputs, rowLimit: limit, keepsWeights: false, seed: settings.seed)
            for group in groups where group.dtype == dtype {
                try run(group, inputs, reference)
                try keep(document(complete: false))
            }
        }
    }

    private mutating func run(
        _ group: SweepGroup, _ inputs: AttentionWorkload, _ reference: AttentionReference
    ) throws {
        var contestants: [Contestant] = []
        for sweepCase in group.kernels.map(group.sweepCase) {
            try checkInterruption()
            if let contestant = try contestant(sweepCase, inputs, reference) { contestants.append(contestant) }
        }
        if let first = contestants.first?.runner.sweepCase {
            let others = contestants.count == 1 ? "" : " and \(contestants.count - 1) more by turns"
            showProgress("timing \(first.text)\(others)")
            let (timing, attempts) = try time(group, contestants)
            for (contestant, seconds) in zip(contestants, timing.seconds) {
                guard let statistics = TimingStatistics(seconds) else { continue }
                let sweepCase = contestant.runner.sweepCase
                costs.note(sweepCase, seconds: statistics.median)
                timed.append(
                    CaseResult(sweepCase, statistics, check: contestant.check, timing: timing, attempts: attempts))
            }
        }
        finished.formUnion(group.kernels.map { group.sweepCase($0).key })
        casesDone += group.kernels.count
        remaining.removeFirst()
    }

    /// A case that was checked and is warm; nil if it is left out.
    private mutating func contestant(
        _ sweepCase: SweepCase, _ inputs: AttentionWorkload, _ reference: AttentionReference
    ) throws -> Contestant? {
        if let reason = reasonToSkip(sweepCase, reference) {
            skipped.append(.init(key: sweepCase.key, text: sweepCase.text, reason: reason))
            return nil
        }
        showProgress("checking \(sweepCase.text)")
        let runner = try TimedAttention(sweepCase, inputs)
        var elapsed = try runner.run()
        let check = runner.check(reference)
        guard accepts(check) else {
            failed.append(
                .init(key: sweepCase.key, text: sweepCase.text, maxError: check.maxError, bound: check.bound))
            return nil
        }
        while elapsed < settings.warmUpSeconds { elapsed += try runner.run() }
        return (runner, check)
    }

    /// Times the contestants, again where the machine was disturbed, and keeps the least disturbed timing.
    private mutating func time(
        _ group: SweepGroup, _ contestants: [Contestant]
    ) throws -> (timing: GroupTiming, attempts: Int) {
        let key = group.peakKey
        let checkInterruption = checkInterruption
        var best: GroupTiming?
        for attempt in 1... {
            let timing = try confined(to: group.threads) {
                try meter.timing(key, count: contestants.count, turns: settings.turns) { index in
                    try checkInterruption()
                    return try contestants[index].runner.run()
                }
            }
            if attempt > 1 { repeatSeconds += timing.noise.seconds }
            let chosen = best.map { $0.disturbance(key, meter) <= timing.disturbance(key, meter) ? $0 : timing }
            let kept = chosen ?? timing
            let budget = settings.repeatShare * (Stopwatch.now - start)
            guard kept.isDisturbed(key, meter), attempt < settings.maximumAttempts,
                repeatSeconds + timing.noise.seconds <= budget
            else { return (kept, attempt) }
            best = kept
        }
        preconditionFailure("the attempts are bounded")
    }

    private func confined<Result>(to threads: Int, _ body: () throws -> Result) rethrows -> Result {
        settings.pins ? try ThreadPinning.confined(to: threads, body) : try body()
    }

    /// Why a case is not run, or nil: there is no such call, or the naive kernel's time grows with the square of the
    /// length, and it teaches nothing new there.
    private func reasonToSkip(_ sweepCase: SweepCase, _ reference: AttentionReference) -> String? {
        if sweepCase.dtype.keepsBytes && sweepCase.mask.has(.qknorm) { return "keys of 8 bits have no QK-norm" }
        guard sweepCase.kernel == .naive else { return nil }
        // Without an earlier case to go by, the rows that the reference needed tell how fast it is.
        let ofRows = sweepCase.flops / (reference.naiveFlopsPerSecond * Double(sweepCase.threads))
        let predicted = costs.seconds(sweepCase) ?? ofRows
        guard predicted > settings.naiveLimitSeconds else { return nil }
        return
            "each of its \(settings.minimumRuns) runs would take about \(NumberText.significant(predicted, digits: 2)) s, "
            + "over the limit of \(NumberText.significant(settings.naiveLimitSeconds, digits: 2)) s (--naive-limit)"
    }

    private func document(complete: Bool) -> SweepDocument {
        let roofline = limits.map(Roofline.init)
        let cases = timed.map { result in
            var result = result
            result.relate(to: meter, roofline: roofline)
            return result
        }
        return SweepDocument(
            machine: MachineReport.current(meter), commit: commit, date: Date().ISO8601Format(), cases: cases,
            skipped: skipped, failed: failed, settings: settings.record,
            complete: complete, limits: limits)
    }

    private func showProgress(_ text: String) {
        let left = remaining.reduce(0) { $0 + predictedSeconds($1) }
        progress.show(text, done: casesDone, total: caseCount, secondsLeft: left)
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
