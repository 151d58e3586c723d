import ArgumentParser
import AttentionKernels
import BenchmarkHarness

/// How one call runs.
struct ExecutionArguments: ParsableArguments {
    @Option(help: "The kernel: naive, blocked or fused.")
    var kernel = "fused"

    @Option(help: "The number of threads, or all for every usable core.")
    var threads = "all"

    @Option(help: "The instruction set by name, or best, which follows the environment variable CK_ISA.")
    var isa = "best"

    func attentionKernel() throws -> AttentionKernel {
        guard let value = AttentionKernel(rawValue: kernel) else {
            let names = AttentionKernel.allCases.map(\.rawValue).joined(separator: ", ")
            throw HarnessError("--kernel: \"\(kernel)\" should be one of \(names)")
        }
        return value
    }

    func execution() throws -> Execution {
        let threads = try ListArguments.threads(threads, usableCores: Machine.current.usableCores)
        let isas = try ListArguments.isas(isa)
        guard threads.count == 1, isas.count == 1 else {
            throw HarnessError("--threads and --isa should name one value each here, not a list")
        }
        return Execution(threads: threads[0], instructionSet: isas[0])
    }
}
