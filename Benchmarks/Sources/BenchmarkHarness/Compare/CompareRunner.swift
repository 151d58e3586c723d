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
    }

    /// A peer's error may be so many times what is allowed to the library: enough for another order of summation,
    /// far too little for a wrong mask or for half precision.
    public static let peerTolerance = 16.0

    private static let oracleMultiplyAdds = 1 << 26

    private let plan: Plan
    private let limits: PeaksDocument
    private let catalog: PeerCatalog
    private let contest: Contest
    private let folder: String
    private let progress = ProgressLine()
    private var meter = PeakMeter()
    private var sessions: [PeerSession] = []
    private var reports: [PeerReport] = []
    private var measured: [(entry: CompareDocument.Case, peakBeside: Double)] = []

    /// A runner with a temporary folder for the tensors.
    ///
    /// - Parameter limits: the machine's, for the roofs.
    /// - Throws: ``HarnessError`` if the folder cannot be made.
    public init(
        _ plan: Plan, limits: PeaksDocument, catalog: PeerCatalog = PeerCatalog()
    ) throws(HarnessError) {
        self.plan = plan
        self.limits = limits
        self.catalog = catalog
        contest = plan.quick ? .quick : Contest()
        let name = "attention-bench-compare-\(UUID().uuidString)"
        folder = FileManager.default.temporaryDirectory.appendingPathComponent(name).path
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw HarnessError("\(folder) could not be made: \(error.localizedDescription)")
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// Runs all cases.
    ///
    /// - Parameter afterEach: gets the document so far, so that an interrupted run leaves what it has.
    /// - Throws: ``KernelError`` if there is not enough memory, ``HarnessError`` if the tensors cannot be written.
    public func run(afterEach: (CompareDocument) throws -> Void = { _ in }) throws -> CompareDocument {
        defer {
            progress.clear()
            for session in sessions { session.quit() }
        }
        startPeers()
        _ = try peak(seconds: 0.2)
        let start = Stopwatch.now
        for compareCase in plan.cases {
            showProgress(compareCase, start: start)
            try run(compareCase)
            try afterEach(document())
        }
        return document()
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
        let checks = [check(own, reference)] + peers.map { check($0, message, reference) }
        // Everyone has read the tensors: an interrupted contest leaves no large files.
        for tensor in message.tensors.values { try? FileManager.default.removeItem(atPath: tensor.path) }
        let peakBefore = try peak()
        let accepted = contestants.indices.filter { checks[$0].problem == nil }
        let results = contest.run(accepted.map { contestants[$0] })
        let peakAfter = try peak()
        for session in sessions { peers.first { $0.name.hasPrefix(session.name + " ") }?.release() }

        let roof = Roof.compute(flops: compareCase.flops, gflops: meter.records[key]?.best ?? peakBefore)
        let names = [ContestEntry.ours] + peers.map(\.name)
        var entries = names.indices.map { ContestEntry(names[$0], problem: checks[$0].problem ?? "") }
        let ours = accepted.first == 0 ? results.first : nil
        for (index, result) in zip(accepted, results) {
            entries[index] = ContestEntry(names[index], result, ours: index == 0 ? nil : ours, roof: roof)
        }
        for index in entries.indices {
            entries[index].maxError = checks[index].error
            entries[index].errorBound = reference.outputBound * (index == 0 ? 1 : Self.peerTolerance)
        }
        // A peer that never started has a row in every case too.
        entries += reports.compactMap { report in report.problem.map { ContestEntry(report.name, problem: $0) } }
        measured.append((documentCase(compareCase, roof, entries), min(peakBefore, peakAfter)))
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
        _ peer: PeerContestant, _ message: PeerMessages.AttentionCase, _ reference: AttentionReference
    ) -> Check {
        do throws(ContestantFailure) {
            try peer.prepare(message)
            // The first run compiles, allocates and warms up; the second tells how long one takes.
            _ = try peer.burst(1)
            let seconds = try peer.burst(1)[0]
            let check = judge(
                try peer.error(reference, outputTo: "\(folder)/output"),
                bound: reference.outputBound * Self.peerTolerance)
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

    private var key: PeakMeter.Key { PeakMeter.Key(isa: plan.isa, threads: plan.threads) }

    private func peak(seconds: Double = 0.04) throws(HarnessError) -> Double {
        for session in sessions where session.processIdentifier != 0 {
            _ = QuietWait.wait(for: session.processIdentifier)
        }
        return try meter.measure(key, seconds: seconds)
    }

    private func documentCase(
        _ compareCase: CompareCase, _ roof: Roof, _ entries: [ContestEntry]
    ) -> CompareDocument.Case {
        let shape = compareCase.shape
        return CompareDocument.Case(
            op: "attention", dtype: compareCase.dtype, batch: shape.batch, heads: shape.heads, kvHeads: shape.kvHeads,
            queryLength: shape.queryLength, keyLength: shape.keyLength, headDim: shape.headDim,
            valueDim: shape.valueDim, mask: compareCase.mask, threads: plan.threads, isa: plan.isa.name,
            peakGflops: 0, roof: roof,
            readOfKV: entries.ours?.medianMs.map { (compareCase.keyValueBytes / $0 * 1e-6).significant() },
            disturbed: false, entries: entries)
    }

    private func document() -> CompareDocument {
        let cases = measured.map { entry, peakBeside in
            var entry = entry
            entry.peakGflops = (meter.records[key]?.best ?? peakBeside).significant()
            entry.disturbed = meter.isDisturbed(key, gflops: peakBeside)
            entry.roof = Roof(
                limits, flops: entry.roof.flops, bytes: entry.compareCase.keyValueBytes, threads: entry.threads,
                gflops: entry.peakGflops)
            for index in entry.entries.indices { entry.entries[index].judge(by: entry.roof) }
            return entry
        }
        return CompareDocument(
            machine: MachineReport.current(meter), commit: SourceRevision.describe(), date: Date().ISO8601Format(),
            peers: reports, cases: cases, rounds: contest.rounds, seed: plan.seed)
    }

    private var guessedSeconds: Double { Double(plan.cases.count * plan.peers.count) * 5 }

    /// The time left by the rate so far: a case takes its rounds however short its runs, and more where they are long.
    private func showProgress(_ compareCase: CompareCase, start: Double) {
        func weight(_ flops: Double) -> Double { 1 + flops * 5e-11 }
        let all = plan.cases.reduce(0) { $0 + weight($1.flops) }
        let done = plan.cases.prefix(measured.count).reduce(0) { $0 + weight($1.flops) }
        let left = done > 0 ? (Stopwatch.now - start) / done * (all - done) : guessedSeconds
        progress.show(compareCase.text, done: measured.count, total: plan.cases.count, secondsLeft: left)
    }
}
