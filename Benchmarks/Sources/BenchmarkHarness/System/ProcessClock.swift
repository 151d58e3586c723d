import Foundation

/// The CPU time that a process has used.
struct ProcessClock: Sendable {
    #if os(Linux)
        private let clock: clockid_t

        /// The clock of the process `identifier`; nil if there is no such process.
        init?(_ identifier: Int32) {
            var clock = clockid_t()
            guard clock_getcpuclockid(identifier, &clock) == 0 else { return nil }
            self.clock = clock
        }

        /// The seconds so far, of all its threads; 0 once it has ended.
        var seconds: Double {
            var time = timespec()
            guard clock_gettime(clock, &time) == 0 else { return 0 }
            return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
        }
    #else
        /// Another process's CPU time has no clock here.
        init?(_ identifier: Int32) { nil }

        let seconds = 0.0
    #endif
}
