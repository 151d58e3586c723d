/// What a file says of one tensor.
public struct GGUFEntry: Sendable, Equatable {
    /// The tensor's name in the file.
    public let name: String
    /// How its elements are stored.
    public let type: GGUFElementType
    /// Its sizes, outermost first, as everywhere in this package; the file lists them innermost first.
    public let shape: [Int]
    /// Its bytes, counted from the start of the data.
    public let dataRange: Range<Int>

    /// The number of elements.
    public var elementCount: Int { dataRange.count / type.blockBytes * type.blockLength }
}

extension GGUFEntry {
    /// A tensor as the file describes it, not yet checked.
    struct Description {
        var name: String
        /// Innermost first.
        var sizes: [UInt64]
        var type: UInt32
        /// Counted from the start of the data.
        var offset: UInt64
    }

    /// Checks `description` against the `available` data bytes.
    init(_ description: Description, alignment: Int, available: Int, path: String) throws(GGUFError) {
        func fail(_ reason: GGUFError.Reason) -> GGUFError {
            GGUFError(path: path, tensor: description.name, reason: reason)
        }
        guard let type = GGUFElementType(rawValue: description.type) else {
            throw fail(.unsupportedElementType(description.type))
        }
        var sizes: [Int] = []
        for size in description.sizes {
            guard let size = Int(exactly: size), size >= 1 else { throw fail(.badShape(description.sizes)) }
            sizes.append(size)
        }
        guard sizes[0].isMultiple(of: type.blockLength) else {
            throw fail(.rowNotWholeBlocks(row: sizes[0], block: type.blockLength))
        }
        var bytes = sizes[0] / type.blockLength
        for factor in sizes[1...] + [type.blockBytes] {
            let (product, overflow) = bytes.multipliedReportingOverflow(by: factor)
            if overflow { throw fail(.badShape(description.sizes)) }
            bytes = product
        }
        guard description.offset.isMultiple(of: UInt64(alignment)) else {
            throw fail(.misaligned(offset: description.offset, alignment: alignment))
        }
        guard bytes <= available, description.offset <= UInt64(available - bytes) else {
            throw fail(.outsideData(offset: description.offset, bytes: bytes, available: available))
        }
        let begin = Int(description.offset)
        self.init(name: description.name, type: type, shape: sizes.reversed(), dataRange: begin..<begin + bytes)
    }
}
