/// Reads little-endian values one after another from a range of a mapped file, never beyond its end.
package struct ByteCursor {
    /// The bytes end before the value that was asked for.
    package struct EndOfBytes: Error, Sendable, Equatable {
        /// Where the value begins, counted from the start of the file.
        package var offset: Int
        /// The bytes that the value needs.
        package var needed: UInt64
    }

    private let file: MappedFile
    /// The place of the next value, counted from the start of the file.
    package private(set) var offset: Int
    private let end: Int

    package init(_ file: MappedFile, _ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= file.count)
        self.file = file
        offset = range.lowerBound
        end = range.upperBound
    }

    package var remaining: Int { end - offset }

    /// The next `Value`.
    package mutating func integer<Value: FixedWidthInteger & BitwiseCopyable>(
        _: Value.Type = Value.self
    ) throws(EndOfBytes) -> Value {
        let range = try take(UInt64(MemoryLayout<Value>.size))
        return file.withBytes(range) { Value(littleEndian: $0.loadUnaligned(as: Value.self)) }
    }

    /// The place of the next `count` bytes, which are skipped.
    package mutating func take(_ count: UInt64) throws(EndOfBytes) -> Range<Int> {
        guard count <= UInt64(remaining) else { throw EndOfBytes(offset: offset, needed: count) }
        let start = offset
        offset += Int(count)
        return start..<offset
    }

    /// The next `count` bytes as text, or nil where they are not UTF-8.
    package mutating func text(_ count: UInt64) throws(EndOfBytes) -> String? {
        let range = try take(count)
        return file.withBytes(range) { String(validating: $0, as: UTF8.self) }
    }

    /// The bytes up to the next line feed, which is skipped, as text; nil where they are not UTF-8.
    package mutating func line() throws(EndOfBytes) -> String? {
        let length = file.withBytes(offset..<end) { $0.firstIndex(of: UInt8(ascii: "\n")) }
        guard let length else { throw EndOfBytes(offset: end, needed: 1) }
        let text = try text(UInt64(length))
        offset += 1
        return text
    }
}
