import Foundation
import Testing

@testable import BenchmarkHarness

/// A contestant whose times are made up; it notes its turns.
private final class Scripted: Contestant {
    let processIdentifier = getpid()
    let name: String
    let seconds: Double
    let firstSeconds: Double?
    let failingBurst: Int?
    var slowBursts: ClosedRange<Int>?
    var bursts = 0
    let log: Log

    final class Log {
        var turns: [(name: String, repetitions: Int)] = []
    }

    init(
        _ name: String, seconds: Double, firstSeconds: Double? = nil, failingBurst: Int? = nil, log: Log
    ) {
        self.name = name
        self.seconds = seconds
        self.firstSeconds = firstSeconds
        self.failingBurst = failingBurst
        self.log = log
    }

    func burst(_ repetitions: Int) throws(ContestantFailure) -> [Double] {
        bursts += 1
        if bursts == failingBurst { throw ContestantFailure("it fell over") }
        log.turns.append((name, repetitions))
        let seconds = bursts == 1 ? firstSeconds ?? seconds : seconds
        let factor = slowBursts?.contains(bursts) == true ? 9.0 : 1
        return [Double](repeating: factor * seconds, count: repetitions)
    }
}

@Suite struct ContestTests {
    private let contest = Contest(
        rounds: 6, burstSeconds: 0.01, firstWarmUpSeconds: 0, contestantSeconds: 10)

    @Test func everyRoundHasABurstOfEach() throws {
        let log = Scripted.Log()
        let results = try contest.run([
            Scripted("a", seconds: 0.0009, log: log), Scripted("b", seconds: 0.0021, log: log),
        ])
        #expect(results.map(\.rounds.count) == [6, 6])
        // Bursts of both take 0.01 s.
        #expect(results[0].rounds.allSatisfy { $0.count == 11 } && results[1].rounds.allSatisfy { $0.count == 4 })
        // Every burst has its warm-up. One of each tells how long they take; then the first of a round is the last of
        // the next.
        #expect(log.turns.map(\.name).joined() == "aabb" + "aabbbbaaaabbbbaaaabbbbaa")
        #expect(log.turns.filter { $0.name == "a" }.map(\.repetitions).prefix(6) == [1, 11, 5, 11, 5, 11])
        #expect(results[0].roundMedians == [Double](repeating: 0.0009, count: 6))
    }

    @Test func slowOnesHaveFewerRoundsAndNoWarmUps() throws {
        let log = Scripted.Log()
        let results = try contest.run([
            Scripted("a", seconds: 0.001, log: log), Scripted("b", seconds: 3, log: log),
        ])
        #expect(results.map(\.rounds.count) == [6, 5])
        #expect(log.turns.filter { $0.name == "b" }.count == 2 + 5)
    }

    @Test func whoFailsDropsOutAlone() throws {
        let log = Scripted.Log()
        let results = try contest.run([
            Scripted("a", seconds: 0.001, log: log), Scripted("b", seconds: 0.001, failingBurst: 1, log: log),
            Scripted("c", seconds: 0.001, failingBurst: 7, log: log),
        ])
        #expect(results.map(\.rounds.count) == [6, 0, 2])
        #expect(results[0].failure == nil && results[1].failure?.description == "it fell over")
        let roof = Roof.compute(flops: 1e6, gflops: 10)
        let entry = ContestEntry("c", results[2], ours: results[0], roof: roof)
        #expect(entry.problem == "it fell over" && entry.medianMs == nil && entry.ratio == nil)
        let ours = ContestEntry(ContestEntry.ours, results[0], ours: nil, roof: roof)
        #expect(ours.medianMs == 1 && ours.gflops == 1 && ours.percentOfRoof == 10 && ours.ratio == nil)
    }

