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

            Weights stay as they are stored. Where they are quantized, what is multiplied with them becomes integers of 16 \
            bits unless --precision says otherwise: integer16, the default there, is faster for prompts and answers. Other \
            models compute in float32. --precision float32 rounds nothing before it is multiplied; its answer may be \
            another one where two tokens are about equally likely. --precision bfloat16 rounds most, and reads long \
            prompts fastest where the machine multiplies bf16. The precision is printed with the speeds.
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

    @Option(
        help: """
            Choose by chance, in proportion to softmax(logits / temperature); more than 0. (default: the most likely token)
            """)
    var temperature: Float?

    @Option(help: "Choose among this many most likely tokens. (default: all)")
    var topK: Int?

    @Option(help: "Choose among the fewest tokens whose probabilities reach this share together, up to 1.")
    var topP: Float = 1

    @Option(help: "The seed of chance: the same seed gives the same tokens.")
    var seed: UInt64 = 0

    @Option(help: ArgumentHelp("The safetensors file to write; it appears complete or not at all.", valueName: "file"))
    var output: String?

    /// Shows a piece of the answer, which JSON holds as a whole.
    private func show(_ piece: String) {
        if !model.json { FileHandle.standardOutput.show(piece) }
    }

    private func input() throws -> Generate.Prompt {
        switch (prompt, tokens) {
        case (let prompt?, nil):
            guard !raw || system == nil else { throw HarnessError("--system: with --raw there is no conversation") }
            return raw ? .text(prompt) : .message(prompt, system: system)
        case (nil, let tokens?):
            guard !raw, system == nil else {
                throw HarnessError("--raw and --system: tokens are continued as they stand; leave both out")
            }
            return .tokens(try ModelInput.ids(tokens, option: "--tokens"))
        case (nil, nil): throw HarnessError("--prompt or --tokens: one of them should say what the model continues")
        default: throw HarnessError("--prompt and --tokens: both are given; it should be one of them")
        }
    }

    /// Checked before the model is read, which takes longer.
    private func choice() throws -> TokenChoice {
        guard let temperature else {
            guard topK == nil, topP == 1 else { throw HarnessError("--top-k and --top-p: they need a --temperature") }
            return .greedy
        }
        guard temperature > 0, temperature.isFinite else {
            throw HarnessError(
                "--temperature: \(temperature) should be finite and more than 0; without it the most likely token is taken"
            )
        }
        if let topK, topK < 1 { throw HarnessError("--top-k: \(topK) should be at least 1") }
        guard topP > 0, topP <= 1 else { throw HarnessError("--top-p: \(topP) should be more than 0 and at most 1") }
        return .sampling(temperature: temperature, topK: topK, topP: topP, seed: seed)
    }

    func run() throws {
        let document = try Generate.run(
            input(), choice: choice(), maximumTokens: maxTokens, model.use(), receive: show)
        show("\n")
        if let output { try document.write(path: output) }
        if model.json { return print(try ModelOutput.json(document)) }
        FileHandle.standardError.show(
            String(
                format: "%@: prefill %d tokens, %.0f tokens/s; decode %d tokens, %.1f tokens/s\n",
                document.precision, document.prefill.tokens, document.prefill.tokensPerSecond, document.decode.tokens,
                document.decode.tokensPerSecond))
    }
}
