import AttentionKernels
import Foundation
import Testing

@testable import BenchmarkHarness

@Suite(.serialized) struct InterruptionTests {
    private func plan() throws -> SweepPlan {
        let selection = WorkloadSelection(lengths: [9, 17, 33], headDims: [8], heads: [2], masks: [.causal])
        return SweepPlan(workloads: try selection.workloads(), threads: [1, 2], isas: [.portable])
    }

    private func settings() -> SweepSettings {
        var settings = SweepSettings()
        settings.turns = TurnTaking(minimumRepetitions: 3, minimumSeconds: 0.001)
        settings.warmUpSeconds = 0
        return settings
    }

    @Test func anInterruptedRunKeepsWhatIsDoneAndGoesOn() throws {
        var first = SweepRunner(try plan(), settings: settings(), limits: sampleLimits())
        var kept: [Int] = []
        first.keep = { kept.append($0.cases.count) }
        first.checkInterruption = { if kept.count == 2 { throw Interruption.Requested() } }
        let partial = try first.run()
        #expect(!partial.complete && partial.cases.count == 6 && kept == [3, 6])

        var second = SweepRunner(try plan(), settings: settings(), limits: sampleLimits(), resuming: partial)
        var added: [Int] = []
        second.keep = { added.append($0.cases.count) }
        let whole = try second.run()
        let keys = try plan().cases.map(\.key)
        #expect(whole.complete && whole.cases.map(\.key) == keys)
        #expect(added == [9, 12, 15, 18])
        // The first run's times stand, related to the best peak of both.
        for (before, after) in zip(partial.cases, whole.cases) {
            #expect(before.medianMs == after.medianMs && before.repetitions == after.repetitions)
            #expect(after.peakGflops >= before.peakGflops * 0.9999)
        }
        let peaks = Dictionary(grouping: whole.cases) { "\($0.isa) \($0.threads)" }
        #expect(peaks.values.allSatisfy { Set($0.map(\.peakGflops)).count == 1 })
    }

    @Test func skippedAndWrongCasesAreNotRunAgain() throws {
        var settings = settings()
        settings.naiveLimitSeconds = 1e-9
        var first = SweepRunner(try plan(), settings: settings)
        var checks = 0
        first.accepts = { _ in
            checks += 1
            return checks != 1
        }
        let whole = try first.run()
        #expect(whole.failed.count == 1 && whole.skipped.count == 6)
        var second = SweepRunner(try plan(), settings: settings, resuming: whole)
        second.keep = { _ in Issue.record("something was run again") }
        let again = try second.run()
        #expect(again.cases.map(\.key) == whole.cases.map(\.key))
        #expect(again.failed == whole.failed && again.skipped == whole.skipped)
    }

    /// Runs a sweep and sends it SIGINT as soon as the partial result appears.
    @Test func controlCLeavesAPartialResultThatResumeGoesOnFrom() throws {
        let directory = try TemporaryDirectory()
        let sweep = [
            "sweep", "--lengths", "8,16,32,64", "--head-dims", "8", "--heads", "2", "--isa", "portable", "--threads",
            "1",
            "--kernels", "fused", "--no-plots", "--output", directory.path,
        ]
        let partial = PartialRun.path("sweep", in: directory.path)
        let earlier = sampleDocument()
        _ = try ResultsFolder.write(earlier, to: directory.path, plots: false)
        let before = directory.contents(of: earlier.machine.folderName)
        let interrupted = try BuiltCommand.run(
            sweep, interruptWhen: { FileManager.default.fileExists(atPath: partial) })
        #expect(interrupted.exitCode == 130, "\(interrupted.errors)")
        #expect(interrupted.output.contains("The same command with --resume goes on from there."))
        let document = try SweepDocument.read(path: partial)
        #expect(!document.complete && (1..<8).contains(document.cases.count))
        // The earlier, complete result is what it was.
        let folder = "\(directory.path)/\(earlier.machine.folderName)"
        #expect(try SweepDocument.read(path: "\(folder)/sweep.json") == earlier)

        let other = try BuiltCommand.run(sweep + ["--resume", "--seed", "9"])
        #expect(other.exitCode != 0 && other.errors.contains("was measured with seed 1, "))
        let resumed = try BuiltCommand.run(sweep + ["--resume"])
        #expect(resumed.exitCode == 0, "\(resumed.errors)")
        let whole = try SweepDocument.read(path: "\(folder)/sweep.json")
        #expect(whole.complete && whole.cases.count == 8)
        #expect(whole.cases.prefix(document.cases.count).map(\.medianMs) == document.cases.map(\.medianMs))
        #expect(directory.contents(of: earlier.machine.folderName) == before)
        try BuiltCommand.expectError(sweep + ["--resume"], "there is no interrupted sweep at")
    }

