/// What a file's header says of one tensor.
public struct TensorEntry: Sendable, Equatable {
    /// The tensor's name in the file.
    public let name: String
    /// The type of its elements.
    public let type: ElementType
    /// Its sizes, outermost first; empty for a scalar.
    public let shape: [Int]
    /// Its bytes, counted from the end of the header.
    public let dataRange: Range<Int>

    /// The number of elements.
    public var elementCount: Int { dataRange.count * 8 / type.bitWidth }
}
