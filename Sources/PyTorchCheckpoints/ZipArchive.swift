import FileReading

/// The members of a zip archive whose bytes are stored plainly, as `torch.save` writes them.
///
/// The directory at the archive's end is read; each member's own header must lie inside the file. Archives over
/// several disks, and those so large that their directory needs the fields of zip64, are refused.
struct ZipArchive {
    let file: MappedFile
    /// The places of the members' bytes in the file.
    private(set) var members: [String: Range<Int>] = [:]
    private let path: String

    private static let directoryEnd: UInt32 = 0x0605_4B50
    private static let directoryEndLength = 22
    private static let directoryEntry: UInt32 = 0x0201_4B50
    private static let directoryEntryLength = 46
    private static let localHeader: UInt32 = 0x0403_4B50
    private static let localHeaderLength = 30

    init(path: String) throws(CheckpointError) {
        file = try MappedFile(path: path) { CheckpointError(path: path, reason: .init($0)) }
        self.path = path
        let end = try directoryEndOffset()
        let count = Int(try integer(UInt16.self, at: end + 10))
        let bytes = Int(try integer(UInt32.self, at: end + 12))
        var offset = Int(try integer(UInt32.self, at: end + 16))
        guard offset + bytes <= end else { throw malformed(end, "a directory outside the file") }
        for _ in 0..<count { try readEntry(&offset, end: end) }
    }

    /// The bytes of the member called `name`.
    func member(_ name: String) throws(CheckpointError) -> Range<Int> {
        guard let range = members[name] else { throw CheckpointError(path: path, reason: .missingMember(name)) }
        return range
    }

    /// The last place where the record that ends every archive can begin; a comment of up to 65535 bytes follows it.
    private func directoryEndOffset() throws(CheckpointError) -> Int {
        var offset = file.count - Self.directoryEndLength
        let lowest = max(0, offset - 0xFFFF)
        while offset >= lowest {
            if try integer(UInt32.self, at: offset) == Self.directoryEnd,
                Int(try integer(UInt16.self, at: offset + 20)) == file.count - offset - Self.directoryEndLength
            {
                return offset
            }
            offset -= 1
        }
        throw CheckpointError(path: path, reason: .notAnArchive)
    }

    /// Reads the directory's entry at `offset` and moves on to the next.
    private mutating func readEntry(_ offset: inout Int, end: Int) throws(CheckpointError) {
        guard offset + Self.directoryEntryLength <= end,
            try integer(UInt32.self, at: offset) == Self.directoryEntry
        else { throw malformed(offset, "no entry of the directory") }
        let flags = try integer(UInt16.self, at: offset + 8)
        let method = try integer(UInt16.self, at: offset + 10)
        let stored = Int(try integer(UInt32.self, at: offset + 20))
        let original = Int(try integer(UInt32.self, at: offset + 24))
        let nameLength = Int(try integer(UInt16.self, at: offset + 28))
        let extraLength = Int(try integer(UInt16.self, at: offset + 30))
        let commentLength = Int(try integer(UInt16.self, at: offset + 32))
        let local = Int(try integer(UInt32.self, at: offset + 42))
        let nameStart = offset + Self.directoryEntryLength
        guard nameStart + nameLength <= end else { throw malformed(offset, "a name outside the directory") }
        let name = String(decoding: file.bytes(nameStart..<nameStart + nameLength), as: UTF8.self)
        // Bit 0 is encryption; method 0 stores the bytes as they are.
        guard flags & 1 == 0, method == 0 else {
            throw CheckpointError(path: path, reason: .compressedMember(name))
        }
        guard stored == original else { throw malformed(offset, "a plain member with two sizes") }
        guard members[name] == nil else { throw CheckpointError(path: path, reason: .duplicateMember(name)) }
        guard try integer(UInt32.self, at: local) == Self.localHeader else {
            throw malformed(local, "no header of a member")
        }
        // The member's own header may have another extra field than the directory's entry.
        let localName = Int(try integer(UInt16.self, at: local + 26))
        let localExtra = Int(try integer(UInt16.self, at: local + 28))
        let start = local + Self.localHeaderLength + localName + localExtra
        guard start + stored <= file.count else { throw malformed(local, "a member outside the file") }
        members[name] = start..<start + stored
        offset = nameStart + nameLength + extraLength + commentLength
    }

    private func integer<Value: FixedWidthInteger & BitwiseCopyable>(
        _: Value.Type, at offset: Int
    ) throws(CheckpointError) -> Value {
        guard offset >= 0, offset + MemoryLayout<Value>.size <= file.count else {
            throw malformed(offset, "a record outside the file")
        }
        return file.withBytes(offset..<offset + MemoryLayout<Value>.size) {
            Value(littleEndian: $0.loadUnaligned(as: Value.self))
        }
    }

    private func malformed(_ offset: Int, _ problem: String) -> CheckpointError {
        CheckpointError(path: path, reason: .malformedArchive(offset: offset, problem: problem))
    }
}
