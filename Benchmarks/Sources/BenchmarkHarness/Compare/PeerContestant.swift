import Foundation

/// One route of a peer on a case.
final class PeerContestant: Contestant {
    /// `torch flash`.
    let name: String
    private let session: PeerSession
    private let route: String
    private let timeLimit: Double

    init(_ session: PeerSession, route: String, timeLimit: Double) {
        name = "\(session.name) \(route)"
        self.session = session
        self.route = route
        self.timeLimit = timeLimit
    }

    var processIdentifier: Int32 { session.processIdentifier }

    /// Gives the peer the case.
    func prepare(_ attention: PeerMessages.AttentionCase) throws(ContestantFailure) {
        _ = try session.ask(.init(ask: "prepare", route: route, attention: attention), timeLimit: timeLimit)
    }

    func burst(_ repetitions: Int) throws(ContestantFailure) -> [Double] {
        let answer = try session.ask(
            .init(ask: "run", route: route, repetitions: repetitions), timeLimit: timeLimit)
        guard let seconds = answer.seconds, seconds.count == repetitions, seconds.allSatisfy({ $0 > 0 }) else {
            throw ContestantFailure("it answered \(answer.seconds?.count ?? 0) times, not \(repetitions) positive ones")
        }
        return seconds
    }

    /// The largest error of what the last run computed.
    ///
    /// - Parameter path: a file for the output.
    func error(_ reference: AttentionReference, outputTo path: String) throws(ContestantFailure) -> Double {
        defer { try? FileManager.default.removeItem(atPath: path) }
        _ = try session.ask(.init(ask: "write", route: route, path: path), timeLimit: timeLimit)
        let shape = reference.shape
        let wanted = 4 * shape.rowCount * shape.valueDim
        guard let data = FileManager.default.contents(atPath: path), data.count == wanted else {
            let count = (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? nil
            throw ContestantFailure(
                "its output has \(count.map { "\($0) bytes" } ?? "no file"); it should have \(wanted) bytes")
        }
        return data.withUnsafeBytes { reference.errors(ofOutput: $0.bindMemory(to: Float.self)).maximum }
    }

    /// Lets the peer forget all its cases.
    func release() {
        _ = try? session.ask(.init(ask: "release"), timeLimit: timeLimit)
    }
}