    @Test func aKilledSweepHarmsNothing() throws {
        let directory = try TemporaryDirectory()
        let earlier = sampleDocument()
        _ = try ResultsFolder.write(earlier, to: directory.path, plots: false)
        let partial = PartialRun.path("sweep", in: directory.path)
        let killed = try BuiltCommand.run(
            [
                "sweep", "--lengths", "8,16,32,64", "--head-dims", "8", "--heads", "2", "--isa", "portable",
                "--kernels",
                "fused", "--no-plots", "--output", directory.path,
            ], interruptWhen: { FileManager.default.fileExists(atPath: partial) }, by: SIGKILL)
        #expect(killed.exitCode == SIGKILL)
        #expect(try SweepDocument.read(path: partial).complete == false)
        #expect(
            try SweepDocument.read(path: "\(directory.path)/\(earlier.machine.folderName)/sweep.json") == earlier)
    }
}

@Suite struct FullDiskTests {
    /// A disk of 256 KiB, or nil where this user may not mount one.
    private static let disk: TemporaryDirectory? = {
        #if os(Linux)
            guard geteuid() == 0, let mount = CommandLineTool.find("mount"), let directory = try? TemporaryDirectory(),
                let outcome = try? CommandLineTool.run(
                    mount, ["-t", "tmpfs", "-o", "size=256k", "tmpfs", directory.path]), outcome.exitCode == 0
            else { return nil }
            atexit { FullDiskTests.unmount() }
            return directory
        #else
            return nil
        #endif
    }()

    private static func unmount() {
        guard let disk, let umount = CommandLineTool.find("umount") else { return }
        _ = try? CommandLineTool.run(umount, [disk.path])
    }

    @Test(.enabled(if: Self.disk != nil, "only root can mount a small disk"))
    func aFullDiskLeavesTheEarlierFile() throws {
        let disk = try #require(Self.disk)
        let path = disk.file("results/sweep.json")
        try OutputFile.write("earlier", to: path)
        for _ in 0..<3 {
            #expect(throws: HarnessError.self) {
                try OutputFile.write(String(repeating: "x", count: 1 << 20), to: path)
            }
        }
        #expect(try disk.text("results/sweep.json") == "earlier")
        #expect(disk.contents(of: "results") == ["sweep.json"], "a partial file was left")
        // There is room for a small file still, which there would not be with leftovers.
        try OutputFile.write(String(repeating: "x", count: 100_000), to: path)
        #expect(try disk.text("results/sweep.json").count == 100_000)
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full"), "there is no /dev/full"))
    func anOutputThatCannotBeWrittenIsOneSentence() throws {
        #expect(throws: HarnessError.self) { try OutputFile.write("x", to: "/dev/full") }
        let directory = try TemporaryDirectory()
        let sweep = [
            "sweep", "--lengths", "8", "--head-dims", "8", "--heads", "2", "--isa", "portable", "--threads", "1",
            "--kernels", "fused", "--masks", "none", "--no-plots", "--output", directory.path, "--csv", "/dev/full",
        ]
        try BuiltCommand.expectError(sweep, "/dev/full could not be written")
        // What was measured is not lost with it.
        let partial = try SweepDocument.read(path: PartialRun.path("sweep", in: directory.path))
        #expect(partial.cases.count == 1)
    }
}
