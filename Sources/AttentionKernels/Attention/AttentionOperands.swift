/// A borrowed input of attention: a span and where its elements lie.
///
/// It holds a pointer, kept valid by the lifetime it takes over from the span.
public struct AttentionInput: ~Escapable {
    let start: UnsafePointer<Float>?
    let count: Int
    let layout: AttentionLayout

    /// The elements of `elements` laid out as `layout`, which the call checks.
    @_lifetime(copy elements)
    public init(_ elements: Span<Float>, _ layout: AttentionLayout) {
        (start, count) = elements.withUnsafeBufferPointer { ($0.baseAddress, $0.count) }
        self.layout = layout
    }

    /// Elements whose owner the caller keeps alive.
    @_lifetime(immortal)
    init(unsafe start: UnsafePointer<Float>?, count: Int, _ layout: AttentionLayout) {
        self.start = start
        self.count = count
        self.layout = layout
    }
}

/// A mutably borrowed output of attention: a span and where its elements lie.
public struct AttentionOutput: ~Copyable, ~Escapable {
    let start: UnsafeMutablePointer<Float>?
    let count: Int
    let layout: AttentionLayout

    /// The elements of `elements` laid out as `layout`, which the call checks.
    @_lifetime(copy elements)
    public init(_ elements: consuming MutableSpan<Float>, _ layout: AttentionLayout) {
        (start, count) = elements.withUnsafeMutableBufferPointer { ($0.baseAddress, $0.count) }
        self.layout = layout
    }

    /// The elements of `elements` laid out as `layout`, which the call checks; the span can be used again after it.
    @_lifetime(&elements)
    public init(_ elements: inout MutableSpan<Float>, _ layout: AttentionLayout) {
        (start, count) = elements.withUnsafeMutableBufferPointer { ($0.baseAddress, $0.count) }
        self.layout = layout
    }
}
