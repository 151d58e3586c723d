/// Joins neighbouring tokens, the pair that was learnt first before others (Sennrich and others 2016).
struct BytePairMerges: Sendable {
    private struct Merge: Sendable {
        var rank: Int32
        var product: Int32
    }

    /// By the ids of left and right.
    private var merges: [UInt64: Merge] = [:]

    /// Merges in the order of their rank, each as the ids of left, right and product.
    init(_ list: [(left: Int, right: Int, product: Int)]) throws(TokenizerError) {
        merges.reserveCapacity(list.count)
        for (rank, merge) in list.enumerated() {
            let key = Self.key(merge.left, merge.right)
            guard merges[key] == nil else {
                throw TokenizerError(reason: .badMerge(index: rank, problem: "stands twice"))
            }
            merges[key] = Merge(rank: Int32(rank), product: Int32(merge.product))
        }
    }

    private static func key(_ left: Int, _ right: Int) -> UInt64 { UInt64(left) << 32 | UInt64(right) }

    /// A pair that could be merged: by rank, then from the left.
    private struct Candidate: Comparable {
        var rank: Int32
        var place: Int32
        var left: Int32
        var right: Int32

        static func < (first: Candidate, second: Candidate) -> Bool {
            (first.rank, first.place) < (second.rank, second.place)
        }
    }

    /// Merges `ids` until no pair is left that can be.
    ///
    /// - Complexity: O(n log n): pairs wait in a heap, and one that has changed since is passed over.
    func apply(_ ids: inout [Int]) {
        let count = ids.count
        guard count > 1 else { return }
        var next = Array(1...count)
        var previous = Array(-1..<count - 1)
        var heap = BinaryHeap<Candidate>()
        func consider(_ place: Int) {
            guard place >= 0, next[place] < count else { return }
            let (left, right) = (ids[place], ids[next[place]])
            guard let merge = merges[Self.key(left, right)] else { return }
            heap.insert(
                Candidate(rank: merge.rank, place: Int32(place), left: Int32(left), right: Int32(right)))
        }
        for place in 0..<count { consider(place) }
        while let candidate = heap.removeMinimum() {
            let place = Int(candidate.place)
            let right = next[place]
            // A token that was merged into its left neighbour has the id -1.
            guard ids[place] == Int(candidate.left), right < count, ids[right] == Int(candidate.right),
                let merge = merges[Self.key(ids[place], ids[right])]
            else { continue }
            ids[place] = Int(merge.product)
            ids[right] = -1
            next[place] = next[right]
            if next[right] < count { previous[next[right]] = place }
            consider(previous[place])
            consider(place)
        }
        ids.removeAll { $0 < 0 }
    }
}

/// A heap whose smallest element comes out first.
struct BinaryHeap<Element: Comparable> {
    private var elements: [Element] = []

    mutating func insert(_ element: Element) {
        elements.append(element)
        var child = elements.count - 1
        while child > 0, elements[child] < elements[(child - 1) / 2] {
            elements.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func removeMinimum() -> Element? {
        guard let last = elements.popLast() else { return nil }
        guard let minimum = elements.first else { return last }
        elements[0] = last
        var parent = 0
        while 2 * parent + 1 < elements.count {
            var child = 2 * parent + 1
            if child + 1 < elements.count, elements[child + 1] < elements[child] { child += 1 }
            guard elements[child] < elements[parent] else { break }
            elements.swapAt(child, parent)
            parent = child
        }
        return minimum
    }
}
