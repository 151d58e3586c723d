/// How a sweep measures.
public struct SweepSettings: Sendable {
    /// How often and how long each case runs.
    public var turns = TurnTaking()
    /// The predicted seconds of one run beyond which a naive case is skipped.
    ///
    /// The default sweep has eight series of naive cases; at six runs a case the longest of each then costs at most
    /// half a minute, and the whole sweep stays well within a quarter of an hour.
    public var naiveLimitSeconds = 5.0
    /// A case runs this long before it is timed, or once if that takes longer.
    public var warmUpSeconds = 0.05
    /// Whether threads are kept on their cores; see ``ThreadPinning``.
    public var pins = false
    /// The seed of the inputs.
    public var seed: UInt64 = 1
    /// The oracle's multiply-adds for one workload: small workloads are checked whole, large ones in a sample.
    public var oracleMultiplyAdds = 1 << 26

    /// How often a group of cases is timed at most, where the machine was disturbed.
    public var maximumAttempts = 3
    /// The share of the run's time that may go into timing disturbed cases again: on a machine that is always busy
    /// a sweep must end too.
    public var repeatShare = 0.15

    /// The usual settings.
    public init() {}

    /// What the results say of these settings.
    var record: SweepDocument.Settings {
        .init(
            minimumRepetitions: turns.minimumRepetitions, minimumSeconds: turns.minimumSeconds,
            naiveLimitSeconds: naiveLimitSeconds, seed: seed, pinned: pins)
    }

    /// What must be the same in a run that goes on from another one.
    public var conditions: String { record.conditions }

    /// How often a case runs at least: once to be checked, then timed.
    var minimumRuns: Int { turns.minimumRepetitions + 1 }
}
