import AttentionKernels
import Foundation
import Testing

@testable import BenchmarkHarness

@Suite(.serialized) struct NoiseTests {
    private func noise(_ switches: Int = 0, steal: Double = 0, other: Double = 0) -> NoiseWatch.Noise {
        .init(seconds: 1, involuntarySwitches: switches, stealSeconds: steal, otherSeconds: other)
    }

    @Test func whatCountsAsADisturbance() {
        #expect(!noise().isDisturbing(threads: 2, cores: 2))
        #expect(!noise(200).isDisturbing(threads: 2, cores: 2) && noise(201).isDisturbing(threads: 2, cores: 2))
        #expect(!noise(steal: 0.02).isDisturbing(threads: 1, cores: 2))
        #expect(noise(steal: 0.03).isDisturbing(threads: 1, cores: 2))
        // Others may use the cores that the case leaves them.
        #expect(!noise(other: 1).isDisturbing(threads: 1, cores: 2))
        #expect(noise(other: 1.1).isDisturbing(threads: 1, cores: 2))
        #expect(noise(other: 0.1).isDisturbing(threads: 2, cores: 2))
    }

    @Test func theWatchSeesTimePassAndOwnWorkIsNotOthers() {
        let watch = NoiseWatch()
        let start = Stopwatch.now
        var sum = 0.0
        while Stopwatch.now - start < 0.1 { sum += 1 }
        let noise = watch.noise()
        #expect(noise.seconds >= 0.1 && noise.involuntarySwitches >= 0 && noise.stealSeconds >= 0 && sum > 0)
        #expect(noise.otherSeconds >= 0)
    }

    private func timing(peak: Double, _ noise: NoiseWatch.Noise) -> GroupTiming {
        GroupTiming(seconds: [], peaks: [peak, peak, 1], noise: noise)
    }

    @Test func disturbedTimingsAreTold() {
        var meter = PeakMeter()
        let key = PeakMeter.Key(isa: .portable, threads: 1)
        meter.note(key, 100)
        #expect(!timing(peak: 99, noise()).isDisturbed(key, meter))
        #expect(timing(peak: 94, noise()).isDisturbed(key, meter))
        #expect(timing(peak: 99, noise(steal: 0.5)).isDisturbed(key, meter))
        #expect(timing(peak: 94, noise()).disturbance(key, meter) > timing(peak: 97, noise()).disturbance(key, meter))
        #expect(
            timing(peak: 99, noise()).disturbance(key, meter)
                < timing(peak: 99, noise(steal: 1)).disturbance(key, meter))
    }

    @Test func peaksAreMeasuredBetweenTurns() throws {
        var meter = PeakMeter()
        let key = PeakMeter.Key(isa: .portable, threads: 1)
        let timing = try meter.timing(key, count: 2, turns: TurnTaking(minimumRepetitions: 3, minimumSeconds: 0.2)) {
            _ in
            usleep(20_000)
            return 0.02
        }
        #expect(timing.seconds.count == 2 && timing.seconds.allSatisfy { $0.count >= 10 })
        // Some 0.4 s of turns, a peak every 0.05 s, one before and one after.
        #expect(timing.peaks.count >= 5 && timing.peaks.allSatisfy { $0 > 0 } && timing.peak > 0)
        #expect(timing.noise.seconds >= 0.4)
    }

    @Test func resultsTellWhatWasSeen() throws {
        let selection = WorkloadSelection(lengths: [9], headDims: [8], heads: [2], masks: [.causal])
        let plan = SweepPlan(workloads: try selection.workloads(), threads: [1], isas: [.portable])
        var settings = SweepSettings()
        settings.turns = TurnTaking(minimumRepetitions: 3, minimumSeconds: 0.01)
        (settings.maximumAttempts, settings.repeatShare) = (3, 1e9)
        var runner = SweepRunner(plan, settings: settings, limits: sampleLimits())
        let document = try runner.run()
        for result in document.cases {
            #expect((1...3).contains(result.attempts) && result.peakBesideGflops > 0)
            #expect(result.involuntarySwitches >= 0 && result.stealPercent >= 0 && result.otherLoadPercent >= 0)
            #expect(result.bound != nil && (result.percentOfBound ?? 0) > 0)
            // Only a case that was still disturbed was given up.
            #expect(result.disturbed || result.attempts <= 3)
        }
        settings.maximumAttempts = 1
        var once = SweepRunner(plan, settings: settings)
        #expect(try once.run().cases.allSatisfy { $0.attempts == 1 })
    }
}

@Suite(.serialized) struct PinningTests {
    private static let isOpenMP = Machine.current.parallelBackend == "openmp"

    #if os(Linux)
        @Test(.enabled(if: isOpenMP, "threads are not OpenMP's")) func theProcessStartsAgainPinned() throws {
            let directory = try TemporaryDirectory()
            let sweep = [
                "sweep", "--lengths", "8", "--head-dims", "8", "--heads", "2", "--isa", "portable", "--kernels",
                "fused",
                "--masks", "none", "--no-plots", "--output", directory.path, "--json", "-",
            ]
            let outcome = try BuiltCommand.run(sweep + ["--pin"])
            #expect(outcome.exitCode == 0, "\(outcome.errors)")
            try OutputFile.write(outcome.output, to: directory.file("x.json"))
            let document = try SweepDocument.read(path: directory.file("x.json"))
            #expect(document.settings.pinned && document.machine.cores == Machine.current.usableCores)
            #expect(try BuiltCommand.run(["info"], environment: ThreadPinning.environment).output.contains("close"))
        }

        @Test func masksComeBack() {
            let outside = ThreadPinning.released { Machine.current.usableCores }
            #expect(outside == Machine.current.usableCores)
            #expect(ThreadPinning.confined(to: 1) { 7 } == 7)
        }
    #else
        @Test func otherSystemsSayThatTheyCannot() {
            #expect(throws: HarnessError.self) { try ThreadPinning.start([]) }
        }
    #endif
}
