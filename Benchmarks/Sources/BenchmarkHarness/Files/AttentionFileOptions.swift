import AttentionKernels
import Safetensors

/// What the command line, or the file itself, says about an attention whose tensors lie in a file. Nothing said is nil.
public struct AttentionFileOptions: Sendable {
    /// Which keys a query may see by position.
    public var causality: Causality?
    /// Where query 0 stands without causality.
    public var alignment: Causality?
    /// The factor of the scores; nil for `1 / sqrt(headDim)`.
    public var scale: Float?
    /// Whether a nonzero byte of `mask` keeps the key visible; else it drops it.
    public var maskKeeps: Bool?
    /// Keys before a query's position that it sees.
    public var windowLeft: Int?
    /// Keys behind a query's position that it sees.
    public var windowRight: Int?
    /// The queries of a block of `block_mask`.
    public var queryBlock: Int?
    /// The keys of a block of `block_mask`.
    public var keyBlock: Int?
    /// The cap of the scores.
    public var softcap: Float?
    /// Whether queries and keys are divided by their norms.
    public var normalizesQueryAndKey: Bool?
    /// Whether to take ALiBi's standard slopes.
    public var usesStandardAlibi: Bool?
    /// Whether a logit of 0 joins every softmax.
    public var isOffByOne: Bool?
    /// The type that `k` and `v` are rounded to first; that of the file where nil.
    public var keyValueType: SweepDType.KeyValueType?
    /// The element type of `o`.
    public var outputType: DataType?
    /// See ``AttentionOptions/keepsFloatProbabilities``.
    public var keepsFloatProbabilities: Bool?

    /// Nothing said.
    public init() {}

    /// Reads `none`, `top-left`, `bottom-right` or an integer offset.
    public static func causality(_ text: String, option: String = "--causal") throws(HarnessError) -> Causality {
        switch text {
        case "none": return .none
        case "top-left": return .topLeft
        case "bottom-right": return .bottomRight
        default:
            guard let offset = Int(text) else {
                throw HarnessError("\(option): \"\(text)\" should be none, top-left, bottom-right or an integer offset")
            }
            return .offset(offset)
        }
    }

    /// Reads what a mask's true elements mean.
    public static func maskKeeps(_ text: String, option: String = "--mask-kind") throws(HarnessError) -> Bool {
        guard ["keep", "drop"].contains(text) else {
            throw HarnessError("\(option): \"\(text)\" should be keep or drop")
        }
        return text == "keep"
    }

    /// Reads the type to round K and V to.
    public static func keyValueType(
        _ text: String, option: String = "--kv-dtype"
    ) throws(HarnessError) -> SweepDType.KeyValueType {
        guard let type = SweepDType.KeyValueType(shortName: text) else {
            throw HarnessError("\(option): \"\(text)\" should be f32, bf16, f16 or i8")
        }
        return type
    }

    /// Reads an element type of tensors.
    public static func type(_ text: String, option: String) throws(HarnessError) -> DataType {
        guard let type = DataType(shortName: text) else {
            throw HarnessError("\(option): \"\(text)\" should be f32, bf16 or f16")
        }
        return type
    }
}

extension AttentionFileOptions {
    /// How the keys begin by which a file's metadata says the same as an option.
    static let metadataPrefix = "attention."

    /// The options with what the metadata of `file` says in the place of what nobody said.
    ///
    /// - Throws: ``HarnessError`` that names a key which is unknown or whose value is none.
    func completed(by file: SafetensorsFile) throws(HarnessError) -> AttentionFileOptions {
        var options = self
        for (key, value) in file.metadata.sorted(by: { $0.key < $1.key }) {
            guard key.hasPrefix(Self.metadataPrefix) else { continue }
            let option = "\(file.path): metadata \"\(key)\""
            let name = String(key.dropFirst(Self.metadataPrefix.count))
            guard let set = Self.setters[name] else {
                throw HarnessError(
                    "\(option) is unknown; it should be one of \(Self.setters.keys.sorted().joined(separator: ", ")) after "
                        + "\"\(Self.metadataPrefix)\"")
            }
            try set(&options, value, option)
        }
        return options
    }

    private typealias Setter =
        @Sendable (inout AttentionFileOptions, String, String) throws(HarnessError) -> Void

    private static let setters: [String: Setter] = [
        "causal": setter(\.causality) { text, option throws(HarnessError) in try causality(text, option: option) },
        "alignment": setter(\.alignment) { text, option throws(HarnessError) in try causality(text, option: option) },
        "mask_kind": setter(\.maskKeeps) { text, option throws(HarnessError) in try maskKeeps(text, option: option) },
        "kv_dtype": setter(\.keyValueType) { text, option throws(HarnessError) in try keyValueType(text, option: option)
        },
        "output_dtype": setter(\.outputType) { text, option throws(HarnessError) in try type(text, option: option) },
        "scale": setter(\.scale, number), "softcap": setter(\.softcap, number),
        "window_left": setter(\.windowLeft, integer), "window_right": setter(\.windowRight, integer),
        "query_block": setter(\.queryBlock, integer), "key_block": setter(\.keyBlock, integer),
        "qk_norm": setter(\.normalizesQueryAndKey, flag), "alibi": setter(\.usesStandardAlibi, flag),
        "off_by_one": setter(\.isOffByOne, flag), "f32_probabilities": setter(\.keepsFloatProbabilities, flag),
    ]

    private static func setter<Value>(
        _ place: WritableKeyPath<AttentionFileOptions, Value?> & Sendable,
        _ read: @escaping @Sendable (String, String) throws(HarnessError) -> Value
    ) -> Setter {
        { options, text, option throws(HarnessError) in
            // What nobody can use must not stand there, even where the command line wins.
            let value = try read(text, option)
            if options[keyPath: place] == nil { options[keyPath: place] = value }
        }
    }

    @Sendable private static func number(_ text: String, _ option: String) throws(HarnessError) -> Float {
        guard let value = Float(text) else { throw HarnessError("\(option): \"\(text)\" should be a number") }
        return value
    }

    @Sendable private static func integer(_ text: String, _ option: String) throws(HarnessError) -> Int {
        guard let value = Int(text) else { throw HarnessError("\(option): \"\(text)\" should be an integer") }
        return value
    }

    @Sendable private static func flag(_ text: String, _ option: String) throws(HarnessError) -> Bool {
        guard let value = Bool(text) else { throw HarnessError("\(option): \"\(text)\" should be true or false") }
        return value
    }
}
