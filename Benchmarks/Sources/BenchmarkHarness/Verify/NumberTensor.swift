import AttentionKernels

/// A tensor whose element type is known when the program runs: that of a file, or of an option.
public protocol NumberTensor: Sendable {
    /// The type of the elements.
    associatedtype Element: TensorElement
    /// The size of each dimension.
    var shape: [Int] { get }
    /// The number of elements.
    var count: Int { get }
    /// The tensor with its type.
    var typed: TypedTensor<Element> { get }
}

extension TypedTensor: NumberTensor where Element: TensorElement {
    public var typed: TypedTensor<Element> { self }
}

extension NumberTensor {
    /// The type of the elements.
    public var dataType: DataType { Element.dataType }

    /// Calls `body` with the elements, in row-major order.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        let tensor = typed
        return try tensor.span.withUnsafeBufferPointer { try body(UnsafeRawBufferPointer($0)) }
    }

    /// Calls `body` with the elements as `Float`, exactly.
    func withFloats<Result>(_ body: (UnsafeBufferPointer<Float>) throws -> Result) rethrows -> Result {
        try withBytes { bytes in
            switch dataType {
            case .float32: try body(bytes.bindMemory(to: Float.self))
            case .bfloat16:
                try bytes.bindMemory(to: BFloat16.self).map { Float($0) }.withUnsafeBufferPointer(body)
            case .float16: try bytes.bindMemory(to: Float16.self).map { Float($0) }.withUnsafeBufferPointer(body)
            }
        }
    }

    /// The elements as `Float`, exactly, in row-major order.
    public var floats: [Float] { withFloats { Array($0) } }
}

extension DataType {
    /// A tensor of this type, its elements rounded.
    func tensor(shape: [Int], floats: [Float]) throws(KernelError) -> any NumberTensor {
        switch self {
        case .float32: try Tensor(shape: shape, elements: floats)
        case .bfloat16: try TypedTensor(shape: shape, elements: floats.map { BFloat16($0) })
        case .float16: try TypedTensor(shape: shape, elements: floats.map { Float16($0) })
        }
    }
}
