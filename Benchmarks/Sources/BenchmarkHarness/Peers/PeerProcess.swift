import Foundation

/// A peer's process: a program that answers one JSON line with one JSON line.
///
/// Every answer has a time limit. A peer that exceeds it, ends, or answers something else is killed.
final class PeerProcess {
    private let process = Process()
    private let requests = Pipe()
    private let answers = Pipe()
    private let logPath: String
    private var unread: [UInt8] = []

    /// Starts the program.
    ///
    /// - Parameters:
    ///   - logPath: where its errors go; the last line of them explains an unexpected end.
    /// - Throws: ``ContestantFailure`` if it cannot be started.
    init(
        executable: String, arguments: [String], environment: [String: String], logPath: String
    ) throws(ContestantFailure) {
        self.logPath = logPath
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        process.environment = environment
        process.standardInput = requests
        process.standardOutput = answers
        // Writing to a peer that has ended must be an error, not the end of the harness.
        signal(SIGPIPE, SIG_IGN)
        do {
            _ = FileManager.default.createFile(atPath: logPath, contents: nil)
            process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: logPath))
            try process.run()
        } catch {
            throw ContestantFailure("it could not be started: \(error.localizedDescription)")
        }
        // The child has its own copies; while this process held them too, no end of file would ever be seen.
        try? requests.fileHandleForReading.close()
        try? answers.fileHandleForWriting.close()
    }

    deinit { kill() }

    /// The number of the process.
    var identifier: Int32 { process.processIdentifier }

    /// Ends the process at once.
    func kill() {
        if process.isRunning { _ = Foundation.kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
    }

    /// Sends a request and waits for its answer.
    ///
    /// - Throws: ``PeerProcess/Lost`` if there is none in time, after which the process is gone.
    func ask(_ request: PeerMessages.Request, timeLimit: Double) throws(Lost) -> PeerMessages.Answer {
        do {
            var line = try JSONEncoder().encode(request)
            line.append(UInt8(ascii: "\n"))
            try requests.fileHandleForWriting.write(contentsOf: line)
        } catch {
            throw lost()
        }
        let line = try readLine(timeLimit: timeLimit)
        do {
            return try JSONDecoder().decode(PeerMessages.Answer.self, from: Data(line))
        } catch {
            kill()
            throw Lost("it answered something that is no message: \(String(decoding: line.prefix(80), as: UTF8.self))")
        }
    }

    /// The peer is gone, and why.
    struct Lost: Error {
        let reason: String

        init(_ reason: String) { self.reason = reason }
    }

    private func readLine(timeLimit: Double) throws(Lost) -> [UInt8] {
        let deadline = Stopwatch.now + timeLimit
        let descriptor = answers.fileHandleForReading.fileDescriptor
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
                defer { unread.removeSubrange(...end) }
                return Array(unread[..<end])
            }
            let left = deadline - Stopwatch.now
            var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = left > 0 ? poll(&request, 1, Int32(min(left * 1000 + 1, 1e9))) : 0
            if ready < 0 && errno == EINTR { continue }
            guard ready > 0 else {
                kill()
                throw Lost("it did not answer within \(NumberText.significant(timeLimit, digits: 3)) s and was ended")
            }
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { throw lost() }
            unread += buffer[..<count]
        }
    }

    /// Why the process ended by itself.
    private func lost() -> Lost {
        // Its output is closed; a process that lives on without it is of no use.
        let deadline = Stopwatch.now + 1
        while process.isRunning && Stopwatch.now < deadline { usleep(10_000) }
        let ended = !process.isRunning
        kill()
        let log = (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? ""
        let last = log.split(separator: "\n").last.map { ": \($0.prefix(200))" } ?? ""
        let how =
            !ended
            ? "closed its output"
            : process.terminationReason == .uncaughtSignal
                ? "ended by signal \(process.terminationStatus)" : "ended with exit code \(process.terminationStatus)"
        return Lost("it \(how)\(last)")
    }
}
