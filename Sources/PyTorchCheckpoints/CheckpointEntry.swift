/// What a checkpoint says of one tensor.
public struct CheckpointEntry: Sendable, Equatable {
    /// The tensor's name.
    public let name: String
    /// The type of its elements.
    public let type: CheckpointElementType
    /// Its sizes, outermost first; empty for a scalar.
    public let shape: [Int]
    /// The distance of neighbours along each dimension, in elements.
    public let strides: [Int]
    /// The bytes from its first to its last element, counted from the start of the file.
    let range: Range<Int>

    /// The number of elements.
    public let elementCount: Int

    /// Whether the elements follow each other in row-major order.
    public var isContiguous: Bool {
        var expected = 1
        for (size, stride) in zip(shape, strides).reversed() {
            if size != 1 && stride != expected { return elementCount == 0 }
            expected *= size
        }
        return true
    }

    /// Checks that `tensor` lies inside its storage, and the storage is as long as it says.
    init(
        name: String, _ tensor: PickleTensor, in archive: ZipArchive, folder: String, path: String
    ) throws(CheckpointError) {
        func fail(_ reason: CheckpointError.Reason) -> CheckpointError {
            CheckpointError(path: path, tensor: name, reason: reason)
        }
        let storage = tensor.storage
        let member = "\(folder)/data/\(storage.key)"
        let bytes = try archive.member(member)
        let (expected, overflow) = storage.elements.multipliedReportingOverflow(by: storage.type.byteCount)
        guard !overflow, storage.elements >= 0, bytes.count == expected else {
            throw fail(.storageSize(member: member, expected: overflow ? .max : expected, actual: bytes.count))
        }
        guard let extent = Self.extent(tensor), tensor.offset >= 0, tensor.offset <= storage.elements,
            extent.span <= storage.elements - tensor.offset
        else {
            throw fail(
                .outsideStorage(
                    shape: tensor.shape, strides: tensor.strides, offset: tensor.offset, elements: storage.elements))
        }
        self.name = name
        type = storage.type
        shape = tensor.shape
        strides = tensor.strides
        elementCount = extent.count
        let start = bytes.lowerBound + tensor.offset * type.byteCount
        range = start..<start + extent.span * type.byteCount
    }

    /// The number of elements, and that from the first to the last in memory; nil where a size or stride is negative,
    /// their numbers differ or one overflows. A stride of 0 is legal and makes elements share memory, but then the
    /// elements could be more than memory holds: they are limited to those of the span.
    private static func extent(_ tensor: PickleTensor) -> (count: Int, span: Int)? {
        guard tensor.shape.count == tensor.strides.count, tensor.shape.count <= 16,
            (tensor.shape + tensor.strides).allSatisfy({ $0 >= 0 })
        else { return nil }
        if tensor.shape.contains(0) { return (0, 0) }
        var count = 1
        var span = 1
        for (size, stride) in zip(tensor.shape, tensor.strides) {
            let product = count.multipliedReportingOverflow(by: size)
            let reach = (size - 1).multipliedReportingOverflow(by: stride)
            let sum = span.addingReportingOverflow(reach.partialValue)
            if product.overflow || reach.overflow || sum.overflow { return nil }
            count = product.partialValue
            span = sum.partialValue
        }
        return count <= span ? (count, span) : nil
    }
}
