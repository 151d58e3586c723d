import ArgumentParser
import BenchmarkHarness

/// Runs node cases of the ONNX standard.
struct ConformanceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "conformance",
        abstract: "Runs a folder of ONNX node cases and judges every output.",
        discussion: """
            The folder holds cases.json and one safetensors file a case, as Tests/Conformance/onnx does. Lists every case \
            that fails or is not supported, and why. The exit code is the number of failures, at most 100.
            """)

    @Argument(help: ArgumentHelp("The folder with cases.json.", valueName: "folder"))
    var folder: String

    @OptionGroup var running: ExecutionArguments

    func run() throws {
        let conformance = try Conformance(
            folder: folder, kernel: running.attentionKernel(), execution: running.execution())
        print(conformance.text, terminator: "")
        if conformance.failureCount > 0 { throw ExitCode(Int32(min(conformance.failureCount, 100))) }
    }
}
