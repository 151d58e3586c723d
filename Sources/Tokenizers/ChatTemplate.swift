/// How a conversation is written as one text for a model: ChatML, where each message stands between `<|im_start|>` with
/// its role and `<|im_end|>`.
public struct ChatTemplate: Sendable, Equatable {
    /// One turn of a conversation.
    public struct Message: Sendable, Equatable {
        /// Who speaks: `system`, `user` or `assistant`.
        public var role: String
        /// What is said.
        public var content: String

        /// A message.
        public init(role: String, content: String) {
            self.role = role
            self.content = content
        }
    }

    /// What the system says where the conversation does not begin with a message of its own.
    public var defaultSystem: String?

    /// ChatML with `defaultSystem`.
    public init(defaultSystem: String?) { self.defaultSystem = defaultSystem }

    /// The template that a model file describes in the Jinja language, which is recognised, not run: it has to write
    /// messages as ChatML does, with or without a system message of its own.
    ///
    /// - Throws: ``TokenizerError`` if it writes them in another way.
    public init(jinja text: String) throws(TokenizerError) {
        let compact = text.filter { !$0.isWhitespace || $0 == "\n" }.replacing("\n", with: "\\n")
        guard compact.contains("'<|im_start|>'+message['role']+'\\n'+message['content']+'<|im_end|>'") else {
            throw TokenizerError(
                reason: .unsupported(part: "chat template", kind: "\"\(text.prefix(60))...\"", expected: "ChatML"))
        }
        let spelled = text.replacing("\\n", with: "\n")
        guard let start = spelled.firstRange(of: "'<|im_start|>system\n")?.upperBound,
            let end = spelled[start...].firstRange(of: "<|im_end|>")?.lowerBound
        else { return }
        defaultSystem = String(spelled[start..<end])
    }

    /// The ids of `messages`, followed by the beginning of the assistant's answer. Only the template's own markers
    /// become special tokens: those spelled out in a message's content stay text.
    ///
    /// - Throws: ``TokenizerError`` if the vocabulary lacks `<|im_start|>` or `<|im_end|>`.
    public func encode(_ messages: [Message], with tokenizer: BytePairTokenizer) throws(TokenizerError) -> [Int] {
        func require(_ token: String) throws(TokenizerError) -> Int {
            guard let id = tokenizer.id(of: token) else { throw TokenizerError(reason: .missingToken(token)) }
            return id
        }
        func plain(_ text: String) -> [Int] { tokenizer.encode(text, addsMarkers: false, parsesSpecialTokens: false) }
        let (start, end) = (try require("<|im_start|>"), try require("<|im_end|>"))
        var messages = messages
        if let defaultSystem, messages.first?.role != "system" {
            messages.insert(Message(role: "system", content: defaultSystem), at: 0)
        }
        var ids: [Int] = []
        for message in messages { ids += [start] + plain("\(message.role)\n\(message.content)") + [end] + plain("\n") }
        return ids + [start] + plain("assistant\n")
    }
}
