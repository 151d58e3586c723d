/// A tensor or a view of one, of any elements: what products of matrices read.
public protocol StridedArray<Element>: Sendable {
    /// The type of the elements.
    associatedtype Element: TensorScalar
    /// The elements with their shape and strides; nothing is copied.
    var view: TypedTensorView<Element> { get }
}

/// A floating-point tensor or a view of one: what the calls of this library read.
public protocol StridedTensor<Element>: StridedArray where Element: TensorElement {}

extension StridedArray {
    /// A view with two dimensions exchanged. Nothing is copied: `[batch, length, heads, width]` data becomes
    /// `[batch, heads, length, width]` by `transposed(1, 2)`.
    ///
    /// - Throws: ``KernelError`` if there is no such dimension.
    public func transposed(_ first: Int, _ second: Int) throws(KernelError) -> TypedTensorView<Element> {
        let view = self.view
        var shape = view.shape
        var strides = view.strides
        for dimension in [first, second] where !shape.indices.contains(dimension) {
            throw KernelError(
                .invalidValue, .dimension, "it is \(dimension), but shape \(shape) has dimensions 0 ..< \(shape.count)")
        }
        shape.swapAt(first, second)
        strides.swapAt(first, second)
        return TypedTensorView(tensor: view.tensor, offset: view.offset, shape: shape, strides: strides)
    }

    /// A view of the given part of one dimension. Nothing is copied.
    ///
    /// - Throws: ``KernelError`` if there is no such dimension or the part is not inside it.
    public func slice(_ dimension: Int, _ range: Range<Int>) throws(KernelError) -> TypedTensorView<Element> {
        let view = self.view
        var shape = view.shape
        guard shape.indices.contains(dimension) else {
            throw KernelError(
                .invalidValue, .dimension, "it is \(dimension), but shape \(shape) has dimensions 0 ..< \(shape.count)")
        }
        guard range.lowerBound >= 0, range.upperBound <= shape[dimension] else {
            throw KernelError(
                .invalidValue, .shape, "range \(range) is outside 0 ..< \(shape[dimension]) in dimension \(dimension)")
        }
        shape[dimension] = range.count
        let offset = view.offset + (range.isEmpty ? 0 : range.lowerBound * view.strides[dimension])
        return TypedTensorView(tensor: view.tensor, offset: offset, shape: shape, strides: view.strides)
    }

    /// A view with the given shape, strides and offset over the elements of the tensor below. Nothing is copied. A
    /// stride of 0 repeats a dimension.
    ///
    /// - Throws: ``KernelError`` if shape and strides differ in rank, a dimension is negative or the view reaches
    ///   outside the tensor.
    public func strided(shape: [Int], strides: [Int], offset: Int = 0) throws(KernelError) -> TypedTensorView<Element> {
        try TypedTensorView(checking: view.tensor, offset: offset, shape: shape, strides: strides)
    }
}

extension TypedTensor: StridedTensor where Element: TensorElement {}

extension TypedTensor: StridedArray {
    public var view: TypedTensorView<Element> {
        TypedTensorView(tensor: self, offset: 0, shape: shape, strides: strides)
    }
}
