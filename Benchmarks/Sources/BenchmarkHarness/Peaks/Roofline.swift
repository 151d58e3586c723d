import AttentionKernels

/// The bound that applies to a piece of work: arithmetic, or the level of memory that must deliver its data
/// (Williams, Waterman and Patterson, 2009).
public struct RooflineBound: Sendable, Equatable {
    /// `compute`, or the name of the level.
    public var name: String
    /// The rate that it allows, in GFLOP/s.
    public var gflops: Double

    /// The name of the bound that arithmetic is.
    static let compute = "compute"
}

/// Finds bounds from the limits of a machine.
public struct Roofline: Sendable {
    private let peaks: PeaksDocument

    /// A roofline under the limits of `peaks`.
    public init(_ peaks: PeaksDocument) { self.peaks = peaks }

    /// The smallest level that holds `bytes` that `threads` cores share out among them.
    public func level(holding bytes: Int, threads: Int) -> MemoryLevel {
        for (index, level) in [MemoryLevel.l1, .l2, .l3].enumerated() where index < peaks.cacheBytes.count {
            let capacity = peaks.cacheBytes[index] * (level == .l3 ? 1 : min(threads, peaks.cores))
            if bytes <= capacity { return level }
        }
        return .dram
    }

    /// How fast the level that holds `bytes` is read, in GB/s; nil if that was not measured.
    func readBandwidth(of bytes: Int, threads: Int) -> Double? {
        peaks.readBandwidth(level(holding: bytes, threads: threads), threads: threads)
    }

    /// The bound on work of `flops` operations that must touch `bytes` of memory once.
    ///
    /// - Parameter computePeak: the peak of arithmetic in GFLOP/s, from the same run as the work's time.
    public func bound(flops: Double, bytes: Int, threads: Int, computePeak: Double) -> RooflineBound {
        let level = level(holding: bytes, threads: threads)
        guard bytes > 0, let bandwidth = readBandwidth(of: bytes, threads: threads) else {
            return RooflineBound(name: RooflineBound.compute, gflops: computePeak)
        }
        let memory = flops / Double(bytes) * bandwidth
        return memory < computePeak
            ? RooflineBound(name: level.rawValue, gflops: memory)
            : RooflineBound(name: RooflineBound.compute, gflops: computePeak)
    }
}

extension SweepCase {
    /// The bytes of Q, K, V and O: what any kernel must read or write at least once.
    public var compulsoryBytes: Int {
        let queries = shape.batch * shape.heads * shape.queryLength * (shape.headDim + shape.valueDim)
        return dtype.query.byteCount * queries + shape.keyValueBytes(dtype)
    }
}
