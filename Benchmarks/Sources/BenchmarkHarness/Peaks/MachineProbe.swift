import AttentionKernels
import CKernels

/// Drives one limit of the machine through the C library's probes and keeps the clock.
struct MachineProbe {
    /// What is driven, with the instruction set and threads that drive it.
    var kind: ck_probe_kind
    var isa: InstructionSet
    var threads: Int
    /// Whether stores go past the caches.
    var streaming = false
    /// The memory of all threads' slices, for the kinds that need it.
    var data: UnsafeMutablePointer<Float>?
    /// The floats of one thread's slice.
    var count = 0

    /// The rates of several runs, in operations a second.
    struct Rates: Sendable {
        /// The highest: an interrupted run says nothing about a limit.
        var best: Double
        /// The middle one: what a program may expect on the machine as it was.
        var median: Double
    }

    /// Runs for about `seconds` in `runs` equal parts; nil if the machine has no such limit or the options are bad.
    func measure(seconds: Double, runs: Int = 12) -> Rates? {
        guard let rounds = calibrated(seconds: seconds / Double(runs)) else { return nil }
        let rates = (0..<runs).map { _ in
            let (operations, elapsed) = run(rounds: rounds)
            return operations / elapsed
        }
        guard let statistics = TimingStatistics(rates) else { return nil }
        return Rates(best: statistics.maximum, median: statistics.median)
    }

    /// The rounds that fill `seconds`; nil if the probe does nothing.
    ///
    /// By the fastest of three runs: one that was interrupted would make every later run too short to measure anything
    /// but the start of its threads.
    func calibrated(seconds: Double) -> Int64? {
        var rounds: Int64 = 1
        while true {
            let runs = (0..<3).map { _ in run(rounds: rounds) }
            guard let fastest = runs.map(\.seconds).min(), runs[0].operations > 0 else { return nil }
            if fastest >= seconds / 4 || rounds > 1 << 40 {
                return max(1, Int64(Double(rounds) * seconds / fastest))
            }
            rounds *= 4
        }
    }

    /// Runs `rounds` rounds once.
    func run(rounds: Int64) -> (operations: Double, seconds: Double) {
        var options = ck_options_default()
        options.threads = Int32(clamping: threads)
        options.isa = ck_isa_named(isa.name)
        var probe = ck_probe()
        (probe.kind, probe.streaming, probe.rounds) = (kind, streaming, rounds)
        (probe.data, probe.count) = (data, Int64(count))
        var operations: Int64 = 0
        let seconds = Stopwatch.time { operations = ck_probe_run(&probe, &options) }
        return (Double(operations), max(seconds, 1e-9))
    }
}

/// Memory that probes run through: aligned, and touched first by the threads that will use it.
final class ProbeBuffer {
    let data: UnsafeMutablePointer<Float>
    let capacity: Int

    /// A buffer of at least `bytes`, filled with -1.
    init(bytes: Int, isa: InstructionSet, threads: Int) {
        let multiple = Int(CK_PROBE_COUNT_MULTIPLE)
        let count = max(1, bytes / 4 / threads / multiple) * multiple
        capacity = count * threads
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 4 * capacity, alignment: 4096)
        data = memory.bindMemory(to: Float.self, capacity: capacity)
        let probe = MachineProbe(
            kind: .CK_PROBE_WRITE, isa: isa, threads: threads, data: data, count: count)
        _ = probe.run(rounds: 1)
    }

    deinit { UnsafeMutableRawPointer(data).deallocate() }

    /// The floats of a slice of about `bytes` for each of `threads` threads.
    func count(sliceBytes bytes: Int, threads: Int) -> Int {
        let multiple = Int(CK_PROBE_COUNT_MULTIPLE)
        return max(1, min(bytes / 4, capacity / threads) / multiple) * multiple
    }
}
