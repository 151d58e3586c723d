/// One of those that compute the same case by turns.
protocol Contestant: AnyObject {
    /// The process whose threads work for it.
    var processIdentifier: Int32 { get }

    /// Repeats the case back to back and returns the seconds of each repetition, or of groups of them, divided by
    /// their number, where one is too short for the clock.
    ///
    /// - Throws: ``ContestantFailure`` if it cannot go on with this case.
    func burst(warmUps: Int, repetitions: Int) throws(ContestantFailure) -> [Double]
}

/// Why a contestant has no time for a case: one sentence for its row.
struct ContestantFailure: Error, Equatable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Times contestants by turns: in each round, each of them has one burst of repetitions.
///
/// A burst begins when the threads of the one before sleep, with a repetition that is not timed; its length is the
/// same for a fast and a slow contestant, so that clock and caches settle alike.
struct Contest: Sendable {
    /// The rounds of a case.
    var rounds = 10
    /// The seconds that a burst should take.
    var burstSeconds = 0.03
    /// The seconds that all rounds of one contestant may take; a slow one has fewer rounds, but not below 5.
    var contestantSeconds = 6.0

    private static let leastRounds = 5

    /// What one contestant did.
    struct Result: Sendable {
        /// The seconds of a repetition as measured, by rounds.
        var rounds: [[Double]] = []
        /// Why there are no more.
        var failure: ContestantFailure?
        /// The bursts that began although threads of the one before did not sleep.
        var restlessStarts = 0
    }

    /// Runs all rounds. A contestant that fails drops out; the others go on.
    func run(_ contestants: [any Contestant]) -> [Result] {
        var results = [Result](repeating: Result(), count: contestants.count)
        var repetitions = [Int](repeating: 1, count: contestants.count)
        var wanted = [Int](repeating: rounds, count: contestants.count)
        var last: (any Contestant)?
        func turn(_ index: Int, warmUps: Int) -> [Double] {
            let contestant = contestants[index]
            if let last, !QuietWait.wait(for: last.processIdentifier) { results[index].restlessStarts += 1 }
            last = contestant
            do throws(ContestantFailure) {
                return try contestant.burst(warmUps: warmUps, repetitions: repetitions[index])
            } catch {
                results[index].failure = error
                return []
            }
        }
        for index in contestants.indices {
            guard let seconds = turn(index, warmUps: 1).min() else { continue }
            repetitions[index] = Int(min(max(burstSeconds / max(seconds, 1e-9), 1), 1e5))
            let affordable = contestantSeconds / max(seconds * Double(repetitions[index]), 1e-9)
            wanted[index] = min(rounds, max(Self.leastRounds, Int(min(affordable, 1e6))))
        }
        for round in 0..<rounds {
            // Whoever comes first in a round comes last in the next.
            for step in contestants.indices {
                let index = (round + step) % contestants.count
                // One with fewer rounds takes part in the first ones, so that the rounds of two can be paired.
                if results[index].failure != nil || round >= wanted[index] { continue }
                // A long repetition is its own warm-up: waking threads is nothing beside it.
                let isLong = repetitions[index] == 1
                let seconds = turn(index, warmUps: isLong ? 0 : 1)
                if results[index].failure == nil { results[index].rounds.append(seconds) }
            }
        }
        return results
    }
}

extension Contest.Result {
    /// The median of each round.
    var roundMedians: [Double] {
        rounds.map { TimingStatistics.quantile($0.sorted(), 0.5) }
    }
}
