import AttentionKernels

@testable import BenchmarkHarness

/// A sweep as if it had been measured: all kernels at rising lengths, with and without a causal mask, on 1 and 2 threads.
func sampleDocument(lengths: [Int] = [128, 256, 512], disturbed: Bool = false) -> SweepDocument {
    var meter = PeakMeter()
    var cases: [CaseResult] = []
    for mask in SweepMask.allCases {
        for threads in [1, 2] {
            meter.note(.init(isa: .portable, threads: threads), 50 * Double(threads))
            for length in lengths {
                for (kernel, share) in [(AttentionKernel.naive, 0.05), (.blocked, 0.5), (.fused, 0.8)] {
                    let sweepCase = SweepCase(
                        shape: AttentionShape(queryLength: length), mask: mask, kernel: kernel, isa: .portable,
                        threads: threads, dtype: .f32)
                    let seconds = sweepCase.flops / (50e9 * Double(threads) * share)
                    guard let statistics = TimingStatistics((0..<7).map { seconds * (0.97 + 0.01 * Double($0)) })
                    else { continue }
                    cases.append(
                        CaseResult(
                            sweepCase, statistics,
                            check: CaseCheck(maxError: 2e-7, bound: 1e-6, rowsChecked: 1024),
                            peak: 50 * Double(threads), disturbed: disturbed))
                }
            }
        }
    }
    return SweepDocument(
        machine: MachineReport.current(meter), commit: "1234567-dirty", date: "2026-11-21T05:00:00Z", cases: cases,
        skipped: [.init(text: "naive S=8192", reason: "it would take too long")], failed: [],
        settings: .init(minimumRepetitions: 5, minimumSeconds: 0.5, naiveLimitSeconds: 5, seed: 1))
}
