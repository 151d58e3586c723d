import AttentionKernels
import BenchmarkHarness
import PretrainedModels
import Safetensors
import Tokenizers
import Transformer

/// Text that goes on, by a decoder.
public enum Generate {
    /// What the model continues.
    public enum Prompt: Sendable {
        /// A user's message, written as the model's conversations are, behind words of the system.
        case message(String, system: String?)
        /// A text as it stands.
        case text(String)
        /// Tokens.
        case tokens([Int])
    }

    /// What `--json` prints.
    public struct Document: Encodable, Sendable {
        /// How fast a part went.
        public struct Speed: Encodable, Sendable {
            public var tokens: Int
            public var seconds: Double
            public var tokensPerSecond: Double

            init(tokens: Int, seconds: Double) {
                self.tokens = tokens
                self.seconds = seconds
                tokensPerSecond = seconds > 0 ? Double(tokens) / seconds : 0
            }
        }

        public var model: String
        /// In which it was computed: `float32`, `bfloat16` or `integer16`.
        public var precision: String
        public var promptTokens: [Int]
        /// The new tokens, without the one that ended them.
        public var tokens: [Int]
        public var text: String
        /// `stopToken`, `maximumTokens` or `capacity`.
        public var reason: String
        /// Reading the prompt, up to the first new token.
        public var prefill: Speed
        /// The new tokens behind the first.
        public var decode: Speed

        /// Writes `prompt_tokens` and `tokens`, I64, and the text as metadata.
        public func write(path: String) throws {
            var writer = SafetensorsWriter(metadata: ["model": model, "text": text])
            try writer.add("prompt_tokens", shape: [promptTokens.count], integers: promptTokens)
            try writer.add("tokens", shape: [tokens.count], integers: tokens)
            try writer.write(path: path)
        }
    }

    /// Continues `prompt`.
    ///
    /// - Parameters:
    ///   - choice: how each token is chosen.
    ///   - maximumTokens: the most new tokens.
    ///   - receive: called with each piece of text as it comes.
    /// - Throws: an error of one sentence if the model is no decoder, or prompt and answer do not fit it.
    public static func run(
        _ prompt: Prompt, choice: TokenChoice, maximumTokens: Int, _ use: ModelUse, receive: (String) -> Void
    ) throws -> Document {
        let chat = try use.model("a decoder (*.gguf)", preferring: nil) {
            if case .chat(let chat) = $0 { chat } else { nil }
        }
        let ids =
            switch prompt {
            case .message(let text, let system): try chat.tokens(ofMessage: text, system: system)
            case .text(let text): chat.tokens(of: text)
            case .tokens(let ids): ids
            }
        let option = if case .tokens = prompt { "--tokens" } else { "--prompt" }
        guard !ids.isEmpty else { throw HarnessError("\(option): it has no tokens; there should be one or more") }
        let limit = chat.model.configuration.contextLength
        guard ids.count < limit else {
            throw HarnessError(
                "\(option): it has \(ids.count) tokens; it should have at most \(limit - 1), for the model has room for "
                    + "\(limit), the answer's included")
        }
        guard (1...limit - ids.count).contains(maximumTokens) else {
            throw HarnessError(
                "--max-tokens: \(maximumTokens) should be from 1 to \(limit - ids.count): the prompt has "
                    + "\(ids.count) tokens, the model room for \(limit)")
        }
        let context = try chat.model.makeContext(capacity: ids.count + maximumTokens, kernel: use.kernel)
        var stream = StreamingDecoder(chat.tokenizer)
        let clock = ContinuousClock()
        let start = clock.now
        var first: ContinuousClock.Instant?
        var text = ""
        let options = GenerationOptions(
            choice: choice, maximumTokens: maximumTokens, stopTokens: [chat.endToken])
        let result = try generate(context, prompt: ids, options: options) { token in
            first = first ?? clock.now
            let piece = try stream.decode(token)
            text += piece
            receive(piece)
            return true
        }
        let end = clock.now
        let rest = stream.finish()
        if !rest.isEmpty { receive(rest) }
        let begin = first ?? end
        return Document(
            model: use.folder, precision: chat.model.precision.rawValue, promptTokens: ids, tokens: result.tokens,
            text: text + rest, reason: result.reason.rawValue,
            prefill: .init(tokens: ids.count, seconds: (begin - start).seconds),
            decode: .init(tokens: max(result.tokens.count - 1, 0), seconds: (end - begin).seconds))
    }
}
