import AttentionKernels
import CKernels

/// Measures the rate of multiply-adds or dot products in registers: the ceiling that "% of peak" speaks of.
///
/// It is measured again and again along a sweep. The run's peak is the value that one measurement in ten reaches: what the
/// machine holds, and not what a cold one does for its first milliseconds. A value well below it says that something else
/// uses the machine.
public struct PeakMeter: Sendable {
    /// A peak belongs to an instruction set, a number of threads, and what is counted.
    public struct Key: Hashable, Sendable {
        /// The instruction set.
        public var isa: InstructionSet
        /// The number of threads.
        public var threads: Int
        /// What multiplies and adds.
        public var quantity: ComputeQuantity

        /// A key.
        public init(isa: InstructionSet, threads: Int, quantity: ComputeQuantity = .fma) {
            self.isa = isa
            self.threads = threads
            self.quantity = quantity
        }
    }

    /// What was measured for one key, in GFLOP/s.
    public struct Record: Sendable {
        /// All of it, in ascending order.
        private var values: [Double] = []

        /// The value that one measurement in ten reaches; the highest of fewer than ten.
        public var peak: Double { values[values.count - 1 - values.count / 10] }
        /// The lowest value.
        public var lowest: Double { values[0] }
        /// How often it was measured.
        public var count: Int { values.count }

        init(_ value: Double) { values = [value] }

        /// A record of which only this is known.
        init(peak: Double, lowest: Double, count: Int) {
            values = [lowest] + Array(repeating: peak, count: max(0, count - 1))
        }

        mutating func note(_ value: Double) {
            var (low, high) = (0, values.count)
            while low < high {
                let middle = (low + high) / 2
                if values[middle] < value { low = middle + 1 } else { high = middle }
            }
            values.insert(value, at: low)
        }
    }

    /// A value below this share of the peak means a disturbed machine.
    public static let disturbedShare = 0.95

    /// The measurements so far.
    public private(set) var records: [Key: Record] = [:]
    private var rates: [Key: Double] = [:]

    /// A meter without measurements.
    public init() {}

    /// Measures the peak of `key` for about `seconds` and returns this measurement's GFLOP/s.
    ///
    /// It takes the best of several short probes, because a probe that is interrupted says nothing about the peak.
    ///
    /// - Throws: ``HarnessError`` if the instruction set is not available or the threads are not in range.
    public mutating func measure(
        _ key: Key, seconds: Double = 0.04, probes: Int = 4
    ) throws(HarnessError) -> Double {
        let share = seconds / Double(probes)
        let perSecond = try roundsPerSecond(key)
        let count = max(1, Int64(perSecond * share))
        var best = 0.0
        for _ in 0..<probes {
            let (flops, elapsed) = Self.probe(key).run(rounds: count)
            best = max(best, flops / elapsed * 1e-9)
            // A rate that was found while the machine was disturbed is put right by the next run.
            rates[key] = max(rates[key] ?? 0, Double(count) / elapsed)
        }
        note(key, best)
        return best
    }

    /// Takes up the records of a run that this one goes on from.
    public mutating func restore(_ peaks: [MachineReport.Peak]) {
        for peak in peaks {
            guard let isa = InstructionSet(rawValue: peak.isa) else { continue }
            let quantity = peak.quantity.flatMap(ComputeQuantity.init) ?? .fma
            records[Key(isa: isa, threads: peak.threads, quantity: quantity)] = Record(
                peak: peak.gflops, lowest: peak.lowestGflops, count: peak.measurements)
        }
    }

    /// Notes a measurement of `gflops`.
    mutating func note(_ key: Key, _ gflops: Double) {
        if records[key]?.note(gflops) == nil { records[key] = Record(gflops) }
    }

    /// Whether a measurement is so far below the peak that the machine must have been disturbed.
    public func isDisturbed(_ key: Key, gflops: Double) -> Bool {
        gflops < Self.disturbedShare * (records[key]?.peak ?? 0)
    }

    /// Finds once how fast the rounds are.
    private mutating func roundsPerSecond(_ key: Key) throws(HarnessError) -> Double {
        if let known = rates[key] { return known }
        let seconds = 0.01
        guard let count = Self.probe(key).calibrated(seconds: seconds) else {
            throw HarnessError(
                "the \(key.quantity.rawValue) peak of \(key.isa.name) on \(key.threads) threads cannot be measured here"
            )
        }
        rates[key] = Double(count) / seconds
        return Double(count) / seconds
    }

    private static func probe(_ key: Key) -> MachineProbe {
        MachineProbe(kind: key.quantity.probe, isa: key.isa, threads: key.threads)
    }
}
