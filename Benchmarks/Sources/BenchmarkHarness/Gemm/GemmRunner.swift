import AttentionKernels
import Foundation

/// Runs `gemm`: every product by the library and by the peers, checked first, then timed by turns.
public struct GemmRunner {
    /// What a run measures.
    public struct Plan: Sendable {
        /// The products.
        public var shapes: [GemmShape]
        /// The numbers of threads.
        public var threads: [Int]
        /// The library's instruction set.
        public var isa: InstructionSet
        /// Paths of CBLAS libraries.
        public var cblasPaths: [String]
        /// Paths of oneDNN libraries.
        public var oneDNNPaths: [String]
        /// The seed of the matrices.
        public var seed: UInt64
        /// Fewer and shorter rounds.
        public var quick: Bool

        /// A plan.
        public init(
            shapes: [GemmShape], threads: [Int], isa: InstructionSet, cblasPaths: [String] = [],
            oneDNNPaths: [String] = [], seed: UInt64 = 1, quick: Bool = false
        ) {
            self.shapes = shapes
            self.threads = threads
            self.isa = isa
            self.cblasPaths = cblasPaths
            self.oneDNNPaths = oneDNNPaths
            self.seed = seed
            self.quick = quick
        }
    }

    private static let oracleMultiplyAdds = 1 << 26

    private let plan: Plan
    private let limits: PeaksDocument
    private let contest: Contest
    private let progress = ProgressLine()
    private var meter = PeakMeter()
    private var libraries: [GemmLibrary] = []
    private var peers: [PeerReport] = []
    private var measured: [(entry: GemmDocument.Case, peakBeside: Double)] = []

    /// A runner; it opens the peers. One that cannot be opened is in the document with the reason.
    ///
    /// - Parameter limits: the machine's, for the roofs.
    public init(_ plan: Plan, limits: PeaksDocument) {
        self.plan = plan
        self.limits = limits
        contest = plan.quick ? .quick : Contest()
        open(plan.cblasPaths, .cblas)
        open(plan.oneDNNPaths, .oneDNN)
    }

    /// Runs all cases, each with every number of threads.
    ///
    /// - Parameter afterEach: gets the document so far, so that an interrupted run leaves what it has.
    /// - Throws: ``KernelError`` if there is not enough memory, ``HarnessError`` if the peak cannot be measured.
    public mutating func run(afterEach: (GemmDocument) throws -> Void = { _ in }) throws -> GemmDocument {
        defer { progress.clear() }
        let start = Stopwatch.now
        for threads in plan.threads { _ = try peak(threads, seconds: 0.2) }
        let total = plan.shapes.count * plan.threads.count
        for shape in plan.shapes {
            showProgress("checking \(shape.text)", total: total, start: start)
            let matrices = try GemmMatrices(shape, seed: plan.seed)
            let limit = GemmReference.rowLimit(matrices.workload, multiplyAdds: Self.oracleMultiplyAdds)
            let reference = try GemmReference(matrices.workload, rowLimit: limit, seed: plan.seed)
            for threads in plan.threads {
                showProgress("\(shape.text), \(threads) threads", total: total, start: start)
                try run(matrices, reference, threads: threads)
                try afterEach(document())
            }
        }
        return document()
    }

    private mutating func run(_ matrices: GemmMatrices, _ reference: GemmReference, threads: Int) throws {
        let shape = matrices.shape
        let peakBefore = try peak(threads)
        var names = [ContestEntry.ours]
        var contestants = [try GemmContestant.ours(matrices, isa: plan.isa, threads: threads)]
        for library in libraries {
            names.append(library.name)
            contestants.append(try .peer(library, matrices, threads: threads))
        }
        let checks = contestants.map { check($0, reference) }
        let accepted = contestants.indices.filter { checks[$0].problem == nil }
        let results = contest.run(accepted.map { contestants[$0] })
        let peakAfter = try peak(threads)

        let key = PeakMeter.Key(isa: plan.isa, threads: threads)
        let roof = Roof.compute(flops: shape.flops, gflops: meter.records[key]?.best ?? peakBefore)
        let ours = accepted.first == 0 ? results.first : nil
        var entries = names.indices.map { ContestEntry(names[$0], problem: checks[$0].problem ?? "") }
        for (index, result) in zip(accepted, results) {
            entries[index] = ContestEntry(names[index], result, ours: index == 0 ? nil : ours, roof: roof)
        }
        for index in entries.indices {
            (entries[index].maxError, entries[index].errorBound) = (checks[index].error, reference.scaledBound)
        }
        // A peer that could not be opened has a row in every case too.
        entries += peers.compactMap { peer in peer.problem.map { ContestEntry(peer.name, problem: $0) } }
        let bytes = 4 * Double(shape.n * shape.k)
        measured.append(
            (
                GemmDocument.Case(
                    op: "gemm", m: shape.m, n: shape.n, k: shape.k, b: shape.storageText, dtype: "f32",
                    threads: threads, isa: plan.isa.name, peakGflops: 0, roof: roof,
                    readOfB: entries.ours?.medianMs.map { (bytes / $0 * 1e-6).significant() }, disturbed: false,
                    entries: entries), min(peakBefore, peakAfter)
            ))
    }

