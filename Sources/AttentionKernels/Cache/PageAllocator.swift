/// Which page of a pool holds which keys of which sequence. All memory is taken when it is made.
///
/// In a ring a sequence never has more than `ringCount` pages: the next one it needs is its oldest.
struct PageAllocator {
    let pageLength: Int
    let poolCount: Int
    let countPerSequence: Int
    let ringCount: Int
    /// `[batch, countPerSequence]`; -1 where a sequence has no page yet.
    private(set) var table: [Int32]
    /// The pages nobody has; the last is the next to be given.
    private var free: [Int32]

    init(batch: Int, capacity: Int, pageLength: Int, poolCount: Int, ringCount: Int = .max) {
        self.ringCount = ringCount
        self.pageLength = pageLength
        self.poolCount = poolCount
        countPerSequence = Self.pages(capacity, pageLength)
        table = Array(repeating: -1, count: batch * countPerSequence)
        free = (0..<Int32(poolCount)).reversed()
    }

    var freeCount: Int { free.count }

    static func pages(_ keys: Int, _ pageLength: Int) -> Int {
        (keys + pageLength - 1) / pageLength
    }

    /// How many more pages a sequence needs to grow from `old` to `new` keys.
    func needed(from old: Int, to new: Int) -> Int {
        min(Self.pages(new, pageLength), ringCount) - min(Self.pages(old, pageLength), ringCount)
    }

    /// Gives a sequence the pages for keys `old ..< new`; there must be enough.
    mutating func grow(_ sequence: Int, from old: Int, to new: Int) {
        for place in Self.pages(old, pageLength)..<Self.pages(new, pageLength) {
            let entry = sequence * countPerSequence + place
            table[entry] = place < ringCount ? free.removeLast() : table[entry - ringCount]
        }
    }

    /// Takes back the pages that only keys from `new` on need.
    mutating func shrink(_ sequence: Int, from old: Int, to new: Int) {
        for place in (Self.pages(new, pageLength)..<Self.pages(old, pageLength)).reversed() {
            if place < ringCount { free.append(table[sequence * countPerSequence + place]) }
            table[sequence * countPerSequence + place] = -1
        }
    }
}
