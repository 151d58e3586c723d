import Foundation

/// A peer over a run: started when it is needed, and again after it was lost, but not forever.
final class PeerSession {
    /// Its name, with a variant after a plus sign.
    let name: String
    /// What it says of itself.
    private(set) var versions: [String: String] = [:]
    /// The ways in which it can compute a case.
    private(set) var routes: [String] = []

    private let launch: PeerCatalog.Launch
    private let threads: Int
    private let folder: String
    private let limits: PeerLimits
    private var process: PeerProcess?
    private var losses = 0
    private var starts = 0

    /// Starts the peer and learns what it is.
    ///
    /// - Parameter folder: a folder for its log.
    /// - Throws: ``ContestantFailure`` if it is not set up or does not start.
    init(
        _ name: String, catalog: PeerCatalog, threads: Int, folder: String, limits: PeerLimits
    ) throws(ContestantFailure) {
        self.name = name
        self.threads = threads
        self.folder = folder
        self.limits = limits
        launch = try catalog.launch(name)
        try start()
    }

    /// The number of its process; 0 while it has none.
    var processIdentifier: Int32 { process?.identifier ?? 0 }

    /// Sends a request and returns the answer.
    ///
    /// - Throws: ``ContestantFailure`` if it refuses, or is lost; then the next request starts it anew, until it has
    ///   been lost too often.
    func ask(_ request: PeerMessages.Request, timeLimit: Double) throws(ContestantFailure) -> PeerMessages.Answer {
        if process == nil {
            if losses > limits.restarts {
                throw ContestantFailure("it was lost \(losses) times and is not started again")
            }
            try start()
        }
        return try askStarted(request, timeLimit: timeLimit)
    }

    private func start() throws(ContestantFailure) {
        var variables = ProcessInfo.processInfo.environment
        for name in Self.threadVariables { variables[name] = "\(threads)" }
        variables.merge(launch.variables) { $1 }
        starts += 1
        process = try PeerProcess(
            executable: launch.executable, arguments: launch.arguments, environment: variables,
            logPath: "\(folder)/\(name).\(starts).log")
        let answer = try askStarted(.init(ask: "hello", threads: threads), timeLimit: limits.startSeconds)
        (versions, routes) = (answer.versions ?? [:], answer.routes ?? [])
        if routes.isEmpty { throw ContestantFailure("it names no route by which it computes attention") }
    }

    private func askStarted(
        _ request: PeerMessages.Request, timeLimit: Double
    ) throws(ContestantFailure) -> PeerMessages.Answer {
        guard let process else { throw ContestantFailure("it is not running") }
        let answer: PeerMessages.Answer
        do throws(PeerProcess.Lost) {
            answer = try process.ask(request, timeLimit: timeLimit)
        } catch {
            losses += 1
            self.process = nil
            throw ContestantFailure(error.reason)
        }
        if let reason = answer.refused { throw ContestantFailure("it refuses: \(reason)") }
        return answer
    }

    /// Ends the process.
    func quit() {
        process?.kill()
        process = nil
    }

    // What the thread pools of OpenMP, MKL, OpenBLAS, NumExpr and others read.
    private static let threadVariables = [
        "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "TBB_NUM_THREADS",
    ]
}

/// How long a peer may take.
public struct PeerLimits: Sendable {
    /// The seconds to start and say hello: importing a framework takes several.
    public var startSeconds = 120.0
    /// The seconds to prepare a case, compiling included, and to run it once.
    public var caseSeconds = 60.0
    /// How often a lost peer is started again.
    public var restarts = 3

    /// The usual limits.
    public init() {}
}
