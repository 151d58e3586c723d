import Foundation

/// The result of a run of `gemm`: what its JSON file holds.
public struct GemmDocument: ContestDocument, Equatable {
    public static let noun = "comparison of products"
    public static let fileName = "gemm"

    /// One product on one number of threads.
    public struct Case: Codable, Sendable, Equatable {
        /// `gemm`.
        public var op: String
        /// The rows of A and C.
        public var m: Int
        /// The columns of B and C.
        public var n: Int
        /// The columns of A.
        public var k: Int
        /// `B`, or `B^T` where B is stored `[n, k]`.
        public var b: String
        /// The element types.
        public var dtype: GemmDType
        /// The number of threads.
        public var threads: Int
        /// The library's instruction set.
        public var isa: String
        /// The peak of arithmetic of these types on that instruction set and number of threads, in 10^9 operations a second.
        public var peakGflops: Double
        /// What that peak counts, see ``ComputeQuantity``; nil in older files: multiply-adds of f32.
        public var peakQuantity: String?
        /// What limits the case.
        public var roof: Roof
        /// How fast B passed in the library's median time, in 10^9 bytes a second.
        public var readOfB: Double?
        /// How fast the level of memory that holds B is read, in 10^9 bytes a second.
        public var readBoundGBs: Double?
        /// Whether the peak measured beside this case fell more than 5 % below the run's best, or others used its cores.
        public var disturbed: Bool
        /// What the machine did meanwhile; nil in older files.
        public var noise: ContestNoise?
        /// The rows: the library's first.
        public var entries: [ContestEntry]

        var shapeText: String { "\(m)x\(n)x\(k)" }

        /// The sizes and how B is stored.
        var shape: GemmShape { GemmShape(m, n, k, transposeB: b != GemmShape(m, n, k).storageText) }
    }

    /// Where it ran.
    public var machine: MachineReport
    /// What `git describe --always --dirty` says of the source.
    public var commit: String
    /// When the last case ended, ISO 8601 in UTC.
    public var date: String
    /// The libraries that were named.
    public var peers: [PeerReport]
    /// The cases.
    public var cases: [Case]
    /// The rounds of a case.
    public var rounds: Int
    /// The seed of the matrices.
    public var seed: UInt64
    /// Whether every case was run; nil in older files, which were.
    public var complete: Bool?
    /// What a run must have that goes on from this one; nil in older files.
    public var plan: String?

    public var conditions: String { plan ?? "" }
    public var isComplete: Bool { complete ?? true }
    public var markdown: String { GemmTables.markdown(self) }
    public var csv: String { GemmTables.csv(self) }

    /// Whether the library itself computed a wrong product, or failed.
    public var hasFailed: Bool { cases.contains { $0.entries.ours == nil } }
}
