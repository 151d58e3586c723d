import AttentionKernels

/// Memory that comes back by itself when it is read again, as the pages of a mapped file do.
///
/// Weights that a layer keeps packed are read once. An owner of weights of this kind is told when that is done, so that a
/// model does not stay in memory twice.
public protocol ReloadableMemory: AnyObject {
    /// Lets go of the memory of `bytes` for now; they stay readable and keep their values. Called from any thread.
    func release(_ bytes: UnsafeRawBufferPointer)
}

/// A named weight in memory that someone else owns, such as a mapped file: its shape, its format, its bytes.
///
/// The bytes are read where they lie for as long as the weight or a copy of it lives; `owner` is held until then and
/// should unmap or free them when it goes.
public struct StoredWeight: @unchecked Sendable {
    /// The name in the file.
    public let name: String
    /// The sizes, outermost first; the elements of the last dimension lie together. A linear layer's matrix is
    /// `[outputs, inputs]`. (GGUF files list sizes the other way round.)
    public let shape: [Int]
    /// How the elements are written.
    public let format: WeightFormat
    let start: UnsafeRawPointer
    let byteCount: Int
    private let owner: AnyObject

    /// A weight over borrowed bytes. They are copied only where their address is not a multiple of the element's size.
    ///
    /// - Parameters:
    ///   - name: the name in the file.
    ///   - shape: the sizes, outermost first.
    ///   - format: how the elements are written.
    ///   - bytes: all of them; nobody may write to them.
    ///   - owner: what keeps `bytes` valid; a ``ReloadableMemory`` is told when they have been read. It is released from any
    ///     thread.
    /// - Throws: ``TransformerError`` if a size is negative, the last one is not a multiple of the format's blocks, or
    ///   the number of bytes is not what shape and format say.
    public init(
        name: String, shape: [Int], format: WeightFormat, bytes: UnsafeRawBufferPointer, owner: AnyObject
    ) throws(TransformerError) {
        let width = shape.last ?? 1
        guard shape.allSatisfy({ $0 >= 0 }), width % format.blockLength == 0 else {
            throw TransformerError(
                .shapeMismatch, name,
                "shape \(shape) should have sizes of 0 or more, the last a multiple of \(format.blockLength) for "
                    + format.rawValue)
        }
        var rows: Int? = 1
        for size in shape.dropLast() {
            rows = rows.flatMap { rows in
                let (product, overflow) = rows.multipliedReportingOverflow(by: size)
                return overflow ? nil : product
            }
        }
        guard let rows, let expected = format.byteCount(rows: rows, width: width), expected == bytes.count else {
            throw TransformerError(
                .byteCountMismatch, name,
                "there are \(bytes.count) bytes; shape \(shape) of \(format.rawValue) should have "
                    + "\(rows.flatMap { format.byteCount(rows: $0, width: width) }.map(String.init) ?? "more than memory can hold")"
            )
        }
        self.name = name
        self.shape = shape
        self.format = format
        byteCount = bytes.count
        if let base = bytes.baseAddress, Int(bitPattern: base) % format.alignment == 0 {
            start = base
            self.owner = owner
        } else {
            let copy = OwnedBytes(copying: bytes)
            start = UnsafeRawPointer(copy.start)
            self.owner = copy
            (owner as? any ReloadableMemory)?.release(bytes)
        }
    }

    /// Tells the owner that all bytes have been copied elsewhere. They can still be read.
    func release() {
        (owner as? any ReloadableMemory)?.release(UnsafeRawBufferPointer(start: start, count: byteCount))
    }

    /// The number of elements.
    public var count: Int { shape.reduce(1, *) }
}

/// Memory of our own for bytes that cannot be used where they lie.
final class OwnedBytes {
    let start: UnsafeMutableRawPointer

    init(copying bytes: UnsafeRawBufferPointer) {
        start = .allocate(byteCount: max(bytes.count, 1), alignment: 64)
        if let base = bytes.baseAddress { start.copyMemory(from: base, byteCount: bytes.count) }
    }

    deinit {
        start.deallocate()
    }
}
