/// The keys and values of the tokens seen so far, for decoding: sized when it is made, appended to in the call that
/// attends, without an allocation from then on.
///
/// ```swift
/// var cache = try KeyValueCache<BFloat16>(batch: 1, kvHeads: 8, capacity: 4096, headDim: 128)
/// let prompt = try cache.attend(query: q, appendingKey: k, value: v)      // 300 tokens
/// let next = try cache.attend(query: q1, appendingKey: k1, value: v1)     // one token
/// ```
///
/// Each sequence of the batch has its own length. A query at position `p` of a sequence sees its keys up to `p`,
/// whatever was appended in one call or in many: the output has the same bits as that of one causal call over all
/// tokens, and the same for either storage.
///
/// A cache of `Int8` holds integers and scales. An element becomes the nearest integer to its quotient by the scale, and
/// counts as that integer times the scale. Without further ado each key, and each value, of each head has a scale of its
/// own, its row's largest magnitude over 127: no element errs by more than 1/254 of that. Or each column has the scale
/// given for it, for all sequences, and quotients beyond 127 become 127.
public struct KeyValueCache<Element: CacheElement>: ~Copyable, Sendable {
    /// How the rows lie in memory.
    public enum Storage: Sendable, Hashable {
        /// Room for `capacity` keys of every sequence, one after the other.
        case contiguous
        /// Pages of `length` keys, `count` in all, given to sequences as they grow.
        case paged(length: Int, count: Int)
        /// For sliding windows: queries see their own key and the `window` keys before it, and older keys make room for
        /// new ones, of which a call appends `step` at most. Memory does not grow with `capacity`.
        case ring(window: Int, step: Int)
    }

    /// The number of sequences.
    public let batch: Int
    /// The number of key-value heads.
    public let kvHeads: Int
    /// The most keys a sequence can hold.
    public let capacity: Int
    /// The number of columns of a key.
    public let headDim: Int
    /// The number of columns of a value.
    public let valueDim: Int
    /// The number of keys each sequence holds.
    public private(set) var lengths: [Int]
    private let keys: AlignedStorage<Element>
    private let values: AlignedStorage<Element>
    private let scales: CacheScales?
    private var pages: PageAllocator?
    /// How many keys before its own a query sees in a ring, and how many keys a call may append.
    let ring: (window: Int, step: Int)?
    /// The most keys a sequence of a ring has held since it was empty: what they have overwritten is gone.
    private var longest: [Int]

    /// An empty cache.
    ///
    /// - Parameters:
    ///   - valueDim: nil for `headDim`.
    ///   - keyScales: of `Int8` alone: `[kvHeads, headDim]`, finite and 0 or more; nil: by key.
    ///   - valueScales: the same for values, `[kvHeads, valueDim]`.
    /// - Throws: ``KernelError`` if a size is negative, the memory is too large or not there, or the scales are not as
    ///   said.
    /// - Complexity: takes `batch · kvHeads · capacity · (headDim + valueDim)` elements, or
    ///   `count · length · kvHeads · (headDim + valueDim)` in pages; of a ring for `batch` times `window + step` keys and
    ///   at most two pages of up to 128. Of `Int8`, two numbers of `Float` more for each key and head.
    public init(
        batch: Int, kvHeads: Int, capacity: Int, headDim: Int, valueDim: Int? = nil, storage: Storage = .contiguous,
        keyScales: Tensor? = nil, valueScales: Tensor? = nil
    ) throws(KernelError) {
        let valueDim = valueDim ?? headDim
        for (size, argument) in [
            (batch, KernelError.Argument.batch), (kvHeads, .kvHeads), (capacity, .capacity), (headDim, .headDim),
            (valueDim, .valueDim),
        ] where size < 0 {
            throw KernelError(.negativeSize, argument, "it is \(size); it should be 0 or more")
        }
        var pages: PageAllocator?
        var rows = [batch, kvHeads, capacity]
        if case .paged(let length, let count) = storage {
            guard length > 0, count >= 0 else {
                throw KernelError(
                    .invalidValue, .pages, "there are \(count) of \(length) keys; a page should hold 1 key or more")
            }
            pages = PageAllocator(batch: batch, capacity: capacity, pageLength: length, poolCount: count)
            rows = [count, kvHeads, length]
        }
        var ring: (window: Int, step: Int)?
        if case .ring(let window, let step) = storage {
            guard window >= 0, step > 0 else {
                throw KernelError(
                    .invalidValue, .window,
                    "a window of \(window) keys with steps of \(step): they should be 0 or more, and 1 or more")
            }
            // Never more than it could hold at all.
            let span = min(window.saturatingSum(step), capacity)
            let length = span < 512 ? 16 : 128
            let count = PageAllocator.pages(span, length) + 1
            pages = PageAllocator(
                batch: batch, capacity: capacity, pageLength: length, poolCount: batch.saturatingProduct(count),
                ringCount: count)
            rows = [batch.saturatingProduct(count), kvHeads, length]
            ring = (window, step)
        }
        let keys = try TensorShape.allocate(rows + [headDim], of: Element.self)
        let values = try TensorShape.allocate(rows + [valueDim], of: Element.self)
        let scales = try CacheScales.make(
            Element.format, rows, kvHeads: kvHeads, (headDim, valueDim), ofColumns: (keyScales, valueScales))
        self.batch = batch
        self.kvHeads = kvHeads
        self.capacity = capacity
        self.headDim = headDim
        self.valueDim = valueDim
        self.keys = keys
        self.values = values
        self.scales = scales
        self.pages = pages
        self.ring = ring
        lengths = Array(repeating: 0, count: batch)
        longest = lengths
    }

