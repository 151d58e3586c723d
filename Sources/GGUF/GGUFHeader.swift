import FileReading

/// What stands before the tensors' bytes, read and checked: metadata, and tensors that lie inside the data, aligned
/// and without overlap.
struct GGUFHeader {
    var version: UInt32 = 0
    var metadata: [String: GGUFValue] = [:]
    /// In the order of their bytes.
    var entries: [GGUFEntry] = []
    var alignment = 32
    /// Counted from the start of the file.
    var dataStart = 0

    private static let alignmentKey = "general.alignment"

    init(_ file: MappedFile, path: String) throws(GGUFError) {
        var reader = Reader(cursor: ByteCursor(file, 0..<file.count), path: path)
        guard file.count >= 4, file.bytes(0..<4) == [UInt8]("GGUF".utf8) else { throw reader.failure(.notGGUF) }
        let _: UInt32 = try reader.integer()
        version = try reader.integer()
        guard version == 2 || version == 3 else { throw reader.failure(.unsupportedVersion(version)) }
        let tensorCount: UInt64 = try reader.integer()
        let metadataCount: UInt64 = try reader.integer()
        // An entry has a length and a type, a tensor also a rank, one size and an offset.
        try reader.checkCount(metadataCount, of: "metadata entries", bytesEach: 8 + 4 + 1)
        for _ in 0..<metadataCount {
            let key = try reader.text()
            guard metadata[key] == nil else { throw reader.failure(.duplicateName(key)) }
            metadata[key] = try reader.value(type: try reader.integer(), depth: 0)
        }
        alignment = try Self.alignment(metadata, reader)
        try reader.checkCount(tensorCount, of: "tensors", bytesEach: 8 + 4 + 8 + 4 + 8)
        var described: [GGUFEntry.Description] = []
        for _ in 0..<tensorCount { described.append(try reader.tensor()) }
        dataStart = (reader.cursor.offset + alignment - 1) / alignment * alignment
        let available = max(0, file.count - dataStart)
        var names: Set<String> = []
        for description in described {
            guard names.insert(description.name).inserted else {
                throw reader.failure(.duplicateName(description.name))
            }
            entries.append(try GGUFEntry(description, alignment: alignment, available: available, path: path))
        }
        try checkOverlap(path: path)
    }

    private static func alignment(_ metadata: [String: GGUFValue], _ reader: Reader) throws(GGUFError) -> Int {
        guard let value = metadata[alignmentKey] else { return 32 }
        guard let alignment = value.integer, (1...65536).contains(alignment), alignment.nonzeroBitCount == 1 else {
            throw reader.failure(.badMetadata(key: alignmentKey, expected: "a power of two up to 65536"))
        }
        return alignment
    }

    private mutating func checkOverlap(path: String) throws(GGUFError) {
        entries.sort {
            ($0.dataRange.lowerBound, $0.dataRange.upperBound) < ($1.dataRange.lowerBound, $1.dataRange.upperBound)
        }
        var end = 0
        for entry in entries {
            let begin = entry.dataRange.lowerBound
            guard begin >= end else {
                throw GGUFError(path: path, tensor: entry.name, reason: .overlap(begin: begin, previousEnd: end))
            }
            end = entry.dataRange.upperBound
        }
    }
}

extension GGUFHeader {
    /// Reads the header's values, turning every problem into an error about the file.
    private struct Reader {
        var cursor: ByteCursor
        let path: String

        func failure(_ reason: GGUFError.Reason) -> GGUFError { GGUFError(path: path, reason: reason) }

        private func cutShort(_ end: ByteCursor.EndOfBytes) -> GGUFError {
            failure(.cutShort(offset: end.offset, needed: end.needed))
        }

        mutating func integer<Value: FixedWidthInteger & BitwiseCopyable>(
            _: Value.Type = Value.self
        ) throws(GGUFError) -> Value {
            do throws(ByteCursor.EndOfBytes) { return try cursor.integer() } catch { throw cutShort(error) }
        }

        mutating func text() throws(GGUFError) -> String {
            let offset = cursor.offset
            let count: UInt64 = try integer()
            let text: String?
            do throws(ByteCursor.EndOfBytes) { text = try cursor.text(count) } catch { throw cutShort(error) }
            guard let text else { throw failure(.malformedText(offset: offset)) }
            return text
        }

        func checkCount(_ count: UInt64, of things: String, bytesEach: Int) throws(GGUFError) {
            let possible = cursor.remaining / bytesEach
            guard count <= UInt64(possible) else {
                throw failure(.countTooLarge(things: things, declared: count, possible: possible))
            }
        }

        mutating func value(type: UInt32, depth: Int) throws(GGUFError) -> GGUFValue {
            switch type {
            case 0: return .unsigned(UInt64(try integer(UInt8.self)))
            case 1: return .signed(Int64(try integer(Int8.self)))
            case 2: return .unsigned(UInt64(try integer(UInt16.self)))
            case 3: return .signed(Int64(try integer(Int16.self)))
            case 4: return .unsigned(UInt64(try integer(UInt32.self)))
            case 5: return .signed(Int64(try integer(Int32.self)))
            case 6: return .real(Double(Float(bitPattern: try integer())))
            case 7: return .boolean(try integer(UInt8.self) != 0)
            case 8: return .string(try text())
            case 9: return try array(depth: depth + 1)
            case 10: return .unsigned(try integer())
            case 11: return .signed(try integer())
            case 12: return .real(Double(bitPattern: try integer()))
            default: throw failure(.unknownValueType(type))
            }
        }

        private mutating func array(depth: Int) throws(GGUFError) -> GGUFValue {
            guard depth <= 4 else { throw failure(.nestedTooDeeply) }
            let type: UInt32 = try integer()
            let count: UInt64 = try integer()
            let bytesEach = [0: 1, 1: 1, 2: 2, 3: 2, 7: 1, 8: 8, 9: 12, 10: 8, 11: 8, 12: 8][type] ?? 4
            try checkCount(count, of: "array elements", bytesEach: bytesEach)
            var elements: [GGUFValue] = []
            elements.reserveCapacity(Int(count))
            for _ in 0..<count { elements.append(try value(type: type, depth: depth)) }
            return .array(elements)
        }

        mutating func tensor() throws(GGUFError) -> GGUFEntry.Description {
            let name = try text()
            let rank: UInt32 = try integer()
            guard (1...4).contains(rank) else {
                throw GGUFError(path: path, tensor: name, reason: .badRank(rank))
            }
            var sizes: [UInt64] = []
            for _ in 0..<rank { sizes.append(try integer()) }
            return .init(name: name, sizes: sizes, type: try integer(), offset: try integer())
        }
    }
}
