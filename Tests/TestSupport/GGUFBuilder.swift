/// Builds the bytes of GGUF files, right ones and wrong ones.
public struct GGUFBuilder {
    public enum Value {
        case uint8(UInt8)
        case int8(Int8)
        case uint16(UInt16)
        case int16(Int16)
        case uint32(UInt32)
        case int32(Int32)
        case float32(Float)
        case bool(Bool)
        case string(String)
        case uint64(UInt64)
        case int64(Int64)
        case float64(Double)
        indirect case array(type: UInt32, [Value])
        case raw(type: UInt32, [UInt8])

        var type: UInt32 {
            switch self {
            case .uint8: 0
            case .int8: 1
            case .uint16: 2
            case .int16: 3
            case .uint32: 4
            case .int32: 5
            case .float32: 6
            case .bool: 7
            case .string: 8
            case .array: 9
            case .uint64: 10
            case .int64: 11
            case .float64: 12
            case .raw(let type, _): type
            }
        }

        var bytes: [UInt8] {
            switch self {
            case .uint8(let value): value.bytes
            case .int8(let value): value.bytes
            case .uint16(let value): value.bytes
            case .int16(let value): value.bytes
            case .uint32(let value): value.bytes
            case .int32(let value): value.bytes
            case .float32(let value): value.bitPattern.bytes
            case .bool(let value): [value ? 1 : 0]
            case .string(let text): GGUFBuilder.text(text)
            case .uint64(let value): value.bytes
            case .int64(let value): value.bytes
            case .float64(let value): value.bitPattern.bytes
            case .array(let type, let elements):
                type.bytes + UInt64(elements.count).bytes + elements.flatMap(\.bytes)
            case .raw(_, let bytes): bytes
            }
        }
    }

    public struct Tensor {
        public var name: String
        /// Innermost first.
        public var sizes: [UInt64]
        public var type: UInt32
        public var data: [UInt8]
        public var offset: UInt64?

        public init(name: String, sizes: [UInt64], type: UInt32, data: [UInt8], offset: UInt64? = nil) {
            (self.name, self.sizes, self.type, self.data, self.offset) = (name, sizes, type, data, offset)
        }
    }

    public var magic = [UInt8]("GGUF".utf8)
    public var version: UInt32 = 3
    public var metadata: [(String, Value)] = []
    public var tensors: [Tensor] = []
    public var alignment = 32
    public var tensorCount: UInt64?
    public var metadataCount: UInt64?

    public init() {}

    public static func text(_ text: String) -> [UInt8] { UInt64(text.utf8.count).bytes + [UInt8](text.utf8) }

    public var bytes: [UInt8] {
        var bytes = magic + version.bytes
        bytes += (tensorCount ?? UInt64(tensors.count)).bytes + (metadataCount ?? UInt64(metadata.count)).bytes
        for (key, value) in metadata { bytes += Self.text(key) + value.type.bytes + value.bytes }
        var data: [UInt8] = []
        for tensor in tensors {
            bytes += Self.text(tensor.name) + UInt32(tensor.sizes.count).bytes + tensor.sizes.flatMap(\.bytes)
            bytes += tensor.type.bytes + (tensor.offset ?? UInt64(data.count)).bytes
            data += tensor.data
            data += [UInt8](repeating: 0, count: -data.count & (alignment - 1))
        }
        return bytes + [UInt8](repeating: 0, count: -bytes.count & (alignment - 1)) + data
    }
}
