import ArgumentParser
import BenchmarkHarness
import Foundation
import ModelTools
import Transformer

/// Text that goes on.
struct GenerateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Answers a message, or continues a text, by a decoder; the answer appears as it is made.",
        discussion: """
            --prompt is a user's message, written as the model's conversations are; with --raw it is a text that is \
            continued as it stands, special tokens such as <|im_start|> included. Without --temperature the most likely \
            token is taken each time. Speeds are in tokens a second: prefill reads the prompt up to the first new token, \
            decode makes the others. --output writes the tensors prompt_tokens and tokens, I64, with the text as metadata.

            Weights stay as they are stored. --precision bfloat16 rounds what is multiplied with them, which reads long \
            prompts faster where the machine multiplies bf16, and short answers a little slower; integer16 makes integers of \
            16 bits of it where weights are quantized, which is faster for both. float32 is the default, for where two tokens are about equally likely, rounding may choose the other.
            """)

    @OptionGroup var model: ModelArguments

    @Option(help: "The message, or with --raw the text.")
    var prompt: String?

    @Option(help: ArgumentHelp("Token ids to continue instead of a text, with commas.", valueName: "ids"))
    var tokens: String?

    @Option(help: "What the system says first. (default: what the model's template says)")
    var system: String?

    @Flag(help: "Continue --prompt as it stands.")
    var raw = false

    @Option(help: "The most new tokens.")
    var maxTokens = 256

    @Option(help: "Choose by chance, in proportion to softmax(logits / temperature); more than 0.")
    var temperature: Float?

    @Option(help: "Choose among this many most likely tokens. (default: all)")
    var topK: Int?

    @Option(help: "Choose among the fewest tokens whose probabilities reach this share together, up to 1.")
    var topP: Float = 1

    @Option(help: "The seed of chance: the same seed gives the same tokens.")
    var seed: UInt64 = 0

    @Option(help: ArgumentHelp("The safetensors file to write; it appears complete or not at all.", valueName: "file"))
    var output: String?

    private func input() throws -> Generate.Prompt {
        switch (prompt, tokens) {
        case (let prompt?, nil):
            guard !raw || system == nil else { throw HarnessError("--system: with --raw there is no conversation") }
            return raw ? .text(prompt) : .message(prompt, system: system)
        case (nil, let tokens?): return .tokens(try ModelInput.ids(tokens, option: "--tokens"))
        default: throw HarnessError("--prompt or --tokens: one of them should say what the model continues")
        }
    }

    func run() throws {
        guard temperature != nil || (topK == nil && topP == 1) else {
            throw HarnessError("--top-k and --top-p: they need a --temperature")
        }
        let choice: TokenChoice =
            temperature.map { .sampling(temperature: $0, topK: topK, topP: topP, seed: seed) } ?? .greedy
        let document = try Generate.run(input(), choice: choice, maximumTokens: maxTokens, model.use()) { piece in
            if !model.json { FileHandle.standardOutput.show(piece) }
        }
        if let output { try document.write(path: output) }
        if model.json { return print(try ModelOutput.json(document)) }
        print()
        FileHandle.standardError.show(
            String(
                format: "%@: prefill %d tokens, %.0f tokens/s; decode %d tokens, %.1f tokens/s\n",
                document.precision, document.prefill.tokens, document.prefill.tokensPerSecond, document.decode.tokens,
                document.decode.tokensPerSecond))
    }
}
