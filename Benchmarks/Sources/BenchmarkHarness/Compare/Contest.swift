/// One of those that compute the same case by turns.
protocol Contestant: AnyObject {
    /// The process whose threads work for it.
    var processIdentifier: Int32 { get }

    /// Repeats the case back to back and returns the seconds of each repetition, or of groups of them, divided by
    /// their number, where one is too short for the clock.
    ///
    /// - Throws: ``ContestantFailure`` if it cannot go on with this case.
    func burst(_ repetitions: Int) throws(ContestantFailure) -> [Double]
}

/// Why a contestant has no time for a case: one sentence for its row.
struct ContestantFailure: Error, Equatable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Times contestants by turns: in each round, each of them has one burst of repetitions.
///
/// A burst begins when the threads of the one before sleep, with a warm-up that goes on until a repetition is about as
/// fast as the fastest so far: threads wake, and where other programs run, the system may take a while to spread them
/// over the cores. The length of a burst is the same for a fast and a slow contestant.
struct Contest: Sendable {
    /// The rounds of a case.
    var rounds = 10
    /// The seconds that a burst should take.
    var burstSeconds = 0.03
    /// The seconds of one attempt to warm up.
    var warmUpSeconds = 0.005
    /// The seconds after which a burst is timed all the same.
    var warmUpLimitSeconds = 0.15
    /// The seconds of a contestant's first warm-up, which shows how fast it can be.
    var firstWarmUpSeconds = 0.15
    /// The seconds that all rounds of one contestant may take; a slow one has fewer rounds, but not below 5.
    var contestantSeconds = 6.0
    /// The seconds that a case should take; one that takes longer has fewer rounds, but not below 5.
    var caseSeconds = Double.infinity

    /// Fewer and shorter rounds.
    static let quick = Contest(rounds: 5, burstSeconds: 0.01, firstWarmUpSeconds: 0.02, contestantSeconds: 1)

    private static let leastRounds = 5
    /// A repetition of a warm contestant takes at most this many times the shortest so far.
    private static let warmFactor = 1.25

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
    ///
    /// - Parameter check: asked before each burst; what it throws ends the contest.
    func run(_ contestants: [any Contestant], _ check: () throws -> Void = {}) throws -> [Result] {
        let start = Stopwatch.now
        var results = [Result](repeating: Result(), count: contestants.count)
        // The shortest repetition so far: one that was disturbed says nothing about how many fill a burst.
        var shortest = [Double](repeating: .infinity, count: contestants.count)
        var last: (any Contestant)?
        func turn(_ index: Int) -> [Double] {
            let contestant = contestants[index]
            if let last, !QuietWait.wait(for: last.processIdentifier) { results[index].restlessStarts += 1 }
            last = contestant
            do throws(ContestantFailure) {
                return try burst(contestant, &shortest[index])
            } catch {
                results[index].failure = error
                return []
            }
        }
        for index in contestants.indices {
            try check()
            _ = turn(index)
        }
        let wanted = shortest.map(affordableRounds)
        var roundSeconds = 0.0
        for round in 0..<rounds {
            let began = Stopwatch.now
            if round >= Self.leastRounds && began - start + roundSeconds > caseSeconds { break }
            // Whoever comes first in a round comes last in the next.
            for step in contestants.indices {
                let index = (round + step) % contestants.count
                // One with fewer rounds takes part in the first ones, so that the rounds of two can be paired.
                if results[index].failure != nil || round >= wanted[index] { continue }
                try check()
                let seconds = turn(index)
                if results[index].failure == nil { results[index].rounds.append(seconds) }
            }
            roundSeconds = Stopwatch.now - began
        }
        return results
    }

    /// Warms a contestant up and times a burst of it; `shortest` is its shortest repetition so far.
    private func burst(_ contestant: any Contestant, _ shortest: inout Double) throws(ContestantFailure) -> [Double] {
        func repeated(for wanted: Double) throws(ContestantFailure) -> [Double] {
            let count = shortest.isFinite ? Int(min(max(wanted / max(shortest, 1e-9), 1), 1e5)) : 1
            let seconds = try contestant.burst(count)
            shortest = min(shortest, seconds.min() ?? .infinity)
            return seconds
        }
        let (start, isFirst) = (Stopwatch.now, shortest == .infinity)
        // A long repetition is its own warm-up: waking threads is nothing beside it.
        while isFirst || shortest < burstSeconds {
            let isWarm = try repeated(for: warmUpSeconds).contains { $0 <= Self.warmFactor * shortest }
            let seconds = Stopwatch.now - start
            if isFirst ? seconds > firstWarmUpSeconds : isWarm || seconds > warmUpLimitSeconds { break }
        }
        return try repeated(for: burstSeconds)
    }

    /// As many rounds as ``contestantSeconds`` allow.
    private func affordableRounds(_ seconds: Double) -> Int {
        let burst = max(burstSeconds + warmUpSeconds, seconds.isFinite ? seconds : 0)
        return min(rounds, max(Self.leastRounds, Int(contestantSeconds / burst)))
    }
}

extension Contest.Result {
    /// The median of each round.
    var roundMedians: [Double] {
        rounds.map { TimingStatistics.quantile($0.sorted(), 0.5) }
    }
}
