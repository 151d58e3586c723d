/// A borrowed boolean mask over the scores, with its meaning said.
public struct MaskInput: ~Escapable {
    enum Meaning {
        case keep, drop
    }

    let meaning: Meaning
    let start: UnsafePointer<UInt8>?
    let count: Int
    let layout: ScoreLayout

    /// A nonzero byte: the key is visible to the query.
    @_lifetime(copy bytes)
    public static func keep(_ bytes: Span<UInt8>, _ layout: ScoreLayout) -> MaskInput {
        MaskInput(.keep, bytes, layout)
    }

    /// A nonzero byte: the key is hidden from the query.
    @_lifetime(copy bytes)
    public static func drop(_ bytes: Span<UInt8>, _ layout: ScoreLayout) -> MaskInput {
        MaskInput(.drop, bytes, layout)
    }

    @_lifetime(copy bytes)
    private init(_ meaning: Meaning, _ bytes: Span<UInt8>, _ layout: ScoreLayout) {
        self.meaning = meaning
        (start, count) = bytes.withUnsafeBufferPointer { ($0.baseAddress, $0.count) }
        self.layout = layout
    }

    /// Bytes whose owner the caller keeps alive.
    @_lifetime(immortal)
    init(unsafe start: UnsafePointer<UInt8>?, count: Int, _ layout: ScoreLayout, meaning: Meaning) {
        self.meaning = meaning
        self.start = start
        self.count = count
        self.layout = layout
    }
}

/// Borrowed numbers added to the scaled scores, `Float`, ``BFloat16`` or `Float16`; minus infinity hides a key.
public struct BiasInput: ~Escapable {
    let start: UnsafeRawPointer?
    let count: Int
    let dataType: DataType
    let layout: ScoreLayout

    /// The elements of `elements` laid out as `layout`, which the call checks.
    @_lifetime(copy elements)
    public init<Element: TensorElement>(_ elements: Span<Element>, _ layout: ScoreLayout) {
        (start, count) = elements.withUnsafeBufferPointer { (UnsafeRawPointer($0.baseAddress), $0.count) }
        dataType = Element.dataType
        self.layout = layout
    }

    /// Elements whose owner the caller keeps alive.
    @_lifetime(immortal)
    init(unsafe start: UnsafeRawPointer?, count: Int, _ dataType: DataType, _ layout: ScoreLayout) {
        self.start = start
        self.count = count
        self.dataType = dataType
        self.layout = layout
    }
}
