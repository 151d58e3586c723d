import AttentionKernels
import Foundation

/// Runs `gemm`: every product by the library and by the peers, checked first, then timed by turns.
public struct GemmRunner {
    /// What a run measures.
    public struct Plan: Sendable {
        /// The products.
        public var shapes: [GemmShape]
        /// The element types; quantised ones are measured with B transposed alone, as files hold it.
        public var dtypes: [GemmDType]
        /// Whether to time products with B packed before as well.
        public var packs: Bool
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
            shapes: [GemmShape], dtypes: [GemmDType] = [.f32], threads: [Int], isa: InstructionSet,
            packs: Bool = false, cblasPaths: [String] = [], oneDNNPaths: [String] = [], seed: UInt64 = 1,
            quick: Bool = false
        ) {
            self.shapes = shapes
            self.dtypes = dtypes
            self.packs = packs
            self.threads = threads
            self.isa = isa
            self.cblasPaths = cblasPaths
            self.oneDNNPaths = oneDNNPaths
            self.seed = seed
            self.quick = quick
        }

        /// What a run must have in common with one that it goes on from.
        public var conditions: String {
            let paths = (cblasPaths + oneDNNPaths).joined(separator: ",")
            return "peers \(paths.isEmpty ? "none" : paths), \(isa.name), seed \(seed)" + (packs ? ", packed" : "")
                + (quick ? ", quick" : "")
        }

