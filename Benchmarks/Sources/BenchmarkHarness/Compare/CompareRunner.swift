import AttentionKernels
import Foundation

/// Runs `compare`: every attention by the library and by the peers, checked first, then timed by turns.
public final class CompareRunner {
    /// What a run measures.
    public struct Plan: Sendable {
        /// The attentions.
        public var cases: [CompareCase]
        /// The peers, each by its name or `name+variant`.
        public var peers: [String]
        /// The number of threads of everyone.
        public var threads: Int
        /// The library's instruction set.
        public var isa: InstructionSet
        /// The seed of the tensors.
        public var seed: UInt64
        /// Fewer and shorter rounds.
        public var quick: Bool
        /// The seconds of one repetition beyond which a route is not timed.
        public var runLimitSeconds = 5.0
        /// How long a peer may take.
        public var limits = PeerLimits()
        /// The seconds that a case should take, see ``Contest/caseSeconds``.
        public var caseSeconds = Double.infinity

        /// A plan.
        public init(
            cases: [CompareCase], peers: [String], threads: Int, isa: InstructionSet, seed: UInt64 = 1,
            quick: Bool = false
        ) {
            self.cases = cases
            self.peers = peers
            self.threads = threads
            self.isa = isa
            self.seed = seed
            self.quick = quick
        }

        /// What a run must have in common with one that it goes on from.
        public var conditions: String {
            "peers \(peers.joined(separator: ",")), \(threads) threads, \(isa.name), seed \(seed)"
                + (quick ? ", quick" : "") + (caseSeconds.isFinite ? ", \(caseSeconds) s a case" : "")
        }
    }

    /// A peer's error may be so many times what is allowed to the library: enough for another order of summation,
    /// far too little for a wrong mask or, in f32, for half precision. The bound of 16-bit types is wide already.
    static func peerTolerance(_ type: SweepDType) -> Double { type == .f32 ? 16 : 4 }

    private static let oracleMultiplyAdds = 1 << 26

    private let plan: Plan
    private let limits: PeaksDocument
    private let catalog: PeerCatalog
    private let folder: String
    private let progress = ProgressLine()
    private var watch: ContestWatch
    private var sessions: [PeerSession] = []
    private var reports: [PeerReport] = []
    private var measured: [ComparedAttention] = []
    /// Throws ``Interruption/Requested`` when the run should end early.
    public var checkInterruption: () throws -> Void = {}

