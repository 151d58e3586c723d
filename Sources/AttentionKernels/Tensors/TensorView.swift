/// A view of a tensor of `Float`.
public typealias TensorView = TypedTensorView<Float>

/// The elements of a tensor seen with another shape, offset and strides. Keeps the tensor's memory, copies nothing.
public struct TypedTensorView<Element: TensorScalar>: StridedArray {
    let tensor: TypedTensor<Element>
    /// The index of the first element in the tensor's memory.
    public let offset: Int
    /// The size of each dimension.
    public let shape: [Int]
    /// The distance between neighbours along each dimension, in elements; 0 repeats a dimension.
    public let strides: [Int]

    /// A view known to lie inside its tensor.
    init(tensor: TypedTensor<Element>, offset: Int, shape: [Int], strides: [Int]) {
        self.tensor = tensor
        self.offset = offset
        self.shape = shape
        self.strides = strides
    }

    init(checking tensor: TypedTensor<Element>, offset: Int, shape: [Int], strides: [Int]) throws(KernelError) {
        guard shape.count == strides.count else {
            throw KernelError(
                .wrongRank, .shape, "shape \(shape) and strides \(strides) should have the same number of dimensions")
        }
        if let negative = shape.firstIndex(where: { $0 < 0 }) {
            throw .negativeDimension(negative, of: shape)
        }
        if !shape.contains(0) {
            var (lowest, highest) = (offset, offset)
            for (size, stride) in zip(shape, strides) {
                let reach = (size - 1).saturatingProduct(stride)
                lowest = lowest.saturatingSum(min(reach, 0))
                highest = highest.saturatingSum(max(reach, 0))
            }
            guard lowest >= 0, highest < tensor.count else {
                throw KernelError(
                    .spanTooShort, .shape,
                    "shape \(shape) with strides \(strides) and offset \(offset) reaches elements \(lowest) ... \(highest), "
                        + "but the tensor has \(tensor.count)")
            }
        }
        self.init(tensor: tensor, offset: offset, shape: shape, strides: strides)
    }

    public var view: TypedTensorView { self }

    /// The number of dimensions.
    public var rank: Int { shape.count }

    /// The number of elements.
    public var count: Int { shape.reduce(1) { $0.saturatingProduct($1) } }

    /// The elements copied into a contiguous tensor of the same shape.
    ///
    /// - Throws: ``KernelError`` if there is not enough memory.
    public func contiguous() throws(KernelError) -> TypedTensor<Element> {
        let rowMajor = TensorShape.contiguousStrides(shape)
        return try TypedTensor(shape: shape) { index in
            var position = offset
            for dimension in shape.indices {
                position += index / rowMajor[dimension] % shape[dimension] * strides[dimension]
            }
            return tensor.storage.start[position]
        }
    }
}

extension TypedTensorView: StridedTensor where Element: TensorElement {}
