import Testing

@testable import BenchmarkHarness

@Suite struct StatisticsTests {
    @Test func nothingHasNoStatistics() {
        #expect(TimingStatistics([]) == nil)
    }

    @Test func oneRepetitionIsEverything() throws {
        let statistics = try #require(TimingStatistics([3]))
        #expect(statistics.median == 3 && statistics.minimum == 3 && statistics.maximum == 3)
        #expect(statistics.quartiles == 3...3 && statistics.medianInterval == 3...3 && statistics.count == 1)
    }

    @Test func oddAndEvenCounts() throws {
        let odd = try #require(TimingStatistics([5, 1, 4, 2, 3]))
        #expect(odd.median == 3 && odd.minimum == 1 && odd.maximum == 5 && odd.quartiles == 2...4)
        let even = try #require(TimingStatistics([4, 1, 2, 3]))
        #expect(even.median == 2.5 && even.quartiles == 1.75...3.25)
    }

    // Ranks of the 95 % interval from tables of the sign test: the interval runs from the (r+1)-th smallest to the
    // (r+1)-th largest.
    @Test(arguments: [(5, 0), (6, 0), (8, 0), (9, 1), (11, 1), (12, 2), (20, 5), (25, 7), (100, 39)])
    func medianRanks(count: Int, rank: Int) {
        #expect(TimingStatistics.medianRank(count) == rank)
    }

    @Test func approximationContinuesTheExactRanks() {
        #expect(abs(TimingStatistics.medianRank(501) - TimingStatistics.medianRank(500)) <= 1)
        for count in 1...2000 {
            let rank = TimingStatistics.medianRank(count)
            #expect(rank >= 0 && rank <= (count - 1) / 2)
        }
    }
}

@Suite struct TurnTakingTests {
    /// Runs contestants of fixed durations and returns the order of turns and the repetitions.
    private func order(_ durations: [Double], repetitions: Int = 5, seconds: Double = 0.5) -> (
        turns: [Int], counts: [Int]
    ) {
        var turns: [Int] = []
        let result = TurnTaking(minimumRepetitions: repetitions, minimumSeconds: seconds)
            .run(count: durations.count) { index in
                turns.append(index)
                return durations[index]
            }
        return (turns, result.map(\.count))
    }

    @Test func equalContestantsAlternate() {
        let (turns, counts) = order([0.25, 0.25, 0.25])
        #expect(counts == [5, 5, 5])
        #expect(turns == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2])
    }

    @Test func everyoneGetsEnough() {
        let (_, counts) = order([0.001, 0.01, 3])
        #expect(counts[0] >= 500 && counts[1] >= 50 && counts[2] == 5)
    }

    @Test func slowTurnsAreSpreadOverFastOnes() {
        let (turns, _) = order([0.015625, 0.125], repetitions: 4, seconds: 1)
        let places = turns.indices.filter { turns[$0] == 1 }
        #expect(places.count == 8 && turns.count == 72)
        for (earlier, later) in zip(places, places.dropFirst()) { #expect((8...10).contains(later - earlier)) }
    }

    @Test func nobodyNeedsNoTurn() {
        #expect(order([]).turns.isEmpty)
    }
}
