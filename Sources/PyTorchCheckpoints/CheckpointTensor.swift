import FileReading
import HalfPrecision

/// One tensor of a ``PyTorchCheckpoint``: its description, and its data on demand.
///
/// A tensor keeps the file mapped for as long as it lives.
public struct CheckpointTensor: Sendable {
    /// Name, element type, shape and strides.
    public let entry: CheckpointEntry

    private let path: String
    private let file: MappedFile

    init(entry: CheckpointEntry, path: String, file: MappedFile) {
        self.entry = entry
        self.path = path
        self.file = file
    }

    /// The type of the elements.
    public var type: CheckpointElementType { entry.type }
    /// The sizes, outermost first; empty for a scalar.
    public var shape: [Int] { entry.shape }

    /// What keeps the bytes mapped.
    package var owner: AnyObject { file }

    /// Calls `body` with the bytes from the tensor's first to its last element in the mapped file, without copying
    /// them; they are the tensor in row-major order where ``CheckpointEntry/isContiguous``.
    ///
    /// The bytes are little-endian and may start at any address: read them with `loadUnaligned`.
    /// The pointer is valid only inside `body`.
    public func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result { try file.withBytes(entry.range, body) }

    /// The elements in row-major order, whatever their strides.
    ///
    /// float16 and bfloat16 convert exactly; float64 rounds to nearest.
    ///
    /// - Throws: ``CheckpointError`` if the elements are integers or booleans.
    /// - Complexity: O(elements).
    public func floats() throws(CheckpointError) -> [Float] {
        switch type {
        case .float32: return elements(UInt32.self) { Float(bitPattern: $0) }
        case .float64: return elements(UInt64.self) { Float(Double(bitPattern: $0)) }
        case .float16: return elements(UInt16.self) { Float(Float16(bitPattern: $0)) }
        case .bfloat16: return elements(UInt16.self) { Float(BFloat16(bitPattern: $0)) }
        case .int64, .int32, .int16, .int8, .uint8, .bool:
            throw CheckpointError(path: path, tensor: entry.name, reason: .wrongElementType(actual: type))
        }
    }

    private func elements<Bits: FixedWidthInteger & BitwiseCopyable>(
        _: Bits.Type, _ convert: (Bits) -> Float
    ) -> [Float] {
        let (shape, strides) = (entry.shape, entry.strides)
        return withUnsafeBytes { bytes in
            var result: [Float] = []
            result.reserveCapacity(entry.elementCount)
            var position = [Int](repeating: 0, count: shape.count)
            var offset = 0
            for _ in 0..<entry.elementCount {
                let bits = bytes.loadUnaligned(fromByteOffset: offset * MemoryLayout<Bits>.size, as: Bits.self)
                result.append(convert(Bits(littleEndian: bits)))
                // Counts up in row-major order.
                var dimension = shape.count - 1
                while dimension >= 0 {
                    position[dimension] += 1
                    offset += strides[dimension]
                    if position[dimension] < shape[dimension] { break }
                    offset -= shape[dimension] * strides[dimension]
                    position[dimension] = 0
                    dimension -= 1
                }
            }
            return result
        }
    }
}
