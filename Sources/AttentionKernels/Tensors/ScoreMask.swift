/// The bytes of a boolean mask over scores `[batch, heads, queryLength, keyLength]`, owned and shared by copies.
///
/// The shape has 1 to 4 dimensions, aligned at the end as in broadcasting: missing leading dimensions and dimensions of
/// size 1 repeat over the scores, without a copy. What a nonzero byte means is said by ``AttentionMask``.
public struct ScoreMask: Sendable {
    /// The size of each dimension.
    public let shape: [Int]
    let strides: [Int]
    let storage: AlignedStorage<UInt8>

    /// A mask with the given bytes in row-major order; any nonzero byte is true.
    ///
    /// - Throws: ``KernelError`` if the number of bytes is not the product of `shape`, or a dimension is negative.
    public init(shape: [Int], bytes: [UInt8]) throws(KernelError) {
        self.shape = shape
        strides = TensorShape.contiguousStrides(shape)
        storage = try TensorShape.allocate(shape, elements: bytes)
    }

    /// A mask with the given values in row-major order.
    ///
    /// - Throws: ``KernelError`` as ``init(shape:bytes:)``.
    public init(shape: [Int], elements: [Bool]) throws(KernelError) {
        try self.init(shape: shape, bytes: elements.map { $0 ? 1 : 0 })
    }

    /// A mask whose values are the results of `generate`, called once for each in row-major order with its index.
    ///
    /// - Throws: ``KernelError`` if a dimension is negative or the size does not fit.
    public init(shape: [Int], generating generate: (Int) -> Bool) throws(KernelError) {
        self.shape = shape
        strides = TensorShape.contiguousStrides(shape)
        storage = try TensorShape.allocate(shape, of: UInt8.self)
        for index in 0..<storage.count {
            storage.start.advanced(by: index).initialize(to: generate(index) ? 1 : 0)
        }
    }
}
