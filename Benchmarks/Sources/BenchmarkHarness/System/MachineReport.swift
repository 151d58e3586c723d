import AttentionKernels
import Foundation

/// The machine a sweep ran on, as its results tell it.
public struct MachineReport: Codable, Sendable, Equatable {
    /// The peak of one instruction set on one number of threads.
    public struct Peak: Codable, Sendable, Equatable {
        /// The instruction set.
        public var isa: String
        /// The number of threads.
        public var threads: Int
        /// What was counted, see ``ComputeQuantity``; nil in older files, which knew multiply-adds of f32 alone.
        public var quantity: String?
        /// The value that one measurement of the run in ten reaches, in GFLOP/s.
        public var gflops: Double
        /// The lowest of them.
        public var lowestGflops: Double
        /// How many there were.
        public var measurements: Int

        /// ``quantity``, whatever the age of the file.
        var quantityName: String { quantity ?? ComputeQuantity.fma.rawValue }
    }

    /// The CPU's name.
    public var name: String
    /// The usable cores.
    public var cores: Int
    /// The instruction set used unless another is asked for; "none" if the environment names one this machine lacks.
    public var isa: String
    /// Every instruction set this machine has, best first.
    public var isas: [String]
    /// The size of one core's first-level data cache.
    public var l1dBytes: Int
    /// The size of one core's second-level cache.
    public var l2Bytes: Int
    /// The size of the last-level cache.
    public var l3Bytes: Int
    /// The operating system.
    public var os: String
    /// What runs the threads.
    public var backend: String
    /// The compiler that built the harness.
    public var swift: String
    /// The peaks measured in the run.
    public var peaks: [Peak]

    /// The cores of this machine that may be used.
    static var usableCores: Int { Machine.current.usableCores }

    /// This machine, with the peaks that `meter` has measured.
    public static func current(_ meter: PeakMeter) -> MachineReport {
        let machine = Machine.current
        let peaks = meter.records.sorted {
            ($0.key.isa.name, $0.key.quantity.rawValue, $0.key.threads)
                < ($1.key.isa.name, $1.key.quantity.rawValue, $1.key.threads)
        }
        return MachineReport(
            name: machine.name, cores: machine.usableCores, isa: (try? InstructionSet.resolved())?.name ?? "none",
            isas: InstructionSet.available.map(\.name), l1dBytes: machine.l1DataCacheBytes,
            l2Bytes: machine.l2CacheBytes, l3Bytes: machine.l3CacheBytes,
            os: ProcessInfo.processInfo.operatingSystemVersionString, backend: machine.parallelBackend,
            swift: compiler,
            peaks: peaks.map {
                Peak(
                    isa: $0.key.isa.name, threads: $0.key.threads, quantity: $0.key.quantity.rawValue,
                    gflops: $0.value.peak.significant(), lowestGflops: $0.value.lowest.significant(),
                    measurements: $0.value.count)
            })
    }

    /// Sentences about peaks that fall short of one core's times the number of threads: work that runs elsewhere on
    /// the machine along the whole sweep cannot show as a fall of the peak, but it shows here.
    public var scalingRemarks: [String] {
        peaks.compactMap { peak in
            guard peak.threads > 1, peak.threads <= cores,
                let one = peaks.first(where: {
                    $0.isa == peak.isa && $0.threads == 1 && $0.quantityName == peak.quantityName
                }),
                peak.gflops < 0.8 * Double(peak.threads) * one.gflops
            else { return nil }
            return "The \(peak.quantityName) peak of \(peak.isa) on \(peak.threads) threads is only "
                + "\(NumberText.fixed(peak.gflops / one.gflops, 2)) times that on one: the cores are shared, with other "
                + "work or with each other's hardware threads."
        }
    }

    /// The name of this machine's folder of results: CPU and cores in lower case, with hyphens.
    public var folderName: String {
        let text = "\(name) \(cores) cores".lowercased()
        let words = text.split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }
        return words.joined(separator: "-")
    }

    /// The version of the compiler that built this file, as far as conditional compilation tells it.
    public static var compiler: String {
        #if compiler(>=6.5)
            "6.5 or later"
        #elseif compiler(>=6.4)
            "6.4"
        #elseif compiler(>=6.3)
            "6.3"
        #else
            "6.2"
        #endif
    }
}
