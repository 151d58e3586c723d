/// Reused memory for the tokens and positions of a call.
final class IndexBuffer {
    private var start: UnsafeMutablePointer<Int> = .allocate(capacity: 8)
    private var capacity = 8
    private(set) var count = 0

    deinit {
        start.deallocate()
    }

    /// Makes room for as many; what was there is lost.
    func reserve(_ count: Int) {
        guard count > capacity else { return }
        start.deallocate()
        start = .allocate(capacity: count)
        capacity = count
    }

    func removeAll() {
        count = 0
    }

    /// - Precondition: there is room.
    func append(_ index: Int) {
        precondition(count < capacity, "more indices than were reserved")
        start[count] = index
        count += 1
    }

    subscript(index: Int) -> Int {
        precondition(index < count, "index \(index) of \(count)")
        return start[index]
    }

    var span: Span<Int> {
        @_lifetime(immortal)
        get { _overrideLifetime(Span(_unsafeStart: UnsafePointer(start), count: count), copying: ()) }
    }

    /// Room for `count` results.
    @_lifetime(immortal)
    func mutableSpan(_ count: Int) -> MutableSpan<Int> {
        reserve(count)
        self.count = count
        return _overrideLifetime(MutableSpan(_unsafeStart: start, count: count), copying: ())
    }
}
