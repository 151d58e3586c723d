import ArgumentParser
import AttentionKernels
import BenchmarkHarness

/// Compares kernels, or a user's own output, with the double-precision oracle.
struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Compares every kernel, or a given output, with the double-precision oracle.",
        discussion: """
            The input holds an attention (q, k, v and so on) or a matrix product (a, b), as apply reads them. Without a \
            candidate every kernel runs on every instruction set of this machine, with one thread and with all. Ends \
            with exit code 1 if an error exceeds its bound. Errors of attention are absolute; those of products are in units \
            of eps (2^-23) times the size of what was added up.
            """)

    @Option(help: ArgumentHelp("The safetensors file with the inputs.", valueName: "file"))
    var input: String

    @Option(help: ArgumentHelp("A safetensors file with outputs to check: o, lse, weights; or c.", valueName: "file"))
    var candidate: String?

    @Flag(help: "Check every row, however long the oracle takes.")
    var allRows = false

    @OptionGroup var attention: AttentionArguments
    @OptionGroup var gemm: GemmArguments

    func run() throws {
        // A wrong CK_ISA is an error here too, though every instruction set is tried.
        _ = try InstructionSet.resolved()
        let verification = try Verify.run(
            input: input, candidate: candidate, attention: attention.options(), gemm: gemm.options,
            checksAllRows: allRows)
        print(verification.text, terminator: "")
        if !verification.passes { throw ExitCode.failure }
    }
}
