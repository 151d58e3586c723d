import ArgumentParser
import BenchmarkHarness

/// Tells what the harness knows of this machine.
struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Shows this machine: instruction sets, caches, cores, peaks, thread settings.")

    func run() throws {
        let (text, choiceError) = try InfoText.describe()
        print(text, terminator: "")
        if let choiceError { throw choiceError }
    }
}
