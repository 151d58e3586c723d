import AttentionKernels

/// Continues a prompt token by token: each is chosen from the logits behind all before it (the loop of "Attention Is All You
/// Need", section 3.1, "auto-regressive").
///
/// ```swift
/// let context = try model.makeContext(capacity: 2048)
/// let options = GenerationOptions(choice: .sampling(temperature: 0.7, topP: 0.9, seed: 1), maximumTokens: 200)
/// let answer = try generate(context, prompt: tokens, options: options) { token in
///     print(tokenizer.text(token), terminator: "")
///     return true
/// }
/// ```
///
/// - Parameters:
///   - context: the model at work; sequence 0 is continued, after what it holds.
///   - prompt: the tokens to begin with, one or more; for an encoder-decoder its start token.
///   - options: how to choose, and when to stop.
///   - receive: called with each new token as it comes, stop tokens excepted; false ends the sequence.
/// - Returns: the new tokens, and why there are no more.
/// - Throws: ``TransformerError`` if an option is outside its range or the prompt is wrong; what `receive` throws.
public func generate(
    _ context: DecoderContext, prompt: [Int], options: GenerationOptions, receive: (Int) throws -> Bool = { _ in true }
) throws -> GeneratedSequence {
    try options.validate()
    try context.append(prompt)
    var chooser = try TokenChooser(options.choice, context)
    var result = GeneratedSequence()
    result.tokens.reserveCapacity(options.maximumTokens)
    while result.tokens.count < options.maximumTokens {
        let token = try chooser.next(context)
        if options.stopTokens.contains(token) {
            result.reason = .stopToken
            return result
        }
        result.tokens.append(token)
        guard try receive(token) else {
            result.reason = .cancelled
            return result
        }
        if result.tokens.count == options.maximumTokens { break }
        guard context.length(0) < context.capacity else {
            result.reason = .capacity
            return result
        }
        let tokens = CollectionOfOne(token)
        try context.step(tokens.span)
    }
    return result
}

/// Chooses from the first row of a context's logits.
private struct TokenChooser: ~Copyable {
    private var sampler: TokenSampler?

    init(_ choice: TokenChoice, _ context: DecoderContext) throws(TransformerError) {
        switch choice {
        case .greedy: sampler = nil
        case .sampling(let temperature, let topK, let topP, let seed):
            sampler = try TokenSampler(
                temperature: temperature, topK: topK, topP: topP, seed: seed, vocabularySize: context.vocabularySize)
        }
    }

    mutating func next(_ context: DecoderContext) throws -> Int {
        guard sampler != nil else { return try context.mostLikely(1)[0] }
        return try context.withLogits(0) { try sampler!.next($0, execution: context.execution) }
    }
}

/// Continues many sequences side by side, each by its most likely tokens: one step of the model serves all that have not
/// ended, and an ended one leaves no padding behind.
///
/// Each sequence gets the tokens it would get alone.
///
/// - Parameters:
///   - context: the model at work, with as many empty sequences as there are prompts, or more.
///   - prompts: the tokens to begin with, one or more for each sequence. Prompts of one token are a single step.
///   - maximumTokens: the most tokens to add to each.
///   - stopTokens: the tokens that end a sequence.
/// - Returns: the new tokens of each sequence, and why there are no more.
/// - Throws: ``TransformerError`` if there are too many prompts or one is wrong.
public func generateAll(
    _ context: DecoderContext, prompts: [[Int]], maximumTokens: Int, stopTokens: Set<Int>
) throws -> [GeneratedSequence] {
    guard prompts.count <= context.sequenceCount else {
        throw TransformerError(
            .invalidInput, "prompts",
            "there are \(prompts.count); the context has \(context.sequenceCount) sequences")
    }
    var batch = GreedyBatch(context, prompts, maximumTokens, stopTokens)
    return try batch.run()
}

/// Sequences in the first places of a context; the last moves to the place of one that ends.
private struct GreedyBatch {
    private let context: DecoderContext
    private let prompts: [[Int]]
    private let maximumTokens: Int
    private let stopTokens: Set<Int>
    private var results: [GeneratedSequence]
    /// The sequence in each place.
    private var active: [Int]
    /// The next token of each place.
    private var next: [Int]

    init(_ context: DecoderContext, _ prompts: [[Int]], _ maximumTokens: Int, _ stopTokens: Set<Int>) {
        self.context = context
        self.prompts = prompts
        self.maximumTokens = maximumTokens
        self.stopTokens = stopTokens
        results = prompts.map { _ in GeneratedSequence() }
        active = Array(prompts.indices)
        next = []
    }

    mutating func run() throws -> [GeneratedSequence] {
        guard maximumTokens > 0, !prompts.isEmpty else { return results }
        if prompts.allSatisfy({ $0.count == 1 }) {
            next = prompts.map { $0[0] }
            try advance()
        } else {
            for (sequence, prompt) in prompts.enumerated() {
                try context.append(prompt, to: sequence)
                next.append(try context.mostLikely(1)[0])
            }
        }
        while true {
            try settle()
            if active.isEmpty { return results }
            try advance()
        }
    }

    /// A step of all active sequences.
    private mutating func advance() throws {
        try context.step(next.span)
        let tokens = try context.mostLikely(next.count)
        for place in next.indices { next[place] = tokens[place] }
    }

    /// Takes the new tokens in and ended sequences out.
    private mutating func settle() throws {
        for place in active.indices.reversed() {
            let (sequence, token) = (active[place], next[place])
            let stops = stopTokens.contains(token)
            if !stops { results[sequence].tokens.append(token) }
            let isFull = context.length(place) == context.capacity
            guard stops || isFull || results[sequence].tokens.count == maximumTokens else { continue }
            results[sequence].reason =
                stops ? .stopToken : results[sequence].tokens.count == maximumTokens ? .maximumTokens : .capacity
            let last = active.count - 1
            if place != last { try context.copy(last, to: place) }
            active[place] = active[last]
            next[place] = next[last]
            active.removeLast()
            next.removeLast()
        }
    }
}
