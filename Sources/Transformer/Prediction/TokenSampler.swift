import AttentionKernels

/// Chooses tokens from logits by chance, reproducibly: the choices follow from the seed and the logits alone.
///
/// A row costs one softmax and, with `topK` or `topP`, a selection among the tokens that can still be chosen. Nothing is
/// allocated after the first row.
public struct TokenSampler: ~Copyable {
    private let temperature: Float
    private let topK: Int?
    private let topP: Float
    private var random: SplitMix64
    private let probabilities: ActivationBuffer
    /// The candidates, most likely first.
    private var order: [Int] = []

    /// A sampler of rows of `vocabularySize` logits.
    ///
    /// - Throws: ``TransformerError`` if a number is outside its range.
    public init(
        temperature: Float = 1, topK: Int? = nil, topP: Float = 1, seed: UInt64, vocabularySize: Int
    ) throws(TransformerError) {
        let options = GenerationOptions(
            choice: .sampling(temperature: temperature, topK: topK, topP: topP, seed: seed), maximumTokens: 0)
        try options.validate()
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        random = SplitMix64(seed: seed)
        probabilities = ActivationBuffer(width: vocabularySize)
        probabilities.reserve(1)
        order.reserveCapacity(vocabularySize)
    }

    /// A token for a row of logits.
    ///
    /// - Throws: `KernelError` if there are not `vocabularySize` of them.
    /// - Complexity: O(*vocabularySize*), and the logarithm more for `topK` and `topP`.
    public mutating func next(_ logits: Span<Float>, execution: Execution = .shared) throws(KernelError) -> Int {
        let layout = MatrixLayout(rows: 1, columns: logits.count)
        try softmax(
            MatrixInput(logits, layout), factor: 1 / temperature, into: probabilities.output(0..<1),
            execution: execution)
        let row = probabilities.row(0)
        let threshold = random.unit()
        guard topK != nil || topP < 1 else { return Self.pick(row, row.indices, sum: 1, threshold) }
        chooseCandidates(row)
        let sum = order.reduce(0.0) { $0 + Double(row[$1]) }
        return Self.pick(row, order, sum: sum, threshold)
    }

    /// The first index at which the running sum exceeds a share of the whole.
    private static func pick(
        _ row: Span<Float>, _ indices: some Sequence<Int>, sum: Double, _ threshold: Double
    ) -> Int {
        var (running, last) = (0.0, 0)
        for index in indices where row[index] > 0 {
            running += Double(row[index])
            last = index
            if running > threshold * sum { return index }
        }
        // Rounding may leave the sum just short of the threshold.
        return last
    }

    /// The `topK` most likely tokens, of them the fewest that reach `topP`; equals in the order of their numbers.
    private mutating func chooseCandidates(_ row: Span<Float>) {
        order.removeAll(keepingCapacity: true)
        let limit = min(topK ?? row.count, row.count)
        heapify(row)
        var sum = 0.0
        var chosen = 0
        // Taking the largest off a heap as often as needed: mostly a few times.
        while chosen < limit, chosen < order.count {
            let last = order.count - 1 - chosen
            order.swapAt(0, last)
            sum += Double(row[order[last]])
            chosen += 1
            siftDown(row, 0, last)
            if sum >= Double(topP) { break }
        }
        order.removeFirst(order.count - chosen)
        order.reverse()
    }

    private mutating func heapify(_ row: Span<Float>) {
        order.append(contentsOf: row.indices)
        for place in stride(from: order.count / 2 - 1, through: 0, by: -1) { siftDown(row, place, order.count) }
    }

    private mutating func siftDown(_ row: Span<Float>, _ start: Int, _ end: Int) {
        var place = start
        while true {
            var largest = place
            for child in (2 * place + 1)..<(2 * place + 3) where child < end {
                if comesBefore(row, order[child], order[largest]) { largest = child }
            }
            if largest == place { return }
            order.swapAt(place, largest)
            place = largest
        }
    }

    private func comesBefore(_ row: Span<Float>, _ a: Int, _ b: Int) -> Bool {
        row[a] > row[b] || (row[a] == row[b] && a < b)
    }
}

/// Steele, Lea and Flood 2014: a counter through a mixing function.
struct SplitMix64 {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    /// A number in `0 ..< 1`.
    mutating func unit() -> Double {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Double((mixed ^ (mixed >> 31)) >> 11) * 0x1p-53
    }
}
