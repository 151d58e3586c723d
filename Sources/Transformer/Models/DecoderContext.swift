import AttentionKernels

/// A decoder at work on some sequences: their caches and the activations of the last call. Weights are shared by all
/// contexts of a model.
///
/// Caches are sized when the context is made; activations grow with the longest call so far. A step of one token a sequence
/// allocates nothing once there was one before. A row of logits has the same bits whether its tokens came in one call or in
/// many, and whatever other sequences there are. Not safe to use from two tasks at once.
public final class DecoderContext {
    /// The decoder.
    public let stack: DecoderStack
    /// The number of sequences.
    public let sequenceCount: Int
    /// The most tokens of a sequence.
    public let capacity: Int
    /// The kernel of attention.
    public let kernel: AttentionKernel
    /// Threads and instruction set.
    public let execution: Execution

    private let workspace: LayerWorkspace
    private let logitRows: ActivationBuffer
    private let caches: [any LayerCache]
    /// Keys and values of the encoder's output, a cache for each layer.
    private let crossCaches: [any LayerCache]
    private let rotary: RotaryPositions?
    private let positions = IndexBuffer()
    private let choices = IndexBuffer()

    /// A context of empty sequences.
    ///
    /// - Throws: ``TransformerError`` if the capacity is not in `1 ... maximumLength`, `KernelError` if memory runs out.
    init(
        _ stack: DecoderStack, sequenceCount: Int, capacity: Int, crossCaches: [any LayerCache] = [],
        kernel: AttentionKernel, execution: Execution
    ) throws {
        try requirePositive(("sequenceCount", sequenceCount))
        guard (1...stack.maximumLength).contains(capacity) else {
            throw TransformerError(
                .capacityExceeded, "capacity", "it is \(capacity); it should be in 1 ... \(stack.maximumLength)")
        }
        self.stack = stack
        self.sequenceCount = sequenceCount
        self.capacity = capacity
        self.kernel = kernel
        self.execution = execution
        self.crossCaches = crossCaches
        workspace = stack.makeWorkspace()
        logitRows = ActivationBuffer(width: stack.head.outputs)
        caches = try stack.layers.map {
            try stack.precision.makeCache(batch: sequenceCount, capacity: capacity, $0.attention)
        }
        rotary = try stack.rotary.map {
            try RotaryPositions($0, width: stack.layers[0].attention.headSize, count: capacity, pairing: stack.pairing)
        }
    }

    /// The number of tokens that logits are about.
    public var vocabularySize: Int { stack.head.outputs }

    /// The number of tokens of a sequence so far.
    public func length(_ sequence: Int) -> Int { caches[0].length(sequence) }

    /// Appends tokens to a sequence; ``withLogits(_:_:)`` of row 0 are then those behind the last.
    ///
    /// - Throws: ``TransformerError`` if there are none, no room for them, or one is not in the vocabulary.
    /// - Complexity: O(*tokens*) products of the model's size.
    public func append(_ tokens: [Int], to sequence: Int = 0) throws {
        try requireAny(tokens)
        try check(tokens.span, sequence..<sequence + 1, tokens.count)
        try extend(sequence, by: tokens, rowsAtOnce: Self.rowsAtOnce) { part in
            part.upperBound == tokens.count ? part.count - 1..<part.count : 0..<0
        }
    }

    /// A long prompt goes in parts of this many tokens: products are at their full speed from some 300 rows on, and
    /// activations need not grow with the prompt.
    private static let rowsAtOnce = 512

    /// Where the logits of every token are wanted, fewer: a row of them may be a hundred times as wide as all others.
    private static let logitRowsAtOnce = 128

    /// Appends tokens to a sequence part by part; the sequence is as before if one fails.
    ///
    /// - Parameters:
    ///   - logitsOf: which rows of a part need logits.
    ///   - receive: called with each part when its logits are there.
    private func extend(
        _ sequence: Int, by tokens: [Int], rowsAtOnce: Int, logitsOf: (Range<Int>) -> Range<Int>,
        receive: (Range<Int>) throws -> Void = { _ in }
    ) throws {
        let start = length(sequence)
        do {
            for first in stride(from: 0, to: tokens.count, by: rowsAtOnce) {
                let part = first..<min(first + rowsAtOnce, tokens.count)
                try run(
                    tokens.span.extracting(part), sequence..<sequence + 1, length: part.count, logitsOf: logitsOf(part))
                try receive(part)
            }
        } catch {
            // Whole parts before the one that failed are in; cutting them off again cannot fail.
            try? truncate(sequence, to: start)
            throw error
        }
    }

    /// Appends a token to each of the first sequences; ``withLogits(_:_:)`` of row `s` are then those of sequence `s`.
    ///
    /// - Throws: ``TransformerError`` if there are more tokens than sequences, no room, or one is not in the vocabulary.
    public func step(_ tokens: Span<Int>) throws {
        try run(tokens, 0..<tokens.count, length: 1, logitsOf: 0..<tokens.count)
    }

    /// The logits of every position of a sequence of tokens alone: `[tokens, vocabulary]`. Sequence 0 is emptied first and
    /// holds the tokens after.
    ///
    /// - Throws: ``TransformerError`` as ``append(_:to:)``; sequence 0 then is as before.
    public func logits(of tokens: [Int]) throws -> Tensor {
        var logits = try Tensor(shape: [tokens.count, vocabularySize])
        try forEachLogits(of: tokens) { position, row in
            var target = logits.mutableSpan
            let first = position * row.count
            for index in row.indices { target[first + index] = row[index] }
        }
        return logits
    }

