/// How the next token is chosen.
public enum TokenChoice: Sendable, Hashable {
    /// The most likely one; the first of equals.
    case greedy
    /// By chance, in proportion to `softmax(logits / temperature)` over the `topK` most likely and, of these, the fewest
    /// whose probabilities reach `topP` together (Holtzman and others 2020, section 3.1). The same seed gives the same
    /// tokens.
    case sampling(temperature: Float = 1, topK: Int? = nil, topP: Float = 1, seed: UInt64)
}

/// How a sequence is continued.
public struct GenerationOptions: Sendable, Hashable {
    /// How the next token is chosen.
    public var choice: TokenChoice
    /// The most tokens to add.
    public var maximumTokens: Int
    /// The tokens that end a sequence; they are not part of it.
    public var stopTokens: Set<Int>

    /// Options.
    public init(choice: TokenChoice = .greedy, maximumTokens: Int, stopTokens: Set<Int> = []) {
        self.choice = choice
        self.maximumTokens = maximumTokens
        self.stopTokens = stopTokens
    }

    /// Throws if a number is outside its range.
    func validate() throws(TransformerError) {
        guard maximumTokens >= 0 else {
            throw TransformerError(
                .invalidConfiguration, "maximumTokens", "it is \(maximumTokens); it should be 0 or more")
        }
        guard case .sampling(let temperature, let topK, let topP, _) = choice else { return }
        try requirePositive("temperature", temperature)
        if let topK, topK < 1 {
            throw TransformerError(
                .invalidConfiguration, "topK", "it is \(topK); it should be 1 or more, or nil for all")
        }
        guard topP > 0, topP <= 1 else {
            throw TransformerError(
                .invalidConfiguration, "topP", "it is \(topP); it should be more than 0 and at most 1")
        }
    }
}

/// Why a sequence ended.
public enum EndReason: String, Sendable, Hashable, CaseIterable {
    /// A stop token came.
    case stopToken
    /// It has the most tokens asked for.
    case maximumTokens
    /// The context has no room for more.
    case capacity
    /// The receiver of the stream asked for no more.
    case cancelled
}

/// A sequence that was continued.
public struct GeneratedSequence: Sendable, Hashable {
    /// The tokens added, without the stop token.
    public var tokens: [Int]
    /// Why there are no more.
    public var reason: EndReason

    /// A sequence.
    public init(tokens: [Int] = [], reason: EndReason = .maximumTokens) {
        self.tokens = tokens
        self.reason = reason
    }
}
