import FileReading
import HalfPrecision

/// One tensor of a ``SafetensorsFile``: its description, and its data on demand.
///
/// A stored tensor keeps the file mapped for as long as it lives.
public struct StoredTensor: Sendable {
    /// Name, element type, shape and place in the file.
    public let entry: TensorEntry

    private let path: String
    private let file: MappedFile
    private let dataStart: Int

    init(entry: TensorEntry, path: String, file: MappedFile, dataStart: Int) {
        self.entry = entry
        self.path = path
        self.file = file
        self.dataStart = dataStart
    }

    /// The type of the elements.
    public var type: ElementType { entry.type }
    /// The sizes, outermost first; empty for a scalar.
    public var shape: [Int] { entry.shape }

    /// What keeps the bytes mapped.
    package var owner: AnyObject { file }

    /// Calls `body` with the tensor's bytes in the mapped file, without copying them.
    ///
    /// The bytes are little-endian and may start at any address: read them with `loadUnaligned`.
    /// The pointer is valid only inside `body`.
    public func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let range = entry.dataRange
        return try file.withBytes(dataStart + range.lowerBound..<dataStart + range.upperBound, body)
    }

    /// The elements of an F32, F64, F16 or BF16 tensor, in row-major order.
    ///
    /// F16 and BF16 convert exactly; F64 rounds to nearest.
    ///
    /// - Throws: ``SafetensorsError`` if the tensor has another element type, naming it.
    /// - Complexity: O(elements).
    public func floats() throws(SafetensorsError) -> [Float] {
        switch type {
        case .float32: return elements(UInt32.self) { Float(bitPattern: $0) }
        case .float64: return elements(UInt64.self) { Float(Double(bitPattern: $0)) }
        case .float16: return elements(UInt16.self) { Float(Float16(bitPattern: $0)) }
        case .bfloat16: return elements(UInt16.self) { Float(BFloat16(bitPattern: $0)) }
        default: throw wrongType([.float32, .float64, .float16, .bfloat16])
        }
    }

    /// The elements of a tensor of any integer type, in row-major order.
    ///
    /// - Throws: ``SafetensorsError`` if the tensor has another element type, or if an element of a U64
    ///   tensor does not fit `Int`.
    /// - Complexity: O(elements).
    public func integers() throws(SafetensorsError) -> [Int] {
        switch type {
        case .int8: return elements(Int8.self) { Int($0) }
        case .uint8: return elements(UInt8.self) { Int($0) }
        case .int16: return elements(Int16.self) { Int($0) }
        case .uint16: return elements(UInt16.self) { Int($0) }
        case .int32: return elements(Int32.self) { Int($0) }
        case .uint32: return elements(UInt32.self) { Int($0) }
        case .int64: return elements(Int64.self) { Int($0) }
        case .uint64:
            let values = elements(UInt64.self) { $0 }
            if let index = values.firstIndex(where: { $0 > UInt64(Int.max) }) {
                throw SafetensorsError(path: path, tensor: entry.name, reason: .valueOutOfRange(index: index))
            }
            return values.map { Int($0) }
        default: throw wrongType([.int64, .int32, .int16, .int8, .uint64, .uint32, .uint16, .uint8])
        }
    }

    /// The elements of a BOOL or U8 tensor, in row-major order; any byte but zero is true.
    ///
    /// - Throws: ``SafetensorsError`` if the tensor has another element type, naming it.
    /// - Complexity: O(elements).
    public func booleans() throws(SafetensorsError) -> [Bool] {
        guard type == .bool || type == .uint8 else { throw wrongType([.bool, .uint8]) }
        return elements(UInt8.self) { $0 != 0 }
    }

    /// The tensor's bytes, copied.
    ///
    /// - Complexity: O(bytes).
    public func bytes() -> [UInt8] { withUnsafeBytes { [UInt8]($0) } }

    /// The error that says which element types would have been right here.
    public func wrongType(_ expected: [ElementType]) -> SafetensorsError {
        SafetensorsError(path: path, tensor: entry.name, reason: .wrongElementType(actual: type, expected: expected))
    }

    /// Loads each element as the little-endian integer `Bits` and converts it.
    private func elements<Bits: FixedWidthInteger & BitwiseCopyable, Element>(
        _: Bits.Type, _ convert: (Bits) -> Element
    ) -> [Element] {
        withUnsafeBytes { bytes in
            let size = MemoryLayout<Bits>.size
            return [Element](unsafeUninitializedCapacity: bytes.count / size) { buffer, count in
                count = bytes.count / size
                for index in 0..<count {
                    let bits = bytes.loadUnaligned(fromByteOffset: index * size, as: Bits.self)
                    buffer.initializeElement(at: index, to: convert(Bits(littleEndian: bits)))
                }
            }
        }
    }
}
