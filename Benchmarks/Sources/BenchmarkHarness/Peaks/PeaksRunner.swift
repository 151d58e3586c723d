import AttentionKernels
import CKernels
import Foundation

/// Measures the limits of this machine: arithmetic of every instruction set, and memory traffic at every level.
public struct PeaksRunner {
    private let secondsEach: Double
    private let progress = ProgressLine()
    private let machine = Machine.current
    private let start = Stopwatch.now
    private var done = 0
    /// The best rate of each limit on one thread.
    private var onOneThread: [String: Double] = [:]

    /// A runner that gives each limit about `secondsEach` seconds: the default ends within about 20 s.
    public init(secondsEach: Double = 0.22) { self.secondsEach = secondsEach }

    /// One thread, and every usable core.
    private var threadCounts: [Int] { machine.usableCores > 1 ? [1, machine.usableCores] : [1] }

    /// Measures everything.
    ///
    /// - Throws: ``HarnessError`` if a limit that every machine has cannot be measured; ``KernelError`` if the
    ///   environment names an instruction set that this machine lacks.
    public mutating func run() throws -> PeaksDocument {
        defer { progress.clear() }
        let best = try InstructionSet.resolved()
        let buffer = ProbeBuffer(bytes: Self.dramBytes(machine), isa: best, threads: machine.usableCores)
        var document = PeaksDocument(
            machine: machine.name, cores: machine.usableCores,
            cacheBytes: [machine.l1DataCacheBytes, machine.l2CacheBytes, machine.l3CacheBytes],
            commit: SourceRevision.describe(), date: Date().ISO8601Format(), compute: [], bandwidth: [], clock: [])
        for threads in threadCounts {
            for isa in InstructionSet.available { document.compute += try compute(isa, threads, buffer) }
            if let rates = measure("clock", MachineProbe(kind: .CK_PROBE_CLOCK, isa: best, threads: threads)) {
                // Every thread adds on its own.
                let each = 1e-9 / Double(threads)
                document.clock.append(
                    .init(
                        threads: threads, best: (rates.best * each).significant(),
                        median: (rates.median * each).significant()))
            }
            for level in MemoryLevel.allCases { document.bandwidth += bandwidth(level, best, threads, buffer) }
        }
        return document
    }

    private mutating func compute(
        _ isa: InstructionSet, _ threads: Int, _ buffer: ProbeBuffer
    ) throws(HarnessError) -> [PeaksDocument.Compute] {
        var limits: [PeaksDocument.Compute] = []
        let kinds = ComputeQuantity.allCases.map { ($0.rawValue, $0.probe) } + [(Self.exp2, .CK_PROBE_EXP2)]
        for (name, kind) in kinds {
            let probe = MachineProbe(
                kind: kind, isa: isa, threads: threads, data: buffer.data,
                count: buffer.count(sliceBytes: machine.l1DataCacheBytes / 2, threads: threads))
            guard let rates = measure("\(name), \(isa.name)", probe) else {
                if kind != .CK_PROBE_DOT_BF16 && kind != .CK_PROBE_DOT_INT8 {
                    throw HarnessError("the \(name) rate of \(isa.name) cannot be measured here")
                }
                continue
            }
            limits.append(
                .init(
                    quantity: name, isa: isa.name, threads: threads, best: (rates.best * 1e-9).significant(),
                    median: (rates.median * 1e-9).significant()))
        }
        return limits
    }

    private mutating func bandwidth(
        _ level: MemoryLevel, _ isa: InstructionSet, _ threads: Int, _ buffer: ProbeBuffer
    ) -> [PeaksDocument.Bandwidth] {
        guard let bytes = sliceBytes(level, threads: threads, buffer) else { return [] }
        let count = buffer.count(sliceBytes: bytes, threads: threads)
        let kinds: [(String, ck_probe_kind)] = [
            ("read", .CK_PROBE_READ), ("write", .CK_PROBE_WRITE), ("copy", .CK_PROBE_COPY),
            ("triad", .CK_PROBE_TRIAD),
        ]
        // Stores past the caches are of use to nobody whose data stays in them.
        let variants = level == .dram ? [false, true] : [false]
        var limits: [PeaksDocument.Bandwidth] = []
        for (name, kind) in kinds {
            for streaming in variants where !streaming || kind != .CK_PROBE_READ {
                let access = streaming ? "\(name) streaming" : name
                let probe = MachineProbe(
                    kind: kind, isa: isa, threads: threads, streaming: streaming, data: buffer.data, count: count)
                guard let rates = measure("\(level.rawValue) \(access)", probe) else { continue }
                limits.append(
                    .init(
                        level: level, access: access, threads: threads, sliceBytes: 4 * count,
                        best: (rates.best * 1e-9).significant(), median: (rates.median * 1e-9).significant()))
            }
        }
        return limits
    }

    /// What one thread runs through: half of a cache of its own, its share of half the last level, or much more
    /// than any cache holds; nil where there is no such level.
    private func sliceBytes(_ level: MemoryLevel, threads: Int, _ buffer: ProbeBuffer) -> Int? {
        switch level {
        case .l1: return machine.l1DataCacheBytes / 2
        case .l2: return machine.l2CacheBytes / 2
        case .l3:
            // More than the level below holds, or it would be that one's rate.
            let share = max(machine.l3CacheBytes / 2 / threads, 2 * machine.l2CacheBytes)
            return machine.l3CacheBytes > machine.l2CacheBytes ? share : nil
        case .dram: return 4 * buffer.capacity / threads
        }
    }

    /// Eight times the last level, within 256 MiB and 2 GiB, and a good part of each core's share of a level that
    /// several groups of cores have each.
    private static func dramBytes(_ machine: Machine) -> Int {
        let wanted = max(8 * machine.l3CacheBytes, machine.usableCores << 25)
        return min(max(wanted, 256 << 20), 2 << 30)
    }

    private mutating func measure(_ text: String, _ probe: MachineProbe) -> MachineProbe.Rates? {
        let total = threadCounts.count * (InstructionSet.available.count * 2 + 2 + 1 + 3 * 4 + 7)
        let each = done == 0 ? secondsEach : (Stopwatch.now - start) / Double(done)
        progress.show(
            "\(text), \(probe.threads) thread\(probe.threads == 1 ? "" : "s")", done: done, total: total,
            secondsLeft: each * Double(max(0, total - done)))
        guard var rates = probe.measure(seconds: secondsEach) else { return nil }
        done += 1
        // A median far below the best, or more threads below one, is a disturbed machine and no limit.
        let floor = 0.98 * (onOneThread[text] ?? 0)
        for _ in 0..<3 where rates.median < 0.9 * rates.best || rates.best < floor {
            guard let again = probe.measure(seconds: secondsEach) else { break }
            rates = .init(best: max(rates.best, again.best), median: max(rates.median, again.median))
        }
        if probe.threads == 1 { onOneThread[text] = rates.best }
        return rates
    }

    /// The name of the kernels' exponential among the limits of arithmetic; the others are ``ComputeQuantity``.
    static let exp2 = "exp2"
}
