import ArgumentParser
import BenchmarkHarness
import Foundation
import ModelTools

/// Pictures of attention.
struct AttendCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attend",
        abstract: "Draws the attention that a model's tokens pay each other, by layer and head.",
        discussion: """
            Draws a square for each layer and head, queries downwards and keys to the right, labelled by tokens, as SVG \
            and as a page that tells the weight under the pointer; weights are shares from 0 to 1. The views: heads, every \
            head; mean, the average of each layer's heads; rollout, how much of each token's information has reached each \
            output up to a layer, the residual counted as half (Abnar and Zuidema 2020). With all, each has a file of \
            its own: OUTPUT-heads, OUTPUT-mean, OUTPUT-rollout. Of an encoder-decoder --part chooses the encoder's \
            attention to the text, the decoder's to its answer, or cross, from the answer to the text. --tensors writes \
            attention, F32 [layers, heads, queries, keys], rollout, F32 [layers, queries, keys], and query_ids and \
            key_ids, I64.
            """)

    @OptionGroup var model: ModelArguments

    @Option(help: "The text; of an encoder-decoder the source.")
    var text: String

    @Option(help: "The answer of an encoder-decoder to look at. (default: its own)")
    var target: String?

    @Option(
        help: ArgumentHelp(
            "Whose attention. (default: cross where there is that, else the one there is)",
            valueName: "encoder|decoder|cross"))
    var part: String?

    @Option(
        help: ArgumentHelp("The name of the pictures, with the ending .svg or .html for one kind.", valueName: "file"))
    var output = "attention"

    @Option(help: ArgumentHelp("What to draw.", valueName: "heads|mean|rollout|all"))
    var view = "all"

    @Option(help: ArgumentHelp("The layers to draw, counted from 0, or all.", valueName: "list"))
    var layers = "all"

    @Option(help: ArgumentHelp("The heads to draw, counted from 0, or all.", valueName: "list"))
    var heads = "all"

    @Option(help: "The most rows and columns of cells; longer texts are pooled, in tokens.")
    var size = 128

    @Option(help: ArgumentHelp("The safetensors file to write the weights to.", valueName: "file"))
    var tensors: String?

    func run() throws {
        guard (1...1024).contains(size) else { throw HarnessError("--size: \(size) should be from 1 to 1024") }
        let views = try ListArguments.names(view, option: "--view", of: Attend.View.self)
        let layers = try layers == "all" ? nil : ListArguments.indices(layers, option: "--layers")
        let heads = try heads == "all" ? nil : ListArguments.indices(heads, option: "--heads")
        let part = try part.map { name in
            guard let part = Attend.Part(rawValue: name) else {
                throw HarnessError("--part: \"\(name)\" should be encoder, decoder or cross")
            }
            return part
        }
        let attend = try Attend(text, target: target, part: part, model.use())
        var files: [String] = []
        for view in views {
            let output = views.count == 1 ? output : Self.name(output, view)
            files += try attend.draw(view, layers: layers, heads: heads, size: size, output: output)
        }
        if let tensors {
            try attend.write(path: tensors)
            files.append(tensors)
        }
        if model.json { return print(try ModelOutput.json(attend.document(files: files))) }
        print("Written: \(files.joined(separator: ", "))")
    }

    /// `name` with that of the view before its ending.
    private static func name(_ name: String, _ view: Attend.View) -> String {
        for ending in [".svg", ".html"] where name.hasSuffix(ending) {
            return name.dropLast(ending.count) + "-\(view.rawValue)" + ending
        }
        return "\(name)-\(view.rawValue)"
    }
}
