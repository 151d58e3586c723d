import AttentionKernels
import Foundation

/// What the harness knows of this machine, for a terminal.
public enum InfoText {
    /// The text, and the error of the environment's choice of an instruction set, if it cannot be followed.
    public static func describe() throws -> (text: String, choiceError: KernelError?) {
        let machine = Machine.current
        let environment = ProcessInfo.processInfo.environment
        var choice = "none"
        var choiceError: KernelError?
        do throws(KernelError) {
            choice = try InstructionSet.resolved().name
        } catch {
            choiceError = error
        }
        var facts = TextTable([("fact", .left), ("value", .left)])
        facts.add(["CPU", machine.name])
        facts.add(["operating system", ProcessInfo.processInfo.operatingSystemVersionString])
        facts.add(["usable cores", "\(machine.usableCores)"])
        facts.add(["instruction sets, best first", InstructionSet.available.map(\.name).joined(separator: ", ")])
        facts.add(["chosen instruction set", choice])
        facts.add(["L1 data cache of a core", NumberText.bytes(machine.l1DataCacheBytes)])
        facts.add(["L2 cache of a core", NumberText.bytes(machine.l2CacheBytes)])
        facts.add(["last-level cache", NumberText.bytes(machine.l3CacheBytes)])
        facts.add(["thread back end", machine.parallelBackend])
        for name in ["OMP_NUM_THREADS", "OMP_PROC_BIND", "OMP_WAIT_POLICY", "CK_ISA"] {
            facts.add([name, environment[name] ?? "not set"])
        }
        facts.add(["threads pinned", ThreadPinning.isInForce ? "yes" : "no"])
        facts.add(["limits (peaks)", PeaksStore.cached().map { "measured \($0.date)" } ?? "not measured yet"])
        facts.add(["commit", SourceRevision.describe()])
        facts.add(["built with Swift", MachineReport.compiler])
        facts.add(["Swift on the PATH", swiftOnPath()])
        return (facts.aligned + "\n" + (try peaks()), choiceError)
    }

    private static func peaks() throws(HarnessError) -> String {
        var meter = PeakMeter()
        var table = TextTable([("instruction set", .left), ("threads", .right), ("f32 FMA peak, GFLOP/s", .right)])
        let cores = Machine.current.usableCores
        for isa in InstructionSet.available {
            for threads in cores > 1 ? [1, cores] : [1] {
                let gflops = try meter.measure(PeakMeter.Key(isa: isa, threads: threads), seconds: 0.2)
                table.add([isa.name, "\(threads)", NumberText.fixed(gflops, 1)])
            }
        }
        return table.aligned
    }

    private static func swiftOnPath() -> String {
        guard let swift = CommandLineTool.find("swift"),
            let outcome = try? CommandLineTool.run(swift, ["--version"]), outcome.exitCode == 0,
            let line = outcome.output.split(separator: "\n").first
        else { return "none" }
        return String(line)
    }
}