    /// What the first run of a contestant tells: its error, and why it must not be timed.
    private func check(
        _ contestant: GemmContestant, _ reference: GemmReference
    ) -> (error: Double?, problem: String?) {
        do throws(ContestantFailure) {
            _ = try contestant.burst(1)
        } catch {
            return (nil, error.description)
        }
        let error = contestant.check(reference).scaled
        if error <= reference.scaledBound { return (error, nil) }
        return (
            error,
            "its result is wrong: the error is \(NumberText.significant(error)), allowed are "
                + "\(NumberText.significant(reference.scaledBound))"
        )
    }

    private mutating func peak(_ threads: Int, seconds: Double = 0.04) throws(HarnessError) -> Double {
        _ = QuietWait.wait(for: getpid())
        return try meter.measure(PeakMeter.Key(isa: plan.isa, threads: threads), seconds: seconds)
    }

    private mutating func open(_ paths: [String], _ interface: GemmLibrary.Interface) {
        for path in paths {
            do throws(ContestantFailure) {
                var library = try GemmLibrary(path: path, interface: interface)
                // Rows are told apart by name: a second library of one name gets its version, or a number, beside it.
                let version = library.version.split { " ,".contains($0) }.first { $0.contains(".") }
                let names = [
                    library.name, version.map { "\(library.name) \($0)" } ?? library.name,
                    "\(library.name) #\(libraries.count + 1)",
                ]
                library.name = names.first { name in !libraries.contains { $0.name == name } } ?? library.name
                libraries.append(library)
                peers.append(PeerReport(name: library.name, version: library.version, path: path))
            } catch {
                let name = URL(fileURLWithPath: path).lastPathComponent
                peers.append(PeerReport(name: name, path: path, problem: error.description))
            }
        }
    }

    private func document() -> GemmDocument {
        let cases = measured.map { entry, peakBeside in
            var entry = entry
            let key = PeakMeter.Key(isa: plan.isa, threads: entry.threads)
            entry.peakGflops = (meter.records[key]?.best ?? peakBeside).significant()
            // C = A B reads B at least once; A and C are small where that matters.
            entry.roof = Roof(
                limits, flops: entry.roof.flops, bytes: 4 * Double(entry.n * entry.k), threads: entry.threads,
                gflops: entry.peakGflops)
            for index in entry.entries.indices { entry.entries[index].judge(by: entry.roof) }
            entry.disturbed = meter.isDisturbed(key, gflops: peakBeside)
            return entry
        }
        return GemmDocument(
            machine: MachineReport.current(meter), commit: SourceRevision.describe(), date: Date().ISO8601Format(),
            peers: peers, cases: cases, rounds: contest.rounds, seed: plan.seed)
    }

    /// The time left by the rate so far, in operations: large products come last and take longest.
    private func showProgress(_ text: String, total: Int, start: Double) {
        // A case takes its rounds however short its calls, and more where one call is long.
        func weight(_ flops: Double) -> Double { 1 + flops * 1e-10 }
        let done = measured.reduce(0) { $0 + weight($1.entry.roof.flops) }
        let all = plan.shapes.reduce(0) { $0 + weight($1.flops) } * Double(plan.threads.count)
        let rate = done > 0 ? (Stopwatch.now - start) / done : 2 * Double(libraries.count + 1)
        progress.show(text, done: measured.count, total: total, secondsLeft: rate * (all - done))
    }
}
