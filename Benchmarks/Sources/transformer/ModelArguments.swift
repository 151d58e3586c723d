import ArgumentParser
import AttentionKernels
import BenchmarkHarness
import Foundation
import ModelTools
import Transformer

/// The model of a command, and how it computes.
struct ModelArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp("The folder of the model; `bash Tests/run --models` fetches three.", valueName: "folder"))
    var model: String

    @Option(help: "The kernel of attention: naive, blocked or fused.")
    var kernel = "fused"

    @Option(help: "The number of threads, or all for every usable core.")
    var threads = "all"

    @Option(help: "The instruction set by name, or best, which follows the environment variable CK_ISA.")
    var isa = "best"

    @Option(
        help: ArgumentHelp(
            """
            What products are computed in: float32; bfloat16, which is faster where the machine multiplies it; or \
            integer16, which is faster for quantized weights and nearly as exact as float32. (default: float32; for \
            generate integer16 if the model has quantized weights)
            """,
            valueName: "float32|bfloat16|integer16"))
    var precision: String?

    @Flag(help: "Print JSON to the standard output instead of text.")
    var json = false

    func use() throws -> ModelUse {
        var use = ModelUse(folder: model)
        guard let kernel = AttentionKernel(rawValue: kernel) else {
            throw HarnessError("--kernel: \"\(kernel)\" should be \(Self.names(AttentionKernel.self))")
        }
        use.precision = try precision.map { name in
            guard let precision = Precision(rawValue: name) else {
                throw HarnessError("--precision: \"\(name)\" should be \(Self.names(Precision.self))")
            }
            return precision
        }
        let threads = try ListArguments.threads(threads, usableCores: Machine.current.usableCores)
        let isas = try ListArguments.isas(isa)
        guard threads.count == 1, isas.count == 1 else {
            throw HarnessError("--threads and --isa should name one value each here, not a list")
        }
        use.kernel = kernel
        use.execution = Execution(threads: threads[0], instructionSet: isas[0])
        return use
    }

    private static func names<Value: RawRepresentable<String> & CaseIterable>(_: Value.Type) -> String {
        Value.allCases.map(\.rawValue).joined(separator: " or ")
    }
}

/// The texts of a command.
struct TextArguments: ParsableArguments {
    @Option(help: ArgumentHelp("A file with a text on each line.", valueName: "file"))
    var input: String?

    @Option(parsing: .singleValue, help: "A text; may be given several times, and beside --input.")
    var text: [String] = []

    func texts() throws -> [String] {
        let texts = try (input.map { try ModelInput.lines($0) } ?? []) + text
        guard input != nil || !text.isEmpty else {
            throw HarnessError("--input or --text: one of them should say what the model reads")
        }
        return texts
    }
}

extension FileHandle {
    /// Writes text at once, so that it is seen as it comes.
    func show(_ text: String) { write(Data(text.utf8)) }
}
