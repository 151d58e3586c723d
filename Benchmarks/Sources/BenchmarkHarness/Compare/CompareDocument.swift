/// The result of a run of `compare`: what its JSON file holds.
public struct CompareDocument: ContestDocument, Equatable {
    public static let noun = "comparison with peers"
    public static let fileName = "compare"

    /// One attention.
    public struct Case: Codable, Sendable, Equatable {
        /// `attention`.
        public var op: String
        /// The element type.
        public var dtype: SweepDType
        /// The number of sequences.
        public var batch: Int
        /// The number of query heads.
        public var heads: Int
        /// The number of key-value heads.
        public var kvHeads: Int
        /// The number of queries.
        public var queryLength: Int
        /// The number of keys.
        public var keyLength: Int
        /// The width of a query and a key.
        public var headDim: Int
        /// The width of a value.
        public var valueDim: Int
        /// The rules of the mask.
        public var mask: SweepMask
        /// The number of threads.
        public var threads: Int
        /// The library's instruction set.
        public var isa: String
        /// The peak of arithmetic of these types on that instruction set and number of threads, in GFLOP/s.
        public var peakGflops: Double
        /// What limits the case.
        public var roof: Roof
        /// How fast K and V passed in the library's median time, in 10^9 bytes a second.
        public var readOfKV: Double?
        /// How fast the level of memory that holds K and V is read, in 10^9 bytes a second.
        public var readBoundGBs: Double?
        /// Whether the peak measured beside this case fell more than 5 % below the run's best, or others used its cores.
        public var disturbed: Bool
        /// What the machine did meanwhile; nil in older files.
        public var noise: ContestNoise?
        /// The rows: the library's first.
        public var entries: [ContestEntry]

        /// What was measured.
        var compareCase: CompareCase {
            CompareCase(
                AttentionShape(
                    batch: batch, heads: heads, kvHeads: kvHeads, queryLength: queryLength, keyLength: keyLength,
                    headDim: headDim, valueDim: valueDim), mask, dtype: dtype)
        }

        /// The case in words.
        var text: String { compareCase.text }
    }

    /// Where it ran.
    public var machine: MachineReport
    /// What `git describe --always --dirty` says of the source.
    public var commit: String
    /// When the last case ended, ISO 8601 in UTC.
    public var date: String
    /// The peers that were named.
    public var peers: [PeerReport]
    /// The cases.
    public var cases: [Case]
    /// The rounds of a case.
    public var rounds: Int
    /// The seed of the tensors.
    public var seed: UInt64
    /// Whether every case was run; nil in older files, which were.
    public var complete: Bool?
    /// What a run must have that goes on from this one; nil in older files.
    public var plan: String?

    public var conditions: String { plan ?? "" }
    public var isComplete: Bool { complete ?? true }
    public var markdown: String { CompareTables.markdown(self) }
    public var csv: String { CompareTables.csv(self) }

    /// Whether the library itself computed a wrong result, or failed.
    public var hasFailed: Bool { cases.contains { $0.entries.ours == nil } }
}
