import Foundation

/// The result of a run of `gemm`: what its JSON file holds.
public struct GemmDocument: ContestDocument, Equatable {
    public static let noun = "comparison of products"

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
        /// The element type.
        public var dtype: String
        /// The number of threads.
        public var threads: Int
        /// The library's instruction set.
        public var isa: String
        /// The f32 FMA peak of that instruction set and number of threads, in GFLOP/s.
        public var peakGflops: Double
        /// What limits the case.
        public var roof: Roof
        /// How fast B passed in the library's median time, in 10^9 bytes a second.
        public var readOfB: Double?
        /// Whether the peak measured beside this case fell more than 5 % below the run's best.
        public var disturbed: Bool
        /// The rows: the library's first.
        public var entries: [ContestEntry]

        var shapeText: String { "\(m)x\(n)x\(k)" }
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

    /// Whether the library itself computed a wrong product, or failed.
    public var hasFailed: Bool { cases.contains { $0.entries.ours == nil } }
}
