import Foundation

/// Waits until the threads of a contestant sleep.
///
/// Worker threads spin for some time after a call, LLVM's OpenMP for 200 ms: whoever runs next would share its cores
/// with them. Nothing is assumed about the pool; the CPU time that the process uses tells.
public enum QuietWait {
    private static let stepSeconds = 0.002
    /// A pool that spins longer than this never sleeps.
    private static let limitSeconds = 0.6
    /// The share of one core below which a process is quiet.
    private static let quietShare = 0.2

    /// Sleeps until the process `identifier` uses next to no CPU time, and returns whether it came to that.
    static func wait(for identifier: Int32) -> Bool {
        guard let clock = ProcessClock(identifier) else {
            #if !os(Linux)
                // Without a clock: as long as the longest usual spin.
                usleep(250_000)
            #endif
            return true
        }
        let start = Stopwatch.now
        repeat {
            let (used, began) = (clock.seconds, Stopwatch.now)
            usleep(useconds_t(stepSeconds * 1e6))
            if clock.seconds - used < quietShare * (Stopwatch.now - began) { return true }
        } while Stopwatch.now - start < limitSeconds
        return false
    }

    /// Lets the OpenMP pools of this process, and of those it starts, spin for 20 ms instead of 200 ms: longer than any
    /// gap between the calls of a burst, and a tenth of the wait after it. To be called before the first kernel.
    public static func shortenSpins() { setenv("KMP_BLOCKTIME", "20", 0) }
}
