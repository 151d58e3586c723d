/// How the elements of a stored weight are written, little-endian.
public enum WeightFormat: String, Sendable, Hashable, CaseIterable, Codable {
    /// IEEE binary32.
    case float32
    /// The upper half of a binary32.
    case bfloat16
    /// IEEE binary16.
    case float16
    /// GGUF's blocks of 32 elements of a row: a binary16 scale `d` and 32 `Int8`; `w = d q`.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case q8_0
    /// GGUF's blocks of 32 elements of a row: a binary16 scale `d` and 32 nibbles; `w = d (q - 8)`.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case q4_0
    /// GGUF's blocks of 32 elements of a row: binary16 `d` and `m` and 32 nibbles; `w = d q + m`.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case q4_1

    /// The number of elements that are stored together.
    public var blockLength: Int { isQuantized ? 32 : 1 }

    /// The bytes of a block of ``blockLength`` elements.
    public var blockByteCount: Int {
        switch self {
        case .float32: 4
        case .bfloat16, .float16: 2
        case .q8_0: 34
        case .q4_0: 18
        case .q4_1: 20
        }
    }

    /// Whether elements are small integers with a scale for each block.
    public var isQuantized: Bool {
        switch self {
        case .float32, .bfloat16, .float16: false
        case .q8_0, .q4_0, .q4_1: true
        }
    }

    /// The alignment that the kernels need.
    var alignment: Int { self == .float32 ? 4 : 2 }

    /// The bytes of rows of `width` elements each, or nil if a row is not made of whole blocks or the number does not fit.
    func byteCount(rows: Int, width: Int) -> Int? {
        guard rows >= 0, width >= 0, width % blockLength == 0 else { return nil }
        let (row, rowOverflow) = (width / blockLength).multipliedReportingOverflow(by: blockByteCount)
        let (bytes, overflow) = row.multipliedReportingOverflow(by: rows)
        return rowOverflow || overflow ? nil : bytes
    }
}
