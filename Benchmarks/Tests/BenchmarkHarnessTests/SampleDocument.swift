import AttentionKernels

@testable import BenchmarkHarness

/// A sweep as if it had been measured: all kernels at rising lengths, with and without a causal mask, on 1 and 2 threads.
///
/// - Parameters:
///   - limited: whether the machine's limits are known, and with them the bounds of the cases.
///   - slowed: the kernel whose times are 10 % longer.
func sampleDocument(
    lengths: [Int] = [128, 256, 512], disturbed: Bool = false, limited: Bool = true, slowed: AttentionKernel? = nil
) -> SweepDocument {
    var meter = PeakMeter()
    for threads in [1, 2] { meter.note(.init(isa: .portable, threads: threads), 50 * Double(threads)) }
    let limits = limited ? sampleLimits() : nil
    var cases: [CaseResult] = []
    func add(_ shape: AttentionShape, _ mask: SweepMask, _ threads: Int) {
        for (kernel, share) in [(AttentionKernel.naive, 0.05), (.blocked, 0.5), (.fused, 0.8)] {
            let sweepCase = SweepCase(
                shape: shape, mask: mask, kernel: kernel, isa: .portable, threads: threads, dtype: .f32)
            let seconds = sweepCase.flops / (50e9 * Double(threads) * share) * (kernel == slowed ? 1.1 : 1)
            guard let statistics = TimingStatistics((0..<7).map { seconds * (0.97 + 0.01 * Double($0)) }) else {
                continue
            }
            let timing = GroupTiming(
                seconds: [], peaks: [50 * Double(threads) * (disturbed ? 0.9 : 1)],
                noise: .init(seconds: 1, involuntarySwitches: 0, stealSeconds: 0, otherSeconds: 0))
            var result = CaseResult(
                sweepCase, statistics, check: CaseCheck(maxError: 2e-7, bound: 1e-6, rowsChecked: 1024),
                timing: timing, attempts: 1)
            result.relate(to: meter, roofline: limits.map(Roofline.init))
            cases.append(result)
        }
    }
    for mask in SweepMask.defaults {
        for threads in [1, 2] { for length in lengths { add(AttentionShape(queryLength: length), mask, threads) } }
    }
    for threads in [1, 2] {
        for keys in [1024, 8192] { add(AttentionShape(kvHeads: 2, queryLength: 1, keyLength: keys), .none, threads) }
    }
    return SweepDocument(
        machine: MachineReport.current(meter), commit: "1234567-dirty", date: "2026-11-21T05:00:00Z", cases: cases,
        skipped: [.init(key: "naive", text: "naive S=8192", reason: "it would take too long")], failed: [],
        settings: .init(minimumRepetitions: 5, minimumSeconds: 0.5, naiveLimitSeconds: 5, seed: 1, pinned: false),
        complete: true, limits: limits)
}

/// Limits as if they had been measured on this machine: 50 GFLOP/s and 10 GB/s from DRAM a thread.
func sampleLimits() -> PeaksDocument {
    let machine = MachineReport.current(PeakMeter())
    var document = PeaksDocument(
        machine: machine.name, cores: machine.cores, cacheBytes: [32 << 10, 1 << 20, 16 << 20], commit: "1234567",
        date: "2026-11-20T05:00:00Z", compute: [], bandwidth: [], clock: [.init(threads: 1, best: 4, median: 3.9)])
    for threads in Set([1, machine.cores]).sorted() {
        let scale = Double(threads)
        for isa in machine.isas {
            for (quantity, best) in [(ComputeQuantity.fma.rawValue, 50.0), (PeaksRunner.exp2, 4)] {
                document.compute.append(
                    .init(quantity: quantity, isa: isa, threads: threads, best: best * scale, median: best * scale))
            }
        }
        for (level, best) in zip(MemoryLevel.allCases, [200.0, 100, 40, 10]) {
            document.bandwidth.append(
                .init(
                    level: level, access: "read", threads: threads, sliceBytes: 1 << 14, best: best * scale,
                    median: best * scale))
        }
    }
    return document
}
