import ArgumentParser
import BenchmarkHarness
import Foundation
import ModelTools

/// Embeddings of sentences.
struct EmbedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "embed",
        abstract: "Gives texts embeddings: vectors of length 1 whose dot product says how close they are in meaning.",
        discussion: """
            --output writes the tensors embeddings, F32 [texts, width], a row for each line of --input and then for each \
            --text; and input_ids and attention_mask, I64 [texts, longest]. Texts longer than the model reads (256 tokens \
            for MiniLM) are cut. Similarities are cosines from -1 to 1.
            """)

    @OptionGroup var model: ModelArguments
    @OptionGroup var texts: TextArguments

    @Option(help: ArgumentHelp("The safetensors file to write; it appears complete or not at all.", valueName: "file"))
    var output: String?

    @Option(help: ArgumentHelp("Print the texts closest in meaning to this one.", valueName: "text"))
    var search: String?

    @Option(help: "How many texts --search prints.")
    var top = 5

    func run() throws {
        guard top >= 1 else { throw HarnessError("--top: \(top) should be at least 1") }
        let lines = try texts.texts()
        let embed = try Embed(lines, model.use())
        if let output { try embed.write(path: output) }
        if let search {
            let found = try embed.search(search, count: top)
            if model.json { return print(try ModelOutput.json(found)) }
            for match in found.matches ?? [] {
                print(String(format: "%.4f  line %d  %@", Double(match.similarity), match.line, match.text))
            }
        } else if model.json {
            print(try ModelOutput.json(embed.document))
        } else {
            print("\(embed.embeddings.shape[0]) embeddings of width \(embed.embeddings.shape[1])")
            for sentence in (embed.document.sentences ?? []).prefix(top) {
                let first = sentence.embedding.prefix(4).map { String(format: "%.5f", Double($0)) }
                print("\(first.joined(separator: " ")) ...  \(sentence.tokens.count) tokens  \(sentence.text)")
            }
            if lines.count > top { print("... and \(lines.count - top) more") }
        }
    }
}