    /// Calls `receive` with every position of a sequence of tokens alone, in order, and its logits. They are computed in
    /// parts, so that memory does not grow with the tokens. Sequence 0 is emptied first and holds the tokens after.
    ///
    /// - Throws: ``TransformerError`` as ``append(_:to:)``, and sequence 0 is as before; what `receive` throws, and then it
    ///   is empty.
    public func forEachLogits(of tokens: [Int], _ receive: (Int, Span<Float>) throws -> Void) throws {
        try beginAnew(tokens)
        try extend(0, by: tokens, rowsAtOnce: Self.logitRowsAtOnce) {
            0..<$0.count
        } receive: { part in
            for row in 0..<part.count { try receive(part.lowerBound + row, logitRows.row(row)) }
        }
    }

    /// What every layer attends to over a sequence of tokens alone. Sequence 0 is emptied first and holds the tokens after.
    ///
    /// - Throws: ``TransformerError`` as ``append(_:to:)``; sequence 0 then is as before.
    public func attentionWeights(of tokens: [Int]) throws -> DecoderWeights {
        try beginAnew(tokens)
        let watch = AttentionWatch()
        try run(tokens.span, 0..<1, length: tokens.count, logitsOf: 0..<0, watch)
        return DecoderWeights(tokens: watch.tokens, source: watch.source)
    }

    /// Calls `body` with a row of logits of the last call, `vocabularySize` of them.
    public func withLogits<Result>(_ row: Int, _ body: (Span<Float>) throws -> Result) rethrows -> Result {
        try body(logitRows.row(row))
    }

    /// The most likely token of each of the first `count` rows of logits; the first of equals.
    func mostLikely(_ count: Int) throws -> IndexBuffer {
        var indices = choices.mutableSpan(count)
        try argmax(logitRows.input(0..<count), into: &indices, execution: execution)
        return choices
    }

    /// Forgets the tokens of a sequence from `length` on.
    ///
    /// - Throws: `KernelError` if there is no such sequence, or it is shorter.
    public func truncate(_ sequence: Int, to length: Int = 0) throws {
        for cache in caches { try cache.truncate(sequence, to: length) }
    }

    /// Makes a sequence, with what it attends to, a copy of another.
    ///
    /// - Throws: `KernelError` if there is no such sequence.
    public func copy(_ source: Int, to target: Int) throws {
        for cache in caches + crossCaches { try cache.copy(source, to: target) }
    }

    /// Runs the decoder on `length` new tokens of each of some sequences.
    private func run(
        _ tokens: Span<Int>, _ sequences: Range<Int>, length: Int, logitsOf logitRange: Range<Int>,
        _ watch: AttentionWatch? = nil
    ) throws {
        try check(tokens, sequences, length)
        let rows = 0..<tokens.count
        workspace.reserve(rows.count)
        logitRows.reserve(logitRange.count)
        positions.reserve(rows.count)
        positions.removeAll()
        for sequence in sequences {
            let first = self.length(sequence)
            for position in first..<first + length { positions.append(position) }
        }
        do {
            try decode(tokens, sequences, length, logitRange, watch)
        } catch {
            // Layers before the one that failed hold the tokens; cutting them off again cannot fail.
            for (index, sequence) in sequences.enumerated() {
                try? truncate(sequence, to: positions[index * length])
            }
            throw error
        }
    }

    /// Empties sequence 0 for tokens that it can take.
    private func beginAnew(_ tokens: [Int]) throws {
        try requireAny(tokens)
        try check(tokens.span, 0..<1, tokens.count, isAnew: true)
        try truncate(0)
    }

    private func requireAny(_ tokens: [Int]) throws {
        guard !tokens.isEmpty else {
            throw TransformerError(.invalidInput, "tokens", "there are none; there should be one or more")
        }
    }

    /// - Parameter isAnew: whether the tokens take the place of those that the sequences have.
    private func check(
        _ tokens: Span<Int>, _ sequences: Range<Int>, _ length: Int, isAnew: Bool = false
    ) throws {
        guard sequences.lowerBound >= 0, sequences.upperBound <= sequenceCount else {
            throw TransformerError(
                .invalidInput, "sequences", "they are \(sequences); they should be inside 0 ..< \(sequenceCount)")
        }
        for index in tokens.indices where !(0..<stack.embedding.count).contains(tokens[index]) {
            throw TransformerError(
                .invalidInput, "tokens",
                "token \(index) is \(tokens[index]); it should be in 0 ..< \(stack.embedding.count)")
        }
        for sequence in sequences {
            let taken = isAnew ? 0 : self.length(sequence)
            guard taken + length <= capacity else {
                throw TransformerError(
                    .capacityExceeded, "tokens",
                    "sequence \(sequence) has \(taken) and cannot take \(length) more; its capacity is \(capacity)")
            }
        }
    }

    private func decode(
        _ tokens: Span<Int>, _ sequences: Range<Int>, _ length: Int, _ logitRange: Range<Int>,
        _ watch: AttentionWatch?
    ) throws(KernelError) {
        let rows = 0..<tokens.count
        let run = LayerRun(workspace: workspace, rows: rows, kernel: kernel, execution: execution)
        try stack.embed(tokens, positions, run)
        let place = DecoderLayer.Place(
            group: RowGroup(firstRow: 0, count: sequences.count, length: length), sequences: sequences,
            positions: positions, rotary: rotary, watch: watch)
        for index in stack.layers.indices {
            try stack.layers[index].apply(
                place, cache: caches[index], crossCache: crossCaches.isEmpty ? nil : crossCaches[index], run)
        }
        try stack.applyHead(
            LayerRun(workspace: workspace, rows: logitRange, kernel: kernel, execution: execution), logitRows)
    }
}
