import ArgumentParser
import BenchmarkHarness
import Foundation
import ModelTools

/// Logits of given tokens.
struct LogitsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logits",
        abstract: "Computes the logits behind every position of given tokens, to compare with other implementations.",
        discussion: """
            --output writes the tensor logits, F32 [positions, vocabulary]: row i scores the token behind --tokens 0 to i. \
            It writes tokens, and source where there is one, I64, too. An encoder-decoder needs --source, its tokens \
            with <sos> and <eos> (2 and 3 for ANNalog), and --tokens that begin with <sos>.
            """)

    @OptionGroup var model: ModelArguments

    @Option(help: ArgumentHelp("The token ids, with commas: 1,2,3.", valueName: "ids"))
    var tokens: String

    @Option(help: ArgumentHelp("The token ids of an encoder-decoder's source.", valueName: "ids"))
    var source: String?

    @Option(help: ArgumentHelp("The safetensors file to write; it appears complete or not at all.", valueName: "file"))
    var output: String?

    @Option(help: "How many of the most likely next tokens to print for each position.")
    var top = 3

    func run() throws {
        guard top >= 1 else { throw HarnessError("--top: \(top) should be at least 1") }
        let document = try Logits.run(
            tokens: ModelInput.ids(tokens, option: "--tokens"),
            source: source.map { try ModelInput.ids($0, option: "--source") }, best: top, output: output, model.use())
        if model.json { return print(try ModelOutput.json(document)) }
        for (position, choices) in document.best.enumerated() {
            let words = choices.map { choice in
                String(format: "%@ %.4f", choice.text?.debugDescription ?? "\(choice.token)", Double(choice.logit))
            }
            print("\(position): \(words.joined(separator: ", "))")
        }
    }
}
