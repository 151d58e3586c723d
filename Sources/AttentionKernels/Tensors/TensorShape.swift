/// Arithmetic on the shapes of tensors: row-major strides and the number of elements.
enum TensorShape {
    /// The product of `shape`.
    ///
    /// - Throws: ``KernelError`` if a dimension is negative or the product does not fit.
    static func elementCount(_ shape: [Int], elementBytes: Int) throws(KernelError) -> Int {
        if let negative = shape.firstIndex(where: { $0 < 0 }) {
            throw .negativeDimension(negative, of: shape)
        }
        if shape.contains(0) { return 0 }
        let count = shape.reduce(1) { $0.saturatingProduct($1) }
        guard count < Int.max / elementBytes else {
            throw KernelError(.sizeOverflow, .shape, "\(shape) has more elements than memory can hold")
        }
        return count
    }

    /// The strides of a contiguous row-major array of `shape`, in elements.
    static func contiguousStrides(_ shape: [Int]) -> [Int] {
        var strides = shape
        var next = 1
        for dimension in shape.indices.reversed() {
            strides[dimension] = next
            next = next.saturatingProduct(max(shape[dimension], 1))
        }
        return strides
    }

    /// Storage for a tensor of `shape`, not yet initialised.
    static func allocate<Element: BitwiseCopyable>(
        _ shape: [Int], of type: Element.Type
    ) throws(KernelError) -> AlignedStorage<Element> {
        let count = try elementCount(shape, elementBytes: MemoryLayout<Element>.stride)
        guard let storage = AlignedStorage<Element>(uninitializedCount: count) else {
            throw KernelError(.outOfMemory, .shape, "there is not enough memory for \(shape)")
        }
        return storage
    }

    /// Storage with the given elements, whose number must be the product of `shape`.
    static func allocate<Element: BitwiseCopyable>(
        _ shape: [Int], elements: [Element]
    ) throws(KernelError) -> AlignedStorage<Element> {
        let count = try elementCount(shape, elementBytes: MemoryLayout<Element>.stride)
        guard elements.count == count else {
            throw KernelError(
                .elementCountMismatch, .elements, "there are \(elements.count), but shape \(shape) has \(count)")
        }
        let storage = try allocate(shape, of: Element.self)
        elements.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { storage.start.initialize(from: base, count: count) }
        }
        return storage
    }
}

extension KernelError {
    static func negativeDimension(_ dimension: Int, of shape: [Int]) -> KernelError {
        KernelError(
            .negativeSize, .shape, "dimension \(dimension) of \(shape) is negative; it should be 0 or more")
    }
}
