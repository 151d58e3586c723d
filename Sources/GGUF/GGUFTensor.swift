import FileReading
import HalfPrecision

/// One tensor of a ``GGUFFile``: its description, and its data on demand.
///
/// A tensor keeps the file mapped for as long as it lives.
public struct GGUFTensor: Sendable {
    /// Name, element type, shape and place in the file.
    public let entry: GGUFEntry

    private let file: MappedFile
    private let dataStart: Int

    init(entry: GGUFEntry, file: MappedFile, dataStart: Int) {
        self.entry = entry
        self.file = file
        self.dataStart = dataStart
    }

    /// How the elements are stored.
    public var type: GGUFElementType { entry.type }
    /// The sizes, outermost first.
    public var shape: [Int] { entry.shape }

    /// What keeps the bytes mapped.
    package var owner: AnyObject { file }

    /// Calls `body` with the tensor's bytes in the mapped file, without copying them.
    ///
    /// The first byte stands at a multiple of the file's alignment. The pointer is valid only inside `body`.
    public func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let range = entry.dataRange
        return try file.withBytes(dataStart + range.lowerBound..<dataStart + range.upperBound, body)
    }

    /// The tensor's bytes, copied.
    ///
    /// - Complexity: O(bytes).
    public func bytes() -> [UInt8] { withUnsafeBytes { [UInt8]($0) } }

    /// The elements in row-major order, quantised ones expanded by the formula of their type, each product and sum
    /// rounded to `Float` once.
    ///
    /// - Complexity: O(elements).
    public func floats() -> [Float] {
        withUnsafeBytes { bytes in
            [Float](unsafeUninitializedCapacity: entry.elementCount) { buffer, count in
                for block in 0..<bytes.count / type.blockBytes {
                    let source = UnsafeRawBufferPointer(rebasing: bytes[(block * type.blockBytes)...])
                    type.expand(source, into: buffer.baseAddress! + block * type.blockLength)
                }
                count = entry.elementCount
            }
        }
    }
}

extension GGUFElementType {
    /// Writes the elements of the block at the start of `source` to `output`, which is not initialised.
    fileprivate func expand(_ source: UnsafeRawBufferPointer, into output: UnsafeMutablePointer<Float>) {
        func bits<Bits: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _: Bits.Type = Bits.self) -> Bits {
            Bits(littleEndian: source.loadUnaligned(fromByteOffset: offset, as: Bits.self))
        }
        func half(_ offset: Int) -> Float { Float(Float16(bitPattern: bits(offset))) }
        switch self {
        case .float32: output.initialize(to: Float(bitPattern: bits(0)))
        case .float16: output.initialize(to: half(0))
        case .bfloat16: output.initialize(to: Float(BFloat16(bitPattern: bits(0))))
        case .q8_0:
            let scale = half(0)
            for index in 0..<32 {
                (output + index).initialize(to: scale * Float(Int8(bitPattern: source[2 + index])))
            }
        case .q4_0:
            let scale = half(0)
            for index in 0..<16 {
                let pair = source[2 + index]
                (output + index).initialize(to: scale * (Float(pair & 15) - 8))
                (output + index + 16).initialize(to: scale * (Float(pair >> 4) - 8))
            }
        case .q4_1:
            let (scale, minimum) = (half(0), half(2))
            for index in 0..<16 {
                let pair = source[4 + index]
                (output + index).initialize(to: scale * Float(pair & 15) + minimum)
                (output + index + 16).initialize(to: scale * Float(pair >> 4) + minimum)
            }
        }
    }
}
