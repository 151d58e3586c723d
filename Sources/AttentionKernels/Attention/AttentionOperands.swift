/// A borrowed input of attention: a span of `Float`, ``BFloat16`` or `Float16`, and where its elements lie.
///
/// It holds a pointer, kept valid by the lifetime it takes over from the span.
public struct AttentionInput: ~Escapable {
    let start: UnsafeRawPointer?
    let count: Int
    let format: MatrixFormat
    let layout: AttentionLayout

    /// The elements of `elements` laid out as `layout`, which the call checks.
    @_lifetime(copy elements)
    public init<Element: TensorElement>(_ elements: Span<Element>, _ layout: AttentionLayout) {
        (start, count) = elements.withUnsafeBufferPointer { (UnsafeRawPointer($0.baseAddress), $0.count) }
        format = Element.format
        self.layout = layout
    }

    /// Elements whose owner the caller keeps alive.
    @_lifetime(immortal)
    init(unsafe start: UnsafeRawPointer?, count: Int, _ format: MatrixFormat, _ layout: AttentionLayout) {
        self.start = start
        self.count = count
        self.format = format
        self.layout = layout
    }
}

/// A mutably borrowed output of attention: a span and where its elements lie. The attention itself may be `Float`,
/// ``BFloat16`` or `Float16`, whatever the inputs are; the other outputs are `Float`.
public struct AttentionOutput: ~Copyable, ~Escapable {
    let start: UnsafeMutableRawPointer?
    let count: Int
    let dataType: DataType
    let layout: AttentionLayout

    /// The elements of `elements` laid out as `layout`, which the call checks.
    @_lifetime(copy elements)
    public init<Element: TensorElement>(_ elements: consuming MutableSpan<Element>, _ layout: AttentionLayout) {
        (start, count) = elements.withUnsafeMutableBufferPointer {
            (UnsafeMutableRawPointer($0.baseAddress), $0.count)
        }
        dataType = Element.dataType
        self.layout = layout
    }

    /// The elements of `elements` laid out as `layout`, which the call checks; the span can be used again after it.
    @_lifetime(&elements)
    public init<Element: TensorElement>(_ elements: inout MutableSpan<Element>, _ layout: AttentionLayout) {
        (start, count) = elements.withUnsafeMutableBufferPointer {
            (UnsafeMutableRawPointer($0.baseAddress), $0.count)
        }
        dataType = Element.dataType
        self.layout = layout
    }
}
