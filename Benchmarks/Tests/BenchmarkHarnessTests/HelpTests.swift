import Foundation
import Testing

@testable import BenchmarkHarness

@Suite struct HelpTests {
    private static let verbs = [
        ["sweep"], ["report"], ["peaks"], ["baseline", "save"], ["baseline", "list"], ["baseline", "compare"],
        ["check"], ["compare"], ["gemm"], ["conformance"],
        ["apply", "attention"], ["apply", "gemm"], ["verify"], ["map"], ["info"],
    ]

    @Test(arguments: verbs) func everyVerbExplainsItself(verb: [String]) throws {
        let outcome = try BuiltCommand.run(verb + ["--help"])
        #expect(outcome.exitCode == 0)
        #expect(outcome.output.hasPrefix("OVERVIEW: "))
        #expect(outcome.output.contains("USAGE: attention-bench \(verb.joined(separator: " "))"))
        // An option without a word of help would end its line after its name.
        for line in outcome.output.split(separator: "\n") where line.hasPrefix("  --") {
            #expect(line.split(separator: " ").count > 1 || line.count > 24, "\(line)")
        }
    }

    @Test func unitsAreNamed() throws {
        let sweep = try BuiltCommand.run(["sweep", "--help"]).output
        for unit in ["milliseconds", "GFLOP/s", "tokens", "elements", "seconds", "% of peak", "% of bound"] {
            #expect(sweep.contains(unit), "\(unit) is missing")
        }
        #expect(try BuiltCommand.run(["peaks", "--help"]).output.contains("GB/s"))
        #expect(try BuiltCommand.run(["check", "--help"]).output.contains("in percent"))
    }

    @Test(arguments: ["bash", "zsh", "fish"]) func shellsComplete(shell: String) throws {
        let outcome = try BuiltCommand.run(["--generate-completion-script", shell])
        #expect(outcome.exitCode == 0)
        for word in ["sweep", "peaks", "baseline", "check", "map", "threshold"] {
            #expect(outcome.output.contains(word), "\(word) is missing")
        }
    }

    /// A session of the README is what the program prints, so its verbs and options must exist.
    @Test func theREADMEsCommandsAreUnderstood() throws {
        let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let readme = source.appendingPathComponent("../../README.md").standardizedFileURL
        let text = try String(contentsOf: readme, encoding: .utf8)
        let commands = text.split(separator: "\n").filter { $0.hasPrefix("    $ attention-bench ") }
        #expect(commands.count >= 10)
        for command in commands {
            let words = command.dropFirst(6).split(separator: " ").dropFirst().map(String.init)
            let verb = words.prefix { !$0.hasPrefix("-") }.filter { !["before"].contains($0) }
            let help = try BuiltCommand.run(Array(verb) + ["--help"]).output
            for option in words where option.hasPrefix("--") { #expect(help.contains(option), "\(command)") }
        }
        for heading in [
            "Warm-up", "Buffers", "Fill", "Cache state", "Threads", "Clock", "Statistic", "What is excluded",
        ] { #expect(text.contains("\n### \(heading)\n"), "\(heading) is missing") }
    }
}
