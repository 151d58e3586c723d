/// The result of a sweep: what its JSON file holds.
public struct SweepDocument: Codable, Sendable, Equatable {
    /// Where it ran.
    public var machine: MachineReport
    /// What `git describe --always --dirty` says of the source.
    public var commit: String
    /// When it ended, ISO 8601 in UTC.
    public var date: String
    /// The timed cases.
    public var cases: [CaseResult]
    /// The cases that were not timed because they would take too long.
    public var skipped: [SkippedCase]
    /// The cases that were not timed because their results were wrong.
    public var failed: [FailedCase]
    /// How the cases were measured.
    public var settings: Settings
    /// Whether every case was run: an interrupted sweep is not complete, and can be gone on from.
    public var complete: Bool
    /// The limits of the machine that the cases' bounds come from; nil if they were not known.
    public var limits: PeaksDocument?

    /// How the cases of a sweep were measured.
    public struct Settings: Codable, Sendable, Equatable {
        /// The repetitions of each case at least.
        public var minimumRepetitions: Int
        /// The seconds each case ran at least.
        public var minimumSeconds: Double
        /// The predicted seconds of one run beyond which a naive case is skipped.
        public var naiveLimitSeconds: Double
        /// The seed of the inputs.
        public var seed: UInt64
        /// Whether threads were kept on their cores.
        public var pinned: Bool
    }

    /// A case that was not timed, and why.
    public struct SkippedCase: Codable, Sendable, Equatable {
        /// The case's ``SweepCase/key``.
        public var key: String
        /// The case in words.
        public var text: String
        /// One sentence.
        public var reason: String
    }

    /// A case whose result was wrong.
    public struct FailedCase: Codable, Sendable, Equatable {
        /// The case's ``SweepCase/key``.
        public var key: String
        /// The case in words.
        public var text: String
        /// The largest error against the oracle.
        public var maxError: Double
        /// The largest error allowed.
        public var bound: Double
    }
}

extension SweepDocument: ResumableDocument {
    public static let noun = "sweep"
    public var conditions: String { settings.conditions }
}

extension SweepDocument.Settings {
    /// The settings in a line.
    var conditions: String {
        "seed \(seed), naive cases up to \(naiveLimitSeconds) s, \(minimumRepetitions) repetitions and \(minimumSeconds) s, "
            + "threads \(pinned ? "pinned" : "free")"
    }
}