    /// A runner with a temporary folder for the tensors.
    ///
    /// - Parameters:
    ///   - limits: the machine's, for the roofs.
    ///   - earlier: an interrupted run of the same plan, whose cases are not run again.
    /// - Throws: ``HarnessError`` if the folder cannot be made.
    public init(
        _ plan: Plan, limits: PeaksDocument, catalog: PeerCatalog = PeerCatalog(),
        resuming earlier: CompareDocument? = nil
    ) throws(HarnessError) {
        self.plan = plan
        self.limits = limits
        self.catalog = catalog
        var contest = plan.quick ? Contest.quick : Contest()
        contest.caseSeconds = plan.caseSeconds
        watch = ContestWatch(contest)
        if let earlier {
            measured = earlier.cases
            for index in measured.indices { measured[index].entries = measured[index].entries.resampled() }
            watch.meter.restore(earlier.machine.peaks)
        }
        let name = "attention-bench-compare-\(UUID().uuidString)"
        folder = FileManager.default.temporaryDirectory.appendingPathComponent(name).path
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw HarnessError("\(folder) could not be made: \(error.localizedDescription)")
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// Runs all cases and returns the document; an incomplete one if the run was interrupted.
    ///
    /// - Parameter afterEach: gets the document so far, so that a crash leaves what it has.
    /// - Throws: ``KernelError`` if there is not enough memory, ``HarnessError`` if the tensors cannot be written.
    public func run(afterEach: (CompareDocument) throws -> Void = { _ in }) throws -> CompareDocument {
        defer {
            progress.clear()
            for session in sessions { session.quit() }
        }
        watch.checkInterruption = checkInterruption
        do {
            startPeers()
            for key in Set(plan.cases.map(key)) { _ = try watch.peak(key, processes: processes, seconds: 0.2) }
            let done = Set(measured.map(\.compareCase.key))
            let start = Stopwatch.now
            for compareCase in plan.cases where !done.contains(compareCase.key) {
                try checkInterruption()
                showProgress(compareCase, start: start, skipped: done.count)
                try run(compareCase)
                try afterEach(document(complete: false))
            }
        } catch is Interruption.Requested {
            return document(complete: false)
        }
        return document(complete: true)
    }

    private func startPeers() {
        for name in plan.peers {
            progress.show("starting \(name)", done: 0, total: plan.cases.count, secondsLeft: guessedSeconds)
            do throws(ContestantFailure) {
                let session = try PeerSession(
                    name, catalog: catalog, threads: plan.threads, folder: folder, limits: plan.limits)
                sessions.append(session)
                let versions = session.versions.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
                reports.append(PeerReport(name: name, version: versions.joined(separator: ", ")))
            } catch {
                reports.append(PeerReport(name: name, problem: error.description))
            }
        }
    }

    private func run(_ compareCase: CompareCase) throws {
        let workload = try AttentionWorkload(
            shape: compareCase.shape, mask: compareCase.mask, dtype: compareCase.dtype, seed: plan.seed)
        let limit = AttentionReference.rowLimit(compareCase.shape, multiplyAdds: Self.oracleMultiplyAdds)
        let reference = try AttentionReference(workload, rowLimit: limit, keepsWeights: false, seed: plan.seed)
        let message = try workload.write(to: folder)
        let own = try OwnAttention(workload, isa: plan.isa, threads: plan.threads)
        let peers = sessions.flatMap { session in
            session.routes.map {
                PeerContestant(session, route: $0, timeLimit: plan.limits.caseSeconds)
            }
        }
        let contestants: [any Contestant] = [own] + peers
        let tolerance = Self.peerTolerance(compareCase.dtype)
        let checks =
            [check(own, reference)]
            + peers.map { check($0, message, reference, bound: reference.outputBound * tolerance) }
        // Everyone has read the tensors: an interrupted contest leaves no large files.
        for tensor in message.tensors.values { try? FileManager.default.removeItem(atPath: tensor.path) }
        let accepted = contestants.indices.filter { checks[$0].problem == nil }
        let key = key(compareCase)
        let outcome = try watch.run(accepted.map { contestants[$0] }, key, processes: processes)
        for session in sessions { peers.first { $0.name.hasPrefix(session.name + " ") }?.release() }

        let roof = Roof.compute(
            flops: compareCase.flops, gflops: watch.meter.records[key]?.peak ?? outcome.peakBeside)
        let names = [ContestEntry.ours] + peers.map(\.name)
        var entries = names.indices.map { ContestEntry(names[$0], problem: checks[$0].problem ?? "") }
        let ours = accepted.first == 0 ? outcome.results.first : nil
        for (index, result) in zip(accepted, outcome.results) {
            entries[index] = ContestEntry(names[index], result, ours: index == 0 ? nil : ours, roof: roof)
        }
        for index in entries.indices {
            entries[index].maxError = checks[index].error
            entries[index].errorBound =
                reference.outputBound * (index == 0 ? 1 : Self.peerTolerance(compareCase.dtype))
        }
        // A peer that never started has a row in every case too.
        entries += reports.compactMap { report in report.problem.map { ContestEntry(report.name, problem: $0) } }
        measured.append(documentCase(compareCase, roof, entries, outcome))
    }

    /// What the first run of a contestant tells: its error, and why it must not be timed.
    private typealias Check = (error: Double?, problem: String?)

    private func check(_ own: OwnAttention, _ reference: AttentionReference) -> Check {
        do throws(ContestantFailure) {
            _ = try own.burst(1)
            return judge(own.error(reference), bound: reference.outputBound)
        } catch {
            return (nil, error.description)
        }
    }

    private func check(
        _ peer: PeerContestant, _ message: PeerMessages.AttentionCase, _ reference: AttentionReference, bound: Double
    ) -> Check {
        do throws(ContestantFailure) {
            try peer.prepare(message)
            // The first run compiles, allocates and warms up; the second tells how long one takes.
            _ = try peer.burst(1)
            let seconds = try peer.burst(1)[0]
            let check = judge(try peer.error(reference, outputTo: "\(folder)/output"), bound: bound)
            if check.problem != nil || seconds <= plan.runLimitSeconds { return check }
            return (
                check.error,
                "one run takes \(NumberText.significant(seconds, digits: 2)) s, over the limit of "
                    + "\(NumberText.significant(plan.runLimitSeconds, digits: 2)) s (--run-limit)"
            )
        } catch {
            return (nil, error.description)
        }
    }

    private func judge(_ error: Double, bound: Double) -> Check {
        if error <= bound { return (error, nil) }
        return (
            error,
            "its result is wrong: the error is \(NumberText.error(error)), allowed are \(NumberText.error(bound))"
        )
    }

    private func key(_ compareCase: CompareCase) -> PeakMeter.Key {
        PeakMeter.Key(isa: plan.isa, threads: plan.threads, quantity: compareCase.dtype.quantity(plan.isa))
    }

    /// The processes of the peers that run.
    private var processes: [Int32] { sessions.map(\.processIdentifier).filter { $0 != 0 } }

    private func documentCase(
        _ compareCase: CompareCase, _ roof: Roof, _ entries: [ContestEntry], _ outcome: ContestWatch.Outcome
    ) -> ComparedAttention {
        let shape = compareCase.shape
        return ComparedAttention(
            op: "attention", dtype: compareCase.dtype, batch: shape.batch, heads: shape.heads, kvHeads: shape.kvHeads,
            queryLength: shape.queryLength, keyLength: shape.keyLength, headDim: shape.headDim,
            valueDim: shape.valueDim, mask: compareCase.mask, threads: plan.threads, isa: plan.isa.name,
            peakGflops: 0, roof: roof,
            readOfKV: entries.ours?.medianMs.map { (compareCase.keyValueBytes / $0 * 1e-6).significant() },
            readBoundGBs: Roofline(limits).readBandwidth(
                of: Int(compareCase.keyValueBytes), threads: plan.threads),
            disturbed: outcome.noise.isDisturbing(threads: plan.threads, cores: MachineReport.usableCores),
            noise: ContestNoise(outcome), entries: entries)
    }

    private func document(complete: Bool) -> CompareDocument {
        let cases = measured.map { entry in
            var entry = entry
            let (key, beside) = (key(entry.compareCase), entry.noise?.peakBesideGflops ?? 0)
            entry.peakGflops = (watch.meter.records[key]?.peak ?? beside).significant()
            entry.disturbed = entry.disturbed || watch.meter.isDisturbed(key, gflops: beside)
            entry.roof = Roof(
                limits, flops: entry.roof.flops, bytes: entry.compareCase.keyValueBytes, threads: entry.threads,
                gflops: entry.peakGflops)
            for index in entry.entries.indices { entry.entries[index].judge(by: entry.roof) }
            return entry
        }
        return CompareDocument(
            machine: MachineReport.current(watch.meter), commit: SourceRevision.describe(),
            date: Date().ISO8601Format(), peers: reports, cases: cases, rounds: watch.contest.rounds, seed: plan.seed,
            complete: complete, plan: plan.conditions)
    }

    private var guessedSeconds: Double { Double(plan.cases.count * plan.peers.count) * 3 }

    /// The time left by the rate so far: a case takes its rounds however short its runs, and more where they are long.
    private func showProgress(_ compareCase: CompareCase, start: Double, skipped: Int) {
        func weight(_ compareCase: CompareCase) -> Double { 1 + compareCase.flops * 5e-11 }
        let done = measured.dropFirst(skipped).reduce(0) { $0 + weight($1.compareCase) }
        let all =
            plan.cases.reduce(0) { $0 + weight($1) }
            - measured.prefix(skipped).reduce(0) { $0 + weight($1.compareCase) }
        let left = done > 0 ? (Stopwatch.now - start) / done * (all - done) : guessedSeconds
        progress.show(
            "\(compareCase.dtype.rawValue) \(compareCase.text)", done: measured.count, total: plan.cases.count,
            secondsLeft: left)
    }
}
