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
