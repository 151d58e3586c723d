import ArgumentParser
import BenchmarkHarness

extension AttentionMap.Pooling: ExpressibleByArgument {}

/// Draws attention weights.
struct MapCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "map",
        abstract: "Draws the attention weights of the tensors of a safetensors file.",
        discussion: """
            \(AttentionArguments.tensors) Draws a square for \
            each head, queries downwards and keys to the right, as SVG and as a page that tells the weight under the \
            pointer. Longer sequences than --size are pooled. Weights are shares from 0 to 1.
            """)

    @Option(help: ArgumentHelp("The safetensors file to read.", valueName: "file"))
    var input: String

    @Option(
        help: ArgumentHelp(
            "The picture to write: FILE.svg, FILE.html, or a name without an ending for both.", valueName: "file"))
    var output = "attention-map"

    @Option(help: ArgumentHelp("The heads to draw, counted from 0, or all.", valueName: "list"))
    var heads = "all"

    @Option(help: "The sequence to draw, counted from 0.")
    var batchIndex = 0

    @Option(help: "The most rows and columns of cells; longer sequences are pooled, in tokens.")
    var size = 128

    @Option(
        help: ArgumentHelp(
            "What a cell of several tokens shows: mass, the share of their attention that its queries give to its keys; "
                + "or max, the largest weight.", valueName: "mass|max"))
    var pool = AttentionMap.Pooling.mass

    @Option(
        help: ArgumentHelp("The tokens of the queries: a JSON array of strings, or one a line.", valueName: "file"))
    var tokens: String?

    @Option(
        help: ArgumentHelp(
            "The tokens of the keys, where they are others than those of the queries.", valueName: "file"))
    var keyTokens: String?

    @OptionGroup var attention: AttentionArguments

    func run() throws {
        var options = MapOptions()
        (options.batch, options.size, options.pooling) = (batchIndex, size, pool)
        (options.tokens, options.keyTokens) = (tokens, keyTokens)
        guard (1...1024).contains(size) else { throw HarnessError("--size: \(size) should be from 1 to 1024") }
        if heads != "all" { options.heads = try ListArguments.indices(heads, option: "--heads") }
        let paths = try MapFiles.draw(
            input: input, output: output, attention: attention.options(), options: options)
        print("Drawn in \(paths.joined(separator: " and "))")
    }
}
