import ArgumentParser
import Foundation
import ModelTools

/// Sequences from sequences.
struct TranslateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "translate",
        abstract: "Answers sequences with sequences, by an encoder-decoder: SMILES with SMILES for ANNalog.",
        discussion: """
            With --beams 1 the most likely token is taken each time, for all texts side by side; otherwise a beam search \
            gives as many answers, with the natural logarithm of their probability and a score that is this divided by \
            ((5 + tokens) / 6) to the power of --length-penalty. Speed is in tokens of the best answers a second. \
            --output writes the tensors tokens and source_tokens, I64 [texts, longest] with -1 behind each, of the best \
            answers, whose texts are metadata.
            """)

    @OptionGroup var model: ModelArguments
    @OptionGroup var texts: TextArguments

    @Option(help: "The sequences that a beam search keeps; 1 for none.")
    var beams = 1

    @Option(help: "The exponent of the length penalty of a beam search.")
    var lengthPenalty = 0.6

    @Option(help: "The most tokens of an answer. (default: as many as the model has positions for)")
    var maxTokens: Int?

    @Option(help: ArgumentHelp("The safetensors file to write; it appears complete or not at all.", valueName: "file"))
    var output: String?

    func run() throws {
        var options = Translate.Options()
        (options.beams, options.lengthPenalty, options.maximumTokens) = (beams, lengthPenalty, maxTokens)
        let document = try Translate.run(texts.texts(), options, model.use())
        if let output { try document.write(path: output) }
        if model.json { return print(try ModelOutput.json(document)) }
        for translation in document.translations {
            print(translation.source)
            for answer in translation.answers {
                let score = answer.score.map { String(format: "  (score %.4f)", $0) } ?? ""
                print("    \(answer.text)\(score)\(answer.isFinished ? "" : "  ...")")
            }
        }
        print(String(format: "%.0f tokens/s", document.tokensPerSecond))
    }
}
