import Foundation

/// Waits until the threads of a contestant sleep.
///
/// Worker threads spin for some time after a call, LLVM's OpenMP for 200 ms: whoever runs next would share its cores
/// with them. Nothing is assumed about the pool; the CPU time that the process uses tells.
enum QuietWait {
    private static let stepSeconds = 0.002
    /// A pool that spins longer than this never sleeps.
    private static let limitSeconds = 0.6
    /// The share of one core below which a process is quiet.
    private static let quietShare = 0.2

    /// Sleeps until the process `identifier` uses next to no CPU time, and returns whether it came to that.
    static func wait(for identifier: Int32) -> Bool {
        #if os(Linux)
            var clock = clockid_t()
            guard clock_getcpuclockid(identifier, &clock) == 0 else { return true }
            let start = Stopwatch.now
            repeat {
                let (used, began) = (seconds(clock), Stopwatch.now)
                usleep(useconds_t(stepSeconds * 1e6))
                if seconds(clock) - used < quietShare * (Stopwatch.now - began) { return true }
            } while Stopwatch.now - start < limitSeconds
            return false
        #else
            // Another process's CPU time has no clock here: wait as long as the longest usual spin.
            usleep(250_000)
            return true
        #endif
    }

    #if os(Linux)
        private static func seconds(_ clock: clockid_t) -> Double {
            var time = timespec()
            guard clock_gettime(clock, &time) == 0 else { return 0 }
            return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
        }
    #endif
}
