/// Borrowed matrices to multiply: a span, where its elements lie, and whether each is read transposed.
///
/// It holds a pointer, kept valid by the lifetime it takes over from the span.
public struct MatrixInput: ~Escapable {
    let start: UnsafePointer<Float>?
    let count: Int
    let layout: MatrixLayout
    let isTransposed: Bool

    /// The elements of `elements` laid out as `layout`, which the call checks. With `transposed`, each matrix is stored
    /// as `[rows, columns]` and read as `[columns, rows]`.
    @_lifetime(copy elements)
    public init(_ elements: Span<Float>, _ layout: MatrixLayout, transposed: Bool = false) {
        (start, count) = elements.withUnsafeBufferPointer { ($0.baseAddress, $0.count) }
        self.layout = layout
        isTransposed = transposed
    }

    /// Elements whose owner the caller keeps alive.
    @_lifetime(immortal)
    init(unsafe start: UnsafePointer<Float>?, count: Int, _ layout: MatrixLayout, transposed: Bool) {
        self.start = start
        self.count = count
        self.layout = layout
        isTransposed = transposed
    }
}

/// Mutably borrowed matrices to write: a span and where its elements lie.
public struct MatrixOutput: ~Copyable, ~Escapable {
    let start: UnsafeMutablePointer<Float>?
    let count: Int
    let layout: MatrixLayout

    /// The elements of `elements` laid out as `layout`, which the call checks.
    @_lifetime(copy elements)
    public init(_ elements: consuming MutableSpan<Float>, _ layout: MatrixLayout) {
        (start, count) = elements.withUnsafeMutableBufferPointer { ($0.baseAddress, $0.count) }
        self.layout = layout
    }

    /// The elements of `elements` laid out as `layout`, which the call checks; the span can be used again after it.
    @_lifetime(&elements)
    public init(_ elements: inout MutableSpan<Float>, _ layout: MatrixLayout) {
        (start, count) = elements.withUnsafeMutableBufferPointer { ($0.baseAddress, $0.count) }
        self.layout = layout
    }
}
