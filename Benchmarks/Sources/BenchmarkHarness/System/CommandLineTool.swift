import Foundation

/// Another program that the harness runs: git, gnuplot, swift.
enum CommandLineTool {
    /// The full path of `name` on the PATH, or nil.
    static func find(_ name: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return path.split(separator: ":").map { "\($0)/\(name)" }.first {
            FileManager.default.isExecutableFile(atPath: $0)
        }
    }

    /// Runs the program at `path` and returns its exit code, output and errors.
    static func run(_ path: String, _ arguments: [String]) throws -> Outcome {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        let (outputPipe, errorPipe) = (Pipe(), Pipe())
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = outputPipe
        process.standardError = errorPipe
        try process.run()
        // Both pipes are read at once: whichever filled up unread would stop the program for good.
        let queue = DispatchQueue(label: "errors of a command")
        nonisolated(unsafe) var errors = Data()
        queue.async { errors = errorPipe.fileHandleForReading.readDataToEndOfFile() }
        let output = outputPipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        queue.sync {}
        return Outcome(
            exitCode: process.terminationStatus, output: String(decoding: output, as: UTF8.self),
            errors: String(decoding: errors, as: UTF8.self))
    }

    struct Outcome {
        var exitCode: Int32
        var output: String
        var errors: String
    }
}
