/// Borrowed matrices to multiply: a span of elements or of quantised blocks, where they lie, and whether each matrix is
/// read transposed.
///
/// It holds a pointer, kept valid by the lifetime it takes over from the span.
public struct MatrixInput: ~Escapable {
    let place: MatrixPlace

    /// The elements of `elements` laid out as `layout`, which the call checks. With `transposed`, each matrix is stored
    /// as `[rows, columns]` and read as `[columns, rows]`.
    @_lifetime(copy elements)
    public init<Element: TensorScalar>(_ elements: Span<Element>, _ layout: MatrixLayout, transposed: Bool = false) {
        let (start, count) = elements.withUnsafeBufferPointer { (UnsafeRawPointer($0.baseAddress), $0.count) }
        place = MatrixPlace(start, count: count, Element.format, layout, transposed: transposed)
    }

    /// Quantised weights `[rows, columns]` as a second factor reads them, in the order of GGUF files: the blocks of one
    /// column after those of the other. They serve every matrix of a batch.
    ///
    /// - Parameters:
    ///   - bytes: the blocks, at an even address, which the call checks.
    ///   - format: of what kind they are.
    ///   - rows: `k` of the products, a multiple of 32: the fastest dimension of the file's tensor.
    ///   - columns: `n` of the products: the slower dimension of the file's tensor.
    @_lifetime(copy bytes)
    public init(quantized bytes: RawSpan, _ format: QuantizedFormat, rows: Int, columns: Int) {
        let memory = bytes.withUnsafeBytes { $0 }
        place = MatrixPlace(quantized: memory, format, rows: rows, columns: columns)
    }

    /// Elements whose owner the caller keeps alive.
    @_lifetime(immortal)
    init(unsafe place: MatrixPlace) {
        self.place = place
    }
}

/// Mutably borrowed matrices to write: a span and where its elements lie.
public struct MatrixOutput: ~Copyable, ~Escapable {
    let place: MatrixPlace

    /// The elements of `elements` laid out as `layout`, which the call checks.
    @_lifetime(copy elements)
    public init<Element: TensorScalar>(_ elements: consuming MutableSpan<Element>, _ layout: MatrixLayout) {
        let (start, count) = elements.withUnsafeMutableBufferPointer { (UnsafeRawPointer($0.baseAddress), $0.count) }
        place = MatrixPlace(start, count: count, Element.format, layout)
    }

    /// The elements of `elements` laid out as `layout`, which the call checks; the span can be used again after it.
    @_lifetime(&elements)
    public init<Element: TensorScalar>(_ elements: inout MutableSpan<Element>, _ layout: MatrixLayout) {
        let (start, count) = elements.withUnsafeMutableBufferPointer { (UnsafeRawPointer($0.baseAddress), $0.count) }
        place = MatrixPlace(start, count: count, Element.format, layout)
    }
}

/// A second factor stored for many products: a ``PackedMatrix``, in the order in which the kernels read it, or a
/// ``QuantizedMatrix``, in the packed blocks of GGUF files. There is nothing else to conform to this protocol.
public protocol PackedFactor: Sendable {
    /// The number of rows as read: `k` of the products.
    var rows: Int { get }
    /// The number of columns as read: `n` of the products.
    var columns: Int { get }
    /// What its elements are.
    var format: MatrixFormat { get }
    /// The number of bytes it occupies.
    var byteCount: Int { get }
    /// Where it lies, for the calls of this library.
    var memory: PackedFactorMemory { get }
}

/// Where a ``PackedFactor`` lies, for the calls of this library.
public struct PackedFactorMemory {
    /// Valid as long as the owner lives.
    let place: MatrixPlace
    let owner: AnyObject
}