    /// How the rows lie in memory.
    public var storage: Storage {
        if let ring { return .ring(window: ring.window, step: ring.step) }
        return pages.map { .paged(length: $0.pageLength, count: $0.poolCount) } ?? .contiguous
    }

    /// The pages that no sequence has; nil for contiguous storage.
    public var freePageCount: Int? { pages?.freeCount }

    /// Forgets the keys of a sequence from `length` on; its pages beyond them become free.
    ///
    /// In a ring the keys that the next query's window needs must still be there, or `length` be 0.
    ///
    /// - Throws: ``KernelError`` if there is no such sequence, or it is shorter, or a ring has overwritten keys.
    /// - Complexity: O(1), or the number of pages given back.
    public mutating func truncate(_ sequence: Int, to length: Int = 0) throws(KernelError) {
        guard lengths.indices.contains(sequence) else {
            throw KernelError(.invalidValue, .sequences, "it is \(sequence); it should be in 0 ..< \(batch)")
        }
        guard (0...lengths[sequence]).contains(length) else {
            throw KernelError(
                .invalidKeyLength, .keyLengths, "it is \(length); it should be in 0 ... \(lengths[sequence])")
        }
        if let ring, let pages, length > 0 {
            let oldest =
                max(0, PageAllocator.pages(longest[sequence], pages.pageLength) - pages.ringCount) * pages.pageLength
            guard length == lengths[sequence] || max(0, length - ring.window) >= oldest else {
                throw KernelError(
                    .invalidKeyLength, .keyLengths,
                    "it is \(length); with a window of \(ring.window) it should be 0 or at least "
                        + "\(oldest + ring.window), for older keys are overwritten")
            }
        }
        pages?.shrink(sequence, from: lengths[sequence], to: length)
        lengths[sequence] = length
        if length == 0 { longest[sequence] = 0 }
    }

    /// Makes room for `count` more keys of each of `sequences`, or throws and changes nothing.
    mutating func grow(_ sequences: Range<Int>, by count: Int, inSteps: Bool = true) throws(KernelError) {
        if let ring, inSteps, count > ring.step {
            throw KernelError(
                .cacheFull, .newKey, "there are \(count) rows; a ring of this size takes \(ring.step) at a time")
        }
        for sequence in sequences where lengths[sequence] + count > capacity {
            throw KernelError(
                .cacheFull, .newKey,
                "sequence \(sequence) holds \(lengths[sequence]) keys and cannot take \(count) more; its capacity is "
                    + "\(capacity)")
        }
        if let pages {
            var needed = 0
            for sequence in sequences { needed += pages.needed(from: lengths[sequence], to: lengths[sequence] + count) }
            guard needed <= pages.freeCount else {
                throw KernelError(
                    .cacheFull, .pages, "\(count) more keys need \(needed) pages; \(pages.freeCount) are free")
            }
        }
        for sequence in sequences {
            pages?.grow(sequence, from: lengths[sequence], to: lengths[sequence] + count)
            lengths[sequence] += count
            longest[sequence] = max(longest[sequence], lengths[sequence])
        }
    }

