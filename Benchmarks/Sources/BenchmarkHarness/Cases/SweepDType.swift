import AttentionKernels

/// The element types of a case: `bf16` for all tensors, or `f32/bf16` for Q and O, and K and V.
public struct SweepDType: RawRepresentable, Sendable, Hashable, Codable, CaseIterable {
    /// The type of Q and O.
    public let query: DataType
    /// The type of K and V.
    public let keyValue: DataType

    /// The types; one for all unless two are given.
    public init(_ query: DataType, _ keyValue: DataType? = nil) {
        self.query = query
        self.keyValue = keyValue ?? query
    }

    public init?(rawValue: String) {
        let types = rawValue.split(separator: "/", omittingEmptySubsequences: false).map {
            DataType(shortName: String($0))
        }
        guard (1...2).contains(types.count), let query = types[0], let keyValue = types[types.count - 1] else {
            return nil
        }
        self.init(query, keyValue)
    }

    public var rawValue: String {
        query == keyValue ? query.shortName : "\(query.shortName)/\(keyValue.shortName)"
    }

    /// IEEE single precision.
    public static let f32 = SweepDType(.float32)
    /// The upper half of ``f32``.
    public static let bf16 = SweepDType(.bfloat16)
    /// The uniform types, and those of f32 queries on a cache of 16 bits.
    public static let allCases = [
        f32, bf16, SweepDType(.float16), SweepDType(.float32, .bfloat16), SweepDType(.float32, .float16),
    ]

    /// What multiplies these types on an instruction set.
    func quantity(_ isa: InstructionSet) -> ComputeQuantity {
        self == .bf16 && ComputeQuantity.bf16Dot.exists(isa) ? .bf16Dot : .fma
    }
}

extension DataType {
    /// `f32`, `bf16` or `f16`, as tables and options name the types.
    public var shortName: String {
        switch self {
        case .float32: "f32"
        case .bfloat16: "bf16"
        case .float16: "f16"
        }
    }

    /// The type of that ``shortName``.
    public init?(shortName: String) {
        guard let type = Self.allCases.first(where: { $0.shortName == shortName }) else { return nil }
        self = type
    }

    /// The bytes of an element.
    var byteCount: Int { self == .float32 ? 4 : 2 }

    /// The distance from `value` to the next number of this type.
    func ulp(_ value: Double) -> Double {
        let ulp = Double(Float(value).ulp)
        switch self {
        case .float32: return ulp
        case .bfloat16: return ulp * 0x1p16
        case .float16: return max(ulp * 0x1p13, 0x1p-24)
        }
    }

    /// The largest relative error of rounding to this type.
    var unitRoundoff: Double {
        switch self {
        case .float32: 0x1p-24
        case .bfloat16: 0x1p-8
        case .float16: 0x1p-11
        }
    }

    /// `value` as this type would hold it.
    func rounded(_ value: Float) -> Float {
        switch self {
        case .float32: value
        case .bfloat16: Float(BFloat16(value))
        case .float16: Float(Float16(value))
        }
    }
}
