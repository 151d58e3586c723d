/// Repeats several contestants by turns until each has had enough.
///
/// A disturbance of the machine, or its slow warming, then hits all of them alike. A contestant's next turn comes
/// when it has had the smallest share of what it needs, so that equal ones alternate strictly, and a slow one's few
/// repetitions are spread over the whole time of a fast one's many.
public struct TurnTaking: Sendable {
    /// The repetitions each contestant gets at least.
    public var minimumRepetitions: Int
    /// The seconds each contestant runs at least.
    public var minimumSeconds: Double

    /// A rule.
    public init(minimumRepetitions: Int = 5, minimumSeconds: Double = 0.5) {
        self.minimumRepetitions = minimumRepetitions
        self.minimumSeconds = minimumSeconds
    }

    /// Runs contestants `0 ..< count` and returns the seconds of each one's repetitions.
    ///
    /// - Parameter run: repeats one contestant once and returns the seconds it took.
    public func run<Failure: Error>(
        count: Int, _ run: (Int) throws(Failure) -> Double
    ) throws(Failure) -> [[Double]] {
        var seconds = [[Double]](repeating: [], count: count)
        var totals = [Double](repeating: 0, count: count)
        while true {
            var next = -1
            var smallestShare = 1.0
            for index in 0..<count {
                let share = share(repetitions: seconds[index].count, seconds: totals[index])
                if share < smallestShare { (next, smallestShare) = (index, share) }
            }
            guard next >= 0 else { return seconds }
            let elapsed = try run(next)
            seconds[next].append(elapsed)
            totals[next] += elapsed
        }
    }

    private func share(repetitions: Int, seconds: Double) -> Double {
        min(Double(repetitions) / Double(minimumRepetitions), seconds / max(minimumSeconds, 1e-9))
    }
}
