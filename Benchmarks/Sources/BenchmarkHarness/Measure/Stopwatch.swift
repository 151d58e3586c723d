import Dispatch

/// Seconds on the monotonic clock.
public enum Stopwatch {
    /// The seconds since some fixed moment.
    public static var now: Double { Double(DispatchTime.now().uptimeNanoseconds) * 1e-9 }

    /// How long `body` takes.
    public static func time<Failure: Error>(_ body: () throws(Failure) -> Void) throws(Failure) -> Double {
        let start = DispatchTime.now().uptimeNanoseconds
        try body()
        return Double(DispatchTime.now().uptimeNanoseconds - start) * 1e-9
    }
}
