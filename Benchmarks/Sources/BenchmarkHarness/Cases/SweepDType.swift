import AttentionKernels

/// The element types of a case: `bf16` for all tensors, or `f32/bf16` for Q and O, and K and V. `f32/i8` is a cache of 8
/// bits, each key and value of a head with a scale of its own.
public struct SweepDType: RawRepresentable, Sendable, Hashable, Codable, CaseIterable {
    /// The type of Q and O.
    public let query: DataType
    /// The type of K and V.
    public let keyValue: KeyValueType

    /// How K and V are held.
    public enum KeyValueType: Sendable, Hashable {
        /// As numbers of a type.
        case numbers(DataType)
        /// As integers of 8 bits and a scale for each row.
        case bytes

        /// The type of that ``shortName``.
        init?(shortName: String) {
            if shortName == Self.bytes.shortName {
                self = .bytes
            } else if let type = DataType(shortName: shortName) {
                self = .numbers(type)
            } else {
                return nil
            }
        }

        /// `i8`, or the type's own.
        var shortName: String {
            switch self {
            case .numbers(let type): type.shortName
            case .bytes: "i8"
            }
        }

        /// The bytes of a row of `width` columns.
        func rowBytes(_ width: Int) -> Int {
            switch self {
            case .numbers(let type): type.byteCount * width
            case .bytes: width + MemoryLayout<Float>.size
            }
        }
    }

    /// The types; one for all unless two are given.
    public init(_ query: DataType, _ keyValue: DataType? = nil) {
        self.init(query, .numbers(keyValue ?? query))
    }

    /// The types.
    public init(_ query: DataType, _ keyValue: KeyValueType) {
        self.query = query
        self.keyValue = keyValue
    }

    public init?(rawValue: String) {
        let names = rawValue.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard (1...2).contains(names.count), let query = DataType(shortName: names[0]) else { return nil }
        guard let name = names.dropFirst().first else {
            self.init(query)
            return
        }
        guard let keyValue = KeyValueType(shortName: name) else { return nil }
        self.init(query, keyValue)
    }

    public var rawValue: String {
        keyValue == .numbers(query) ? query.shortName : "\(query.shortName)/\(keyValue.shortName)"
    }

    /// Whether K and V are of 8 bits, in a cache.
    public var keepsBytes: Bool { keyValue == .bytes }

    /// IEEE single precision.
    public static let f32 = SweepDType(.float32)
    /// The upper half of ``f32``.
    public static let bf16 = SweepDType(.bfloat16)
    /// Queries of ``f32`` on a cache of 8 bits.
    public static let bytes = SweepDType(.float32, .bytes)
    /// The uniform types, and those of f32 queries on a cache of 16 or 8 bits.
    public static let allCases = [
        f32, bf16, SweepDType(.float16), SweepDType(.float32, .bfloat16), SweepDType(.float32, .float16), bytes,
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
