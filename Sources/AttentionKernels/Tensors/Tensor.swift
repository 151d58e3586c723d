/// An owning, contiguous, row-major array of `Float` with any number of dimensions, aligned to 64 bytes.
public typealias Tensor = TypedTensor<Float>

/// An owning, contiguous, row-major array with any number of dimensions, aligned to 64 bytes.
///
/// A tensor has value semantics: copies share memory until one of them is written to.
public struct TypedTensor<Element: TensorScalar>: Sendable {
    /// The size of each dimension.
    public let shape: [Int]
    /// The distance between neighbours along each dimension, in elements.
    public let strides: [Int]
    var storage: AlignedStorage<Element>

    /// A tensor of zeros.
    ///
    /// - Throws: ``KernelError`` if a dimension is negative, the number of elements does not fit or there is not enough
    ///   memory.
    /// - Complexity: O(*n*) in the number of elements, as for all initialisers.
    public init(shape: [Int]) throws(KernelError) {
        try self.init(uninitialized: shape)
        storage.start.initialize(repeating: .zero, count: count)
    }

    /// A tensor with the given elements in row-major order.
    ///
    /// - Throws: ``KernelError`` if the number of elements is not the product of `shape`, and as ``init(shape:)``.
    public init(shape: [Int], elements: [Element]) throws(KernelError) {
        self.shape = shape
        strides = TensorShape.contiguousStrides(shape)
        storage = try TensorShape.allocate(shape, elements: elements)
    }

    /// A tensor whose elements are the results of `generate`, called once for each in row-major order with its index.
    ///
    /// - Throws: ``KernelError`` as ``init(shape:)``.
    public init(shape: [Int], generating generate: (Int) -> Element) throws(KernelError) {
        try self.init(uninitialized: shape)
        for index in 0..<count {
            storage.start.advanced(by: index).initialize(to: generate(index))
        }
    }

    /// The elements of `other` in this type: exact, or rounded to nearest, ties to even.
    ///
    /// - Throws: ``KernelError`` if there is not enough memory.
    public init<Other: TensorElement>(_ other: TypedTensor<Other>) throws(KernelError) where Element: TensorElement {
        try self.init(uninitialized: other.shape)
        for index in 0..<count {
            storage.start.advanced(by: index).initialize(to: Element(other.storage.start[index].floatValue))
        }
    }

    /// A tensor that the caller fills at once, before anyone can read it.
    init(uninitialized shape: [Int]) throws(KernelError) {
        self.shape = shape
        strides = TensorShape.contiguousStrides(shape)
        storage = try TensorShape.allocate(shape, of: Element.self)
    }

    /// The number of dimensions.
    public var rank: Int { shape.count }

    /// The number of elements.
    public var count: Int { storage.count }

    /// The elements in row-major order, to read.
    public var span: Span<Element> {
        @_lifetime(borrow self)
        get {
            let elements = Span(_unsafeStart: UnsafePointer(storage.start), count: storage.count)
            return _overrideLifetime(elements, borrowing: self)
        }
    }

    /// The elements in row-major order, to read and write. Copies them first if another tensor shares them.
    public var mutableSpan: MutableSpan<Element> {
        @_lifetime(&self)
        mutating get {
            makeUnique()
            let elements = MutableSpan(_unsafeStart: storage.start, count: storage.count)
            return _overrideLifetime(elements, mutating: &self)
        }
    }

    /// The element at `indices`, one for each dimension.
    ///
    /// - Precondition: there are as many indices as dimensions, and each is inside its dimension.
    public subscript(indices: Int...) -> Element {
        get { storage.start[position(of: indices)] }
        set {
            makeUnique()
            storage.start[position(of: indices)] = newValue
        }
    }

    /// The elements in row-major order, copied.
    public var elements: [Element] {
        Array(UnsafeBufferPointer(start: storage.start, count: storage.count))
    }

    mutating func makeUnique() {
        if !isKnownUniquelyReferenced(&storage) { storage = storage.copy() }
    }

    private func position(of indices: [Int]) -> Int {
        precondition(indices.count == rank, "a tensor of rank \(rank) takes \(rank) indices, not \(indices.count)")
        var position = 0
        for dimension in shape.indices {
            precondition(
                indices[dimension] >= 0 && indices[dimension] < shape[dimension],
                "index \(indices[dimension]) is outside dimension \(dimension) of \(shape)")
            position += indices[dimension] * strides[dimension]
        }
        return position
    }
}

extension TypedTensor: Equatable {
    /// Whether two tensors have the same shape and equal elements; NaN equals nothing.
    public static func == (left: TypedTensor, right: TypedTensor) -> Bool {
        guard left.shape == right.shape else { return false }
        return (0..<left.count).allSatisfy { left.storage.start[$0] == right.storage.start[$0] }
    }
}
