import AttentionKernels
import Foundation

/// A level of the memory hierarchy.
public enum MemoryLevel: String, Codable, Sendable, CaseIterable {
    case l1 = "L1"
    case l2 = "L2"
    case l3 = "L3"
    case dram = "DRAM"
}

/// The limits of one machine: what its JSON file holds.
public struct PeaksDocument: Codable, Sendable, Equatable {
    /// A limit of arithmetic.
    public struct Compute: Codable, Sendable, Equatable {
        /// `f32 FMA`, `bf16 dot`, `int8 dot` or `exp2`.
        public var quantity: String
        /// The instruction set.
        public var isa: String
        /// The number of threads.
        public var threads: Int
        /// The best of the runs, in 10^9 operations a second: 2 for each multiply-add, 1 for each exp2.
        public var best: Double
        /// Their median.
        public var median: Double
    }

    /// A limit of memory traffic.
    public struct Bandwidth: Codable, Sendable, Equatable {
        /// Where the data lies.
        public var level: MemoryLevel
        /// `read`, `write`, `copy` or `triad`; with ` streaming` where stores go past the caches.
        public var access: String
        /// The number of threads.
        public var threads: Int
        /// The bytes that each thread ran through again and again.
        public var sliceBytes: Int
        /// The best of the runs, in 10^9 bytes a second, read and written ones together.
        public var best: Double
        /// Their median.
        public var median: Double
    }

    /// The clock while all of some threads added.
    public struct Clock: Codable, Sendable, Equatable {
        /// The number of threads.
        public var threads: Int
        /// The best of the runs, in GHz.
        public var best: Double
        /// Their median.
        public var median: Double
    }

    /// The CPU's name.
    public var machine: String
    /// The usable cores.
    public var cores: Int
    /// The sizes of one core's caches and of the last level, in bytes; 0 for a level that is not there.
    public var cacheBytes: [Int]
    /// The commit that measured.
    public var commit: String
    /// When, ISO 8601 in UTC.
    public var date: String
    /// The limits of arithmetic.
    public var compute: [Compute]
    /// The limits of memory traffic.
    public var bandwidth: [Bandwidth]
    /// The clock.
    public var clock: [Clock]

    /// The best rate of `quantity`, in 10^9 operations a second.
    public func compute(_ quantity: String, isa: String, threads: Int) -> Double? {
        compute.first { $0.quantity == quantity && $0.isa == isa && $0.threads == threads }?.best
    }

    /// The best rate of reading at `level` in GB/s on `threads` threads.
    ///
    /// Numbers of threads between those measured are interpolated, and beyond them held: memory shared by cores
    /// does not grow with more of them.
    public func readBandwidth(_ level: MemoryLevel, threads: Int) -> Double? {
        let known = bandwidth.filter { $0.level == level && $0.access == "read" }.sorted { $0.threads < $1.threads }
        guard let first = known.first, let last = known.last else { return nil }
        guard threads > first.threads else { return first.best }
        guard let above = known.first(where: { $0.threads >= threads }),
            let below = known.last(where: { $0.threads <= threads })
        else { return last.best }
        if above.threads == below.threads { return above.best }
        let share = Double(threads - below.threads) / Double(above.threads - below.threads)
        return below.best + share * (above.best - below.best)
    }
}

extension PeaksDocument: HarnessDocument {
    public static let noun = "peaks"
}
