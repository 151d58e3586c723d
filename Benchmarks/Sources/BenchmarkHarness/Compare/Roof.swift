/// What limits a case on this machine, and the least time it could take.
public struct Roof: Codable, Sendable, Equatable {
    /// `compute`, or what is read as fast as it can be: `L2 read`.
    public var name: String
    /// The floating-point operations of one repetition.
    public var flops: Double
    /// The seconds that the roof allows.
    public var seconds: Double

    /// The roof of `flops` at a peak of `gflops`.
    public static func compute(flops: Double, gflops: Double) -> Roof {
        Roof(name: "compute", flops: flops, seconds: flops / max(gflops * 1e9, 1))
    }
}

extension Roof {
    /// The roof of `flops` that read `bytes`: arithmetic at a peak of `gflops`, or the level that holds the bytes.
    init(_ limits: PeaksDocument, flops: Double, bytes: Double, threads: Int, gflops: Double) {
        let bound = Roofline(limits).bound(flops: flops, bytes: Int(bytes), threads: threads, computePeak: gflops)
        name = bound.name == "compute" ? bound.name : "\(bound.name) read"
        self.flops = flops
        seconds = flops / max(bound.gflops * 1e9, 1)
    }
}