    /// Undoes ``grow(_:by:inSteps:)``.
    mutating func shrink(_ sequences: Range<Int>, by count: Int) {
        for sequence in sequences {
            pages?.shrink(sequence, from: lengths[sequence], to: lengths[sequence] - count)
            lengths[sequence] -= count
        }
    }

    /// Copies all rows of a sequence to one of the same length.
    mutating func copyRows(_ source: Int, to target: Int) {
        let length = lengths[source]
        longest[target] = longest[source]
        for head in 0..<kvHeads {
            var row = 0
            while row < length {
                // Rows of a head lie together as far as a page goes.
                let run = min(length - row, pages.map { $0.pageLength - row % $0.pageLength } ?? length)
                let (from, to) = (index(source, head, row), index(target, head, row))
                keys.copyRows(from, to: to, count: run, width: headDim)
                values.copyRows(from, to: to, count: run, width: valueDim)
                scales?.copyRows(from, to: to, count: run)
                row += run
            }
        }
    }

    /// The number of the row of a key among all of the storage.
    private func index(_ sequence: Int, _ head: Int, _ row: Int) -> Int {
        guard let pages else { return (sequence * kvHeads + head) * capacity + row }
        let page = Int(pages.table[sequence * pages.countPerSequence + row / pages.pageLength])
        return (page * kvHeads + head) * pages.pageLength + row % pages.pageLength
    }

    private func longestLength(_ sequences: Range<Int>) -> Int {
        // A loop: where `reduce` is not specialised, it allocates.
        var length = 0
        for sequence in sequences { length = max(length, lengths[sequence]) }
        return length
    }

    /// Where the rows of `sequences` lie. Not a function within the one that asks: it would allocate what it captures.
    private func layout(_ sequences: Range<Int>, _ length: Int, width: Int) -> AttentionLayout {
        let rows = pages?.pageLength ?? capacity
        var layout = AttentionLayout.bhsd(batch: sequences.count, heads: kvHeads, length: rows, width: width)
        layout.length = length
        if pages == nil { layout.offset = sequences.lowerBound * layout.batchStride }
        return layout
    }

    /// The keys or values of `sequences` as a problem takes them; `body` may not keep the pointers.
    func withOperands<Result>(
        _ sequences: Range<Int>, newRows: (key: CacheInput.NewRows, value: CacheInput.NewRows)?,
        _ body: (_ key: AttentionInput, _ value: AttentionInput, CacheInput) throws(KernelError) -> Result
    ) throws(KernelError) -> Result {
        let length = longestLength(sequences)
        let key = AttentionInput(
            unsafe: UnsafeRawPointer(keys.start), count: keys.count, Element.format,
            layout(sequences, length, width: headDim))
        let value = AttentionInput(
            unsafe: UnsafeRawPointer(values.start), count: values.count, Element.format,
            layout(sequences, length, width: valueDim))
        let scales = scales?.inputs(layout(sequences, length, width: 1))
        guard let pages else { return try body(key, value, CacheInput(scales: scales, newRows: newRows)) }
        var outcome: Swift.Result<Result, KernelError>?
        pages.table.withUnsafeBufferPointer { table in
            guard let start = table.baseAddress else { return }
            let first = sequences.lowerBound * pages.countPerSequence
            let input = CacheInput.Pages(
                length: pages.pageLength, poolCount: pages.poolCount, table: start + first,
                tableCount: table.count - first, countPerSequence: pages.countPerSequence)
            outcome = Swift.Result { () throws(KernelError) -> Result in
                try body(key, value, CacheInput(pages: input, scales: scales, newRows: newRows))
            }
        }
        if let outcome { return try outcome.get() }
        return try body(key, value, CacheInput(scales: scales, newRows: newRows))
    }
}