    // A hiccup in the first repetition must not decide how long all bursts are.
    @Test func burstsGrowToTheirLength() throws {
        let log = Scripted.Log()
        let results = try contest.run([Scripted("a", seconds: 0.0009, firstSeconds: 0.02, log: log)])
        #expect(results[0].rounds.allSatisfy { $0.count == 11 })
    }

    @Test func warmingUpGoesOnUntilItIsFast() throws {
        let log = Scripted.Log()
        let scripted = Scripted("a", seconds: 0.0009, log: log)
        // The first three attempts of the second round, as if threads shared a core.
        scripted.slowBursts = 5...7
        let results = try contest.run([scripted])
        #expect(results[0].rounds.joined().allSatisfy { $0 == 0.0009 })
        #expect(log.turns.map(\.repetitions).prefix(9) == [1, 11, 5, 11, 5, 5, 5, 5, 11])
    }

    @Test func roundsOfTwoArePaired() throws {
        var (ours, peer) = (Contest.Result(), Contest.Result())
        ours.rounds = [[1], [1], [1], [100], [100], [100]]
        peer.rounds = [[2], [2], [2]]
        let entry = ContestEntry("peer", peer, ours: ours, roof: .compute(flops: 1, gflops: 1))
        #expect(entry.ratio == 2 && entry.verdict == .faster)
    }

    @Test func aCaseHasALimit() throws {
        let log = Scripted.Log()
        var contest = Contest(rounds: 200, burstSeconds: 0.01, firstWarmUpSeconds: 0, contestantSeconds: 100)
        contest.caseSeconds = 0.05
        // A turn waits until this process is quiet: some milliseconds each.
        let results = try contest.run([
            Scripted("a", seconds: 0.0009, log: log), Scripted("b", seconds: 0.002, log: log),
        ])
        #expect((5..<200).contains(results[0].rounds.count) && results[1].rounds.count == results[0].rounds.count)
    }

    @Test func whoeverInterruptsEndsAContest() throws {
        let log = Scripted.Log()
        var asked = 0
        #expect(throws: Interruption.Requested.self) {
            try contest.run([Scripted("a", seconds: 0.0009, log: log)]) { () throws(Interruption.Requested) in
                asked += 1
                if asked > 3 { throw Interruption.Requested() }
            }
        }
        #expect(log.turns.count == 6)
    }

    @Test func disturbedContestsAreRunAgainAndMarked() throws {
        var watch = ContestWatch(contest)
        let key = PeakMeter.Key(isa: .portable, threads: 1)
        // A peak that this machine never reaches: everything beside it is disturbed.
        watch.meter.note(key, 1e6)
        let outcome = try watch.run([Scripted("a", seconds: 0.0009, log: .init())], key)
        #expect(watch.isDisturbed(outcome, key) && outcome.results[0].rounds.count == 6)
        #expect(ContestNoise(outcome).attempts == outcome.attempts && outcome.attempts >= 1)
        #expect(outcome.peakBeside > 0 && outcome.peakBeside < 1e6)
    }

    @Test func rowsFromFilesCompareAgain() throws {
        let roof = Roof(name: "compute", flops: 1e6, seconds: 1e-6)
        let ours = Contest.Result(rounds: (0..<6).map { [1e-3 + 1e-5 * Double($0)] })
        let peer = Contest.Result(rounds: (0..<6).map { [2e-3 + 3e-5 * Double($0)] })
        let rows = [
            ContestEntry(ContestEntry.ours, ours, ours: nil, roof: roof),
            ContestEntry("peer", peer, ours: ours, roof: roof),
        ]
        let read = try JSONDecoder().decode([ContestEntry].self, from: JSONEncoder().encode(rows))
        #expect(read[1].bootstrap == nil)
        let again = read.resampled()
        #expect(again[1].bootstrap?.interval == rows[1].bootstrap?.interval)
        #expect(again[1].ratio == rows[1].ratio && again[0].bootstrap == nil)
    }

    @Test func nobodyIsNoContest() throws {
        #expect(try contest.run([]).isEmpty)
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
