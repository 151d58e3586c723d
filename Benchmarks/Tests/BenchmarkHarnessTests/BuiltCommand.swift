import Foundation
import Testing

@testable import BenchmarkHarness

/// The built `attention-bench`, run as a user runs it.
enum BuiltCommand {
    struct Outcome {
        var exitCode: Int32
        var output: String
        var errors: String
    }

    /// It lies beside the test bundle, wherever the build put that.
    private static let path: String? = {
        #if os(macOS)
            let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }?.bundleURL
        #else
            let bundle: URL? = Bundle.main.bundleURL.appendingPathComponent("tests")
        #endif
        return bundle?.deletingLastPathComponent().appendingPathComponent("attention-bench").path
    }()

    private static let cache = Result {
        let directory = try TemporaryDirectory()
        let name = "peaks-\(MachineReport.current(PeakMeter()).folderName).json"
        try OutputFile.write(sampleLimits().json(), to: directory.file("attention-bench/\(name)"))
        return directory
    }

    /// Runs the command to its end, or until `condition` holds: then it gets `signal`.
    static func run(
        _ arguments: [String], environment: [String: String] = [:], in directory: String? = nil,
        interruptWhen condition: (() -> Bool)? = nil, by signal: Int32 = SIGINT
    ) throws -> Outcome {
        let path = try #require(path)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        var variables = ProcessInfo.processInfo.environment
        variables["CK_ISA"] = nil
        // Limits that were measured before, as on most days: measuring them takes 20 s.
        variables["XDG_CACHE_HOME"] = try cache.get().path
        process.environment = variables.merging(environment) { $1 }
        if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
        // Files, because a pipe that nobody empties would stop the command.
        let scratch = try TemporaryDirectory()
        for name in ["out", "err"] { _ = FileManager.default.createFile(atPath: scratch.file(name), contents: nil) }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: scratch.file("out")))
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: scratch.file("err")))
        try process.run()
        if let condition {
            while process.isRunning && !condition() { usleep(1000) }
            kill(process.processIdentifier, signal)
        }
        process.waitUntilExit()
        return Outcome(
            exitCode: process.terminationStatus, output: try scratch.text("out"), errors: try scratch.text("err"))
    }

    /// Expects a failure with one line of error that contains `sentence`.
    static func expectError(
        _ arguments: [String], _ sentence: String, environment: [String: String] = [:],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let outcome = try run(arguments, environment: environment)
        #expect(outcome.exitCode != 0, sourceLocation: sourceLocation)
        #expect(outcome.errors.contains(sentence), "\(outcome.errors)", sourceLocation: sourceLocation)
        #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)", sourceLocation: sourceLocation)
    }
}
