import AttentionKernels
import Testing

@testable import BenchmarkHarness

@Suite(.serialized) struct SweepTests {
    private func runner(lengths: [Int], _ change: (inout SweepSettings) -> Void = { _ in }) throws -> SweepRunner {
        let selection = WorkloadSelection(lengths: lengths, headDims: [8], heads: [2], masks: [.causal])
        let plan = SweepPlan(workloads: try selection.workloads(), threads: [1, 2], isas: [.portable])
        var settings = SweepSettings()
        settings.turns = TurnTaking(minimumRepetitions: 3, minimumSeconds: 0.001)
        settings.warmUpSeconds = 0
        change(&settings)
        return SweepRunner(plan, settings: settings)
    }

    @Test func everyCaseIsCheckedAndTimed() throws {
        var runner = try runner(lengths: [9, 17])
        let document = try runner.run()
        #expect(document.cases.count == 2 * 2 * 3 && document.skipped.isEmpty && document.failed.isEmpty)
        #expect(document.cases.map(\.kernel).prefix(3) == ["naive", "blocked", "fused"])
        #expect(document.cases.map(\.threads).prefix(6) == [1, 1, 1, 2, 2, 2])
        for result in document.cases {
            #expect(result.repetitions >= 3 && result.gflops > 0 && result.percentOfPeak > 0)
            #expect(result.minMs <= result.medianMs && result.medianMs <= result.maxMs)
            #expect(result.maxError > 0 && result.maxError <= result.errorBound)
            #expect(result.rowsChecked == 2 * result.queryLength)
            #expect(result.mask == "causal" && result.isa == "portable" && result.headDim == 8)
        }
        #expect(document.machine.peaks.map(\.threads) == [1, 2])
        #expect(document.machine.peaks.allSatisfy { $0.measurements >= 5 && $0.lowestGflops <= $0.gflops })
    }

    @Test func longNaiveCasesAreSkippedWithAReason() throws {
        var runner = try runner(lengths: [9]) { $0.naiveLimitSeconds = 1e-9 }
        let document = try runner.run()
        #expect(document.cases.map(\.kernel) == ["blocked", "fused", "blocked", "fused"])
        #expect(document.skipped.map(\.text).first == "naive f32 B=1 H=2 S=9 D=8 causal, 1 thread, portable")
        #expect(document.skipped.first?.reason.contains("--naive-limit") == true)
    }

    @Test func cachesOfBytesAreTimedButForWhatTheyLack() throws {
        let selection = WorkloadSelection(
            lengths: [9], headDims: [8], heads: [2], masks: [.causal, SweepMask([.qknorm])])
        let plan = SweepPlan(
            workloads: try selection.workloads(), kernels: [.fused], dtypes: [.bytes], threads: [1], isas: [.portable])
        var settings = SweepSettings()
        settings.turns = TurnTaking(minimumRepetitions: 3, minimumSeconds: 0.001)
        var runner = SweepRunner(plan, settings: settings)
        let document = try runner.run()
        #expect(document.cases.map(\.dtype) == ["f32/i8"] && document.failed.isEmpty)
        #expect(document.cases.allSatisfy { $0.maxError > 0 && $0.maxError <= $0.errorBound })
        #expect(document.skipped.map(\.reason) == ["keys of 8 bits have no QK-norm"])
    }

    @Test func wrongCasesAreReportedAndNotTimed() throws {
        var runner = try runner(lengths: [9])
        var checks = 0
        runner.accepts = { _ in
            checks += 1
            return checks != 2
        }
        let document = try runner.run()
        #expect(document.cases.map(\.kernel) == ["naive", "fused", "naive", "blocked", "fused"])
        #expect(document.failed.map(\.text) == ["blocked f32 B=1 H=2 S=9 D=8 causal, 1 thread, portable"])
        let summary = SweepSummary.text(document, folder: "r")
        #expect(summary.contains("WRONG RESULT, not timed: blocked f32 B=1 H=2 S=9 D=8 causal"))
    }

    @Test func costsGrowWithTheWork() {
        var costs = CostModel()
        func sweepCase(_ length: Int, threads: Int = 1) -> SweepCase {
            SweepCase(
                shape: AttentionShape(queryLength: length), mask: .none, kernel: .naive, isa: .portable,
                threads: threads, dtype: .f32)
        }
        #expect(costs.seconds(sweepCase(128)) == nil)
        costs.note(sweepCase(128), seconds: 2)
        #expect(costs.seconds(sweepCase(256)) == 8)
        #expect(costs.seconds(sweepCase(256, threads: 2)) == nil)
    }

    @Test func unavailablePeakIsAnError() {
        var meter = PeakMeter()
        #expect(throws: HarnessError.self) { try meter.measure(.init(isa: .portable, threads: 5000)) }
    }
}
