import AttentionKernels

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// How a beam search looks and when it ends.
public struct BeamOptions: Sendable, Hashable {
    /// The sequences kept at each step.
    public var width: Int
    /// The exponent `α` of the length penalty; 0 for none.
    public var lengthPenalty: Double
    /// The most tokens to add.
    public var maximumTokens: Int
    /// The tokens that end a sequence; they are not part of it, but count in its score.
    public var stopTokens: Set<Int>

    /// Options.
    public init(width: Int, lengthPenalty: Double = 0.6, maximumTokens: Int, stopTokens: Set<Int>) {
        self.width = width
        self.lengthPenalty = lengthPenalty
        self.maximumTokens = maximumTokens
        self.stopTokens = stopTokens
    }
}

/// A sequence that a beam search found.
public struct Beam: Sendable, Hashable {
    /// The tokens added, without the stop token.
    public var tokens: [Int]
    /// The sum of the logarithms of their probabilities, the stop token's included.
    public var logProbability: Double
    /// That, divided by the length penalty: what beams are compared by.
    public var score: Double
    /// Whether a stop token ended it.
    public var isFinished: Bool
}

/// The most probable continuations of a prompt that a search over `width` sequences at a time finds, compared by
///
/// ```
/// score = log P(tokens) / ((5 + length) / 6)^α
/// ```
///
/// (Wu and others 2016, section 7, equation 14; length counts the stop token). Equal scores are ordered by the beam they
/// come from and the token's number, so the result is the same on every machine. The search ends when `width` sequences
/// have ended and no unfinished one can overtake the worst of them.
///
/// - Parameters:
///   - context: the model at work, with `width` empty sequences or more; those of an encoder-decoder attend to one source.
///   - prompt: the tokens to begin with, one or more.
///   - options: width, penalty and end.
/// - Returns: up to `width` beams, best first.
/// - Throws: ``TransformerError`` if an option is outside its range or the prompt is wrong.
public func beamSearch(_ context: DecoderContext, prompt: [Int], options: BeamOptions) throws -> [Beam] {
    guard options.width >= 1, options.width <= context.sequenceCount else {
        throw TransformerError(
            .invalidConfiguration, "width",
            "it is \(options.width); it should be in 1 ... \(context.sequenceCount), the sequences of the context")
    }
    guard options.maximumTokens >= 1 else {
        throw TransformerError(
            .invalidConfiguration, "maximumTokens", "it is \(options.maximumTokens); it should be 1 or more")
    }
    guard options.lengthPenalty.isFinite else {
        throw TransformerError(
            .invalidConfiguration, "lengthPenalty", "it is \(options.lengthPenalty); it should be finite")
    }
    var search = BeamSearch(context, options)
    return try search.run(prompt)
}

private struct BeamSearch {
    private struct Candidate {
        let beam: Int
        let token: Int
        let logProbability: Double
    }

    private let context: DecoderContext
    private let options: BeamOptions
    private let logProbabilities: ActivationBuffer
    private var live: [Beam] = []
    private var finished: [Beam] = []

    init(_ context: DecoderContext, _ options: BeamOptions) {
        self.context = context
        self.options = options
        logProbabilities = ActivationBuffer(width: context.vocabularySize)
        logProbabilities.reserve(options.width)
    }

    mutating func run(_ prompt: [Int]) throws -> [Beam] {
        try context.append(prompt)
        live = [Beam(tokens: [], logProbability: 0, score: 0, isFinished: false)]
        for step in 1...options.maximumTokens {
            let chosen = take(try candidates(), step)
            if isDecided || live.isEmpty || step == options.maximumTokens || context.length(0) == context.capacity {
                break
            }
            let tokens = try rearrange(chosen)
            try context.step(tokens.span)
        }
        return Array((finished + live).sorted { $0.score > $1.score }.prefix(options.width))
    }

    /// The best continuations of all live beams: as many as there may be stop tokens among them, and `width` more.
    private func candidates() throws -> [Candidate] {
        let count = min(options.width + options.width * options.stopTokens.count, context.vocabularySize * live.count)
        var best: [Candidate] = []
        for beam in live.indices {
            try context.withLogits(beam) { logits in
                try softmax(
                    MatrixInput(logits, MatrixLayout(rows: 1, columns: logits.count)), logarithm: true,
                    into: logProbabilities.output(beam..<beam + 1), execution: context.execution)
            }
            let row = logProbabilities.row(beam)
            for token in row.indices {
                let sum = live[beam].logProbability + Double(row[token])
                if best.count == count, let worst = best.last, sum <= worst.logProbability { continue }
                // Behind all that are as likely, which come from earlier beams and tokens.
                let place = best.firstIndex { $0.logProbability < sum } ?? best.count
                best.insert(Candidate(beam: beam, token: token, logProbability: sum), at: place)
                if best.count > count { best.removeLast() }
            }
        }
        return best
    }

    /// Sorts candidates into finished and live beams; returns those that live.
    private mutating func take(_ candidates: [Candidate], _ length: Int) -> [Candidate] {
        let penalty = pow((5 + Double(length)) / 6, options.lengthPenalty)
        var (next, chosen): ([Beam], [Candidate]) = ([], [])
        for candidate in candidates where next.count < options.width {
            let stops = options.stopTokens.contains(candidate.token)
            var beam = live[candidate.beam]
            beam.logProbability = candidate.logProbability
            beam.score = candidate.logProbability / penalty
            beam.isFinished = stops
            if stops {
                finished.append(beam)
            } else {
                beam.tokens.append(candidate.token)
                next.append(beam)
                chosen.append(candidate)
            }
        }
        finished.sort { $0.score > $1.score }
        finished.removeLast(max(finished.count - options.width, 0))
        live = next
        return chosen
    }

    /// Whether no live beam can reach the worst finished one: its probability only falls, its penalty is at most that of
    /// the greatest length.
    private var isDecided: Bool {
        guard finished.count == options.width, let worst = finished.last, let best = live.first else { return false }
        let length = options.lengthPenalty > 0 ? options.maximumTokens : best.tokens.count + 1
        return best.logProbability / pow((5 + Double(length)) / 6, options.lengthPenalty) <= worst.score
    }

    /// Gives each live beam the cache of the one it continues, and returns the token to append to each.
    ///
    /// The first to continue a beam keeps its place; the others copy it to places that nobody continues. So no cache is
    /// overwritten that is still to be copied.
    private mutating func rearrange(_ chosen: [Candidate]) throws -> [Int] {
        var owners = [Int?](repeating: nil, count: chosen.count)
        for (index, candidate) in chosen.enumerated()
        where candidate.beam < owners.count && owners[candidate.beam] == nil {
            owners[candidate.beam] = index
        }
        let settled = Set(owners.compactMap(\.self))
        var free = owners.indices.filter { owners[$0] == nil }[...]
        for index in chosen.indices where !settled.contains(index) {
            let place = free.removeFirst()
            try context.copy(chosen[index].beam, to: place)
            owners[place] = index
        }
        let order = owners.compactMap(\.self)
        live = order.map { live[$0] }
        return order.map { chosen[$0].token }
    }
}
