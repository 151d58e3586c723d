/// How the elements of a tensor are stored. A quantised type stores blocks of 32 elements along a row, each block with
/// a scale of its own.
public enum GGUFElementType: UInt32, Sendable, Hashable, CaseIterable {
    /// IEEE binary32.
    case float32 = 0
    /// IEEE binary16.
    case float16 = 1
    /// A block is a binary16 scale d, then 16 bytes of which each holds element i in its low and element i + 16 in its
    /// high half: x = d (q - 8).
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case q4_0 = 2
    /// A block is a binary16 scale d and minimum m, then 16 bytes as in `q4_0`: x = d q + m.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case q4_1 = 3
    /// A block is a binary16 scale d, then 32 signed bytes: x = d q.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case q8_0 = 8
    /// The upper half of a binary32.
    case bfloat16 = 30

    /// The name that the format's tools print.
    public var name: String {
        switch self {
        case .float32: "F32"
        case .float16: "F16"
        case .q4_0: "Q4_0"
        case .q4_1: "Q4_1"
        case .q8_0: "Q8_0"
        case .bfloat16: "BF16"
        }
    }

    /// The elements of one block: 1 for the types that are not quantised.
    public var blockLength: Int {
        switch self {
        case .float32, .float16, .bfloat16: 1
        case .q4_0, .q4_1, .q8_0: 32
        }
    }

    /// The bytes of one block.
    public var blockBytes: Int {
        switch self {
        case .float32: 4
        case .float16, .bfloat16: 2
        case .q4_0: 18
        case .q4_1: 20
        case .q8_0: 34
        }
    }

    static let list = allCases.map { "\($0.rawValue) (\($0.name))" }.joined(separator: ", ")
}
