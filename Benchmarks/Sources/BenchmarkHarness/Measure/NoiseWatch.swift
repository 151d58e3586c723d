import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// Watches what else uses the machine while something is measured.
public struct NoiseWatch: Sendable {
    /// What happened between two moments.
    public struct Noise: Sendable, Equatable {
        /// The seconds between them.
        public var seconds: Double
        /// How often the system took a core away from this process before it gave it back by itself.
        public var involuntarySwitches: Int
        /// The seconds that the hypervisor gave this machine's cores to others, all cores together; 0 where the
        /// system does not tell.
        public var stealSeconds: Double
        /// The seconds of processor time that other processes used; 0 where the system does not tell.
        public var otherSeconds: Double

        /// The share of one core's time that was stolen.
        public var stealShare: Double { seconds > 0 ? stealSeconds / seconds : 0 }

        /// How many cores others used that `threads` threads on `cores` cores did not leave them.
        func contention(threads: Int, cores: Int) -> Double {
            guard seconds > 0 else { return 0 }
            return max(0, otherSeconds / seconds - Double(max(0, cores - threads)))
        }

        /// Whether this much can have moved a median: 2 % of a core stolen or contended, or more than 200
        /// switches a second. A system's own threads make some 100 of 10 us where a case uses all cores.
        public func isDisturbing(threads: Int, cores: Int) -> Bool {
            stealShare > 0.02 || contention(threads: threads, cores: cores) > 0.02
                || Double(involuntarySwitches) > max(2, 200 * seconds)
        }
    }

    private let start: Reading
    /// The CPU times at the start of processes that are not others.
    private let friends: [(clock: ProcessClock, seconds: Double)]

    /// Begins to watch.
    ///
    /// - Parameter processes: processes whose work belongs to what is measured, as this one's does.
    public init(processes: [Int32] = []) {
        start = Reading()
        friends = processes.compactMap { ProcessClock($0) }.map { ($0, $0.seconds) }
    }

    /// What has happened since.
    public func noise() -> Noise {
        let now = Reading()
        let ofFriends = friends.reduce(0) { $0 + max(0, $1.clock.seconds - $1.seconds) }
        let own = now.ownSeconds - start.ownSeconds + ofFriends
        // Ticks of the system's clock: what others used is known to a hundredth of a second only.
        let busy = now.busySeconds - start.busySeconds
        return Noise(
            seconds: now.time - start.time, involuntarySwitches: now.switches - start.switches,
            stealSeconds: now.stealSeconds - start.stealSeconds,
            otherSeconds: now.busySeconds > 0 ? max(0, busy - own) : 0)
    }

    /// The counters at one moment.
    private struct Reading: Sendable {
        var time = Stopwatch.now
        var switches: Int
        var ownSeconds: Double
        var busySeconds = 0.0
        var stealSeconds = 0.0

        init() {
            var usage = rusage()
            #if os(Linux)
                getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            #else
                getrusage(RUSAGE_SELF, &usage)
            #endif
            switches = Int(usage.ru_nivcsw)
            ownSeconds = Self.seconds(usage.ru_utime) + Self.seconds(usage.ru_stime)
            guard let line = try? String(contentsOfFile: "/proc/stat", encoding: .utf8).prefix(while: { $0 != "\n" })
            else { return }
            // cpu user nice system idle iowait irq softirq steal ...
            let ticks = line.split(separator: " ").dropFirst().compactMap { Double($0) }
            guard ticks.count >= 8 else { return }
            let perSecond = Double(sysconf(Int32(_SC_CLK_TCK)))
            busySeconds = (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) / perSecond
            stealSeconds = ticks[7] / perSecond
        }

        private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) * 1e-6 }
    }
}
