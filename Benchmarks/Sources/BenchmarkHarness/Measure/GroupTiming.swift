import AttentionKernels

/// One timing of the cases of a group by turns, with what the machine did meanwhile.
struct GroupTiming {
    /// The seconds of each contestant's repetitions.
    var seconds: [[Double]]
    /// The FMA peaks measured between the turns, in GFLOP/s.
    var peaks: [Double]
    /// What else used the machine.
    var noise: NoiseWatch.Noise

    /// The middle one of the peaks.
    var peak: Double { TimingStatistics(peaks)?.median ?? 0 }

    /// Whether this timing cannot be trusted: the peak fell below what the run has seen, or others used the cores.
    func isDisturbed(_ key: PeakMeter.Key, _ meter: PeakMeter) -> Bool {
        meter.isDisturbed(key, gflops: peak)
            || noise.isDisturbing(threads: key.threads, cores: Machine.current.usableCores)
    }

    /// How much was lost, to tell the better of two timings: shares of the peak, of the cores, and of time.
    func disturbance(_ key: PeakMeter.Key, _ meter: PeakMeter) -> Double {
        let held = meter.records[key]?.peak ?? peak
        return max(0, 1 - peak / max(held, 1e-9)) + noise.stealShare
            + noise.contention(threads: key.threads, cores: Machine.current.usableCores)
    }
}

extension PeakMeter {
    /// How many seconds of turns pass between two measurements of the peak: at 2 ms each, they take some 4 %.
    private static let interval = 0.05

    /// Times `count` contestants by turns, and the peak between the turns.
    ///
    /// - Throws: what `run` throws.
    mutating func timing(
        _ key: Key, count: Int, turns: TurnTaking, _ run: (Int) throws -> Double
    ) throws -> GroupTiming {
        let watch = NoiseWatch()
        var peaks = [try measure(key, seconds: 0.002, probes: 1)]
        var last = Stopwatch.now
        let seconds = try turns.run(count: count) { index in
            if Stopwatch.now - last > Self.interval {
                peaks.append(try measure(key, seconds: 0.002, probes: 1))
                last = Stopwatch.now
            }
            return try run(index)
        }
        peaks.append(try measure(key, seconds: 0.002, probes: 1))
        return GroupTiming(seconds: seconds, peaks: peaks, noise: watch.noise())
    }
}
