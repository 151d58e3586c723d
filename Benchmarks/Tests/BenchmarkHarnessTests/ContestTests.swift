import Foundation
import Testing

@testable import BenchmarkHarness

/// A contestant whose times are made up; it notes its turns.
private final class Scripted: Contestant {
    let processIdentifier = getpid()
    let name: String
    let seconds: Double
    let failingBurst: Int?
    var bursts = 0
    let log: Log

    final class Log {
        var turns: [(name: String, warmUps: Int, repetitions: Int)] = []
    }

    init(_ name: String, seconds: Double, failingBurst: Int? = nil, log: Log) {
        self.name = name
        self.seconds = seconds
        self.failingBurst = failingBurst
        self.log = log
    }

    func burst(warmUps: Int, repetitions: Int) throws(ContestantFailure) -> [Double] {
        bursts += 1
        if bursts == failingBurst { throw ContestantFailure("it fell over") }
        log.turns.append((name, warmUps, repetitions))
        return [Double](repeating: seconds, count: repetitions)
    }
}

@Suite struct ContestTests {
    private let contest = Contest(rounds: 6, burstSeconds: 0.01, contestantSeconds: 10)

    @Test func everyRoundHasABurstOfEach() {
        let log = Scripted.Log()
        let results = contest.run([
            Scripted("a", seconds: 0.001, log: log), Scripted("b", seconds: 0.0021, log: log),
        ])
        #expect(results.map(\.rounds.count) == [6, 6])
        // Bursts of both take 0.01 s.
        #expect(results[0].rounds.allSatisfy { $0.count == 10 } && results[1].rounds.allSatisfy { $0.count == 4 })
        // A burst of each tells how long they take; then the first of a round is the last of the next.
        #expect(log.turns.map(\.name).joined() == "ab" + "abbaabbaabba")
        #expect(log.turns.allSatisfy { $0.warmUps == 1 })
        #expect(results[0].roundMedians == [Double](repeating: 0.001, count: 6))
    }

    @Test func slowOnesHaveFewerRoundsAndNoWarmUps() {
        let log = Scripted.Log()
        let results = contest.run([
            Scripted("a", seconds: 0.001, log: log), Scripted("b", seconds: 3, log: log),
        ])
        #expect(results.map(\.rounds.count) == [6, 5])
        #expect(log.turns.filter { $0.name == "b" }.map(\.warmUps) == [1, 0, 0, 0, 0, 0])
    }

    @Test func whoFailsDropsOutAlone() {
        let log = Scripted.Log()
        let results = contest.run([
            Scripted("a", seconds: 0.001, log: log), Scripted("b", seconds: 0.001, failingBurst: 1, log: log),
            Scripted("c", seconds: 0.001, failingBurst: 4, log: log),
        ])
        #expect(results.map(\.rounds.count) == [6, 0, 2])
        #expect(results[0].failure == nil && results[1].failure?.description == "it fell over")
        let roof = Roof.compute(flops: 1e6, gflops: 10)
        let entry = ContestEntry("c", results[2], ours: results[0], roof: roof)
        #expect(entry.problem == "it fell over" && entry.medianMs == nil && entry.ratio == nil)
        let ours = ContestEntry(ContestEntry.ours, results[0], ours: nil, roof: roof)
        #expect(ours.medianMs == 1 && ours.gflops == 1 && ours.percentOfRoof == 10 && ours.ratio == nil)
    }

    @Test func roundsOfTwoArePaired() throws {
        var (ours, peer) = (Contest.Result(), Contest.Result())
        ours.rounds = [[1], [1], [1], [100], [100], [100]]
        peer.rounds = [[2], [2], [2]]
        let entry = ContestEntry("peer", peer, ours: ours, roof: .compute(flops: 1, gflops: 1))
        #expect(entry.ratio == 2 && entry.verdict == .faster)
    }

    @Test func nobodyIsNoContest() {
        #expect(contest.run([]).isEmpty)
    }

    @Test func waitingEndsWhenTheProcessSleeps() throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        // Busy for about 0.15 s by the shell's own loop, then asleep.
        process.arguments = ["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; sleep 30"]
        try process.run()
        defer {
            process.terminate()
            process.waitUntilExit()
        }
        while !QuietWait.wait(for: process.processIdentifier) {}
        #expect(process.isRunning)
        #expect(QuietWait.wait(for: process.processIdentifier))
    }
}