        /// Every product with every type that it can have.
        var products: [Product] {
            dtypes.flatMap { dtype in
                shapes.filter(dtype.allows).map {
                    Product(shape: $0, dtype: dtype)
                }
            }
        }
    }

    /// A product with its types.
    struct Product: Hashable {
        var shape: GemmShape
        var dtype: GemmDType

        var text: String { "\(dtype.rawValue) \(shape.text)" }
    }

    private static let oracleMultiplyAdds = 1 << 26

    private let plan: Plan
    private let limits: PeaksDocument
    private let progress = ProgressLine()
    private var watch: ContestWatch
    private var libraries: [GemmLibrary] = []
    private var peers: [PeerReport] = []
    private var measured: [MeasuredProduct] = []
    /// Throws ``Interruption/Requested`` when the run should end early.
    public var checkInterruption: () throws -> Void = {}

    /// A runner; it opens the peers. One that cannot be opened is in the document with the reason.
    ///
    /// - Parameters:
    ///   - limits: the machine's, for the roofs.
    ///   - earlier: an interrupted run of the same plan, whose cases are not run again.
    public init(_ plan: Plan, limits: PeaksDocument, resuming earlier: GemmDocument? = nil) {
        self.plan = plan
        self.limits = limits
        watch = ContestWatch(plan.quick ? .quick : Contest())
        if let earlier {
            measured = earlier.cases
            for index in measured.indices { measured[index].entries = measured[index].entries.resampled() }
            watch.meter.restore(earlier.machine.peaks)
        }
        open(plan.cblasPaths, .cblas)
        open(plan.oneDNNPaths, .oneDNN)
    }

    /// Runs all cases, each with every number of threads, and returns the document; an incomplete one if the run was
    /// interrupted.
    ///
    /// - Parameter afterEach: gets the document so far, so that a crash leaves what it has.
    /// - Throws: ``HarnessError`` if the peak cannot be measured or the oracle refuses a product.
    public mutating func run(afterEach: (GemmDocument) throws -> Void = { _ in }) throws -> GemmDocument {
        defer { progress.clear() }
        watch.checkInterruption = checkInterruption
        let (start, before) = (Stopwatch.now, measured.count)
        do {
            for key in Set(plan.products.flatMap { product in plan.threads.map { key(product, $0) } }) {
                _ = try watch.peak(key, seconds: 0.2)
            }
            for product in plan.products {
                let threads = plan.threads.filter { !isDone(product, $0) }
                if threads.isEmpty { continue }
                try checkInterruption()
                showProgress("checking \(product.text)", start: start, before: before)
                let matrices = GemmMatrices(product.shape, product.dtype, seed: plan.seed)
                let reference = try matrices.reference(multiplyAdds: Self.oracleMultiplyAdds, seed: plan.seed)
                for threads in threads {
                    showProgress("\(product.text), \(threads) threads", start: start, before: before)
                    try run(matrices, product, reference, threads: threads)
                    try afterEach(document(complete: false))
                }
            }
        } catch is Interruption.Requested {
            return document(complete: false)
        }
        return document(complete: true)
    }

    private func isDone(_ product: Product, _ threads: Int) -> Bool {
        measured.contains { $0.shape == product.shape && $0.dtype == product.dtype && $0.threads == threads }
    }

    private func key(_ product: Product, _ threads: Int) -> PeakMeter.Key {
        PeakMeter.Key(isa: plan.isa, threads: threads, quantity: product.dtype.quantity(plan.isa))
    }

    private mutating func run(
        _ matrices: GemmMatrices, _ product: Product, _ reference: GemmReference, threads: Int
    ) throws {
        let shape = product.shape
        var names: [String] = []
        var contestants: [GemmContestant] = []
        var entries: [ContestEntry] = []
        /// A row for everyone: of those that take part, and with the reason of those that cannot.
        func enter(_ name: String, _ make: () throws(ContestantFailure) -> GemmContestant) {
            do throws(ContestantFailure) {
                let contestant = try make()
                let check = check(contestant, reference)
                var entry = ContestEntry(name, problem: check.problem ?? "")
                (entry.maxError, entry.errorBound) = (check.error, reference.scaledBound)
                entries.append(entry)
                if check.problem != nil { return }
                names.append(name)
                contestants.append(contestant)
            } catch {
                entries.append(ContestEntry(name, problem: error.description))
            }
        }
        let (isa, packs) = (plan.isa, plan.packs)
        enter(ContestEntry.ours) { () throws(ContestantFailure) in
            try .ours(matrices, isa: isa, threads: threads)
        }
        if packs {
            enter(ContestEntry.packed) { () throws(ContestantFailure) in
                try .ours(matrices, isa: isa, threads: threads, packed: true)
            }
        }
        for library in libraries {
            enter(library.name) { () throws(ContestantFailure) in try .peer(library, matrices, threads: threads) }
        }
        let key = key(product, threads)
        let outcome = try watch.run(contestants, key)

        let roof = Roof.compute(flops: shape.flops, gflops: watch.meter.records[key]?.peak ?? outcome.peakBeside)
        let ours = names.first == ContestEntry.ours ? outcome.results.first : nil
        for (name, result) in zip(names, outcome.results) {
            guard let index = entries.firstIndex(where: { $0.contestant == name }) else { continue }
            let checked = entries[index]
            entries[index] = ContestEntry(name, result, ours: name == ContestEntry.ours ? nil : ours, roof: roof)
            (entries[index].maxError, entries[index].errorBound) = (checked.maxError, checked.errorBound)
        }
        // A peer that could not be opened has a row in every case too.
        entries += peers.compactMap { peer in peer.problem.map { ContestEntry(peer.name, problem: $0) } }
        let bytes = product.dtype.bytesOfB(shape.n * shape.k)
        measured.append(
            MeasuredProduct(
                op: "gemm", m: shape.m, n: shape.n, k: shape.k, b: shape.storageText, dtype: product.dtype,
                threads: threads, isa: isa.name, peakGflops: 0, peakQuantity: key.quantity.rawValue, roof: roof,
                readOfB: entries.ours?.medianMs.map { (bytes / $0 * 1e-6).significant() },
                readBoundGBs: Roofline(limits).readBandwidth(of: Int(bytes), threads: threads),
                disturbed: outcome.noise.isDisturbing(threads: threads, cores: MachineReport.usableCores),
                noise: ContestNoise(outcome), entries: entries))
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

    private func document(complete: Bool) -> GemmDocument {
        let cases = measured.map { entry in
            var entry = entry
            let product = Product(shape: entry.shape, dtype: entry.dtype)
            let (key, beside) = (key(product, entry.threads), entry.noise?.peakBesideGflops ?? 0)
            entry.peakGflops = (watch.meter.records[key]?.peak ?? beside).significant()
            // C = A B reads B at least once; A and C are small where that matters.
            entry.roof = Roof(
                limits, flops: entry.roof.flops, bytes: entry.dtype.bytesOfB(entry.n * entry.k),
                threads: entry.threads, gflops: entry.peakGflops)
            for index in entry.entries.indices { entry.entries[index].judge(by: entry.roof) }
            entry.disturbed = entry.disturbed || watch.meter.isDisturbed(key, gflops: beside)
            return entry
        }
        return GemmDocument(
            machine: MachineReport.current(watch.meter), commit: SourceRevision.describe(),
            date: Date().ISO8601Format(), peers: peers, cases: cases, rounds: watch.contest.rounds, seed: plan.seed,
            complete: complete, plan: plan.conditions)
    }

    /// The time left by the rate so far, in operations: large products come last and take longest.
    private func showProgress(_ text: String, start: Double, before: Int) {
        // A case takes its rounds however short its calls, and more where one call is long.
        func weight(_ flops: Double) -> Double { 1 + flops * 1e-10 }
        let done = measured.dropFirst(before).reduce(0) { $0 + weight($1.roof.flops) }
        let all = plan.products.reduce(0) { $0 + weight($1.shape.flops) } * Double(plan.threads.count)
        let left = all - measured.reduce(0) { $0 + weight($1.roof.flops) }
        let rate = done > 0 ? (Stopwatch.now - start) / done : 2 * Double(libraries.count + 1)
        let total = plan.products.count * plan.threads.count
        progress.show(text, done: measured.count, total: total, secondsLeft: rate * left)
    }
}
