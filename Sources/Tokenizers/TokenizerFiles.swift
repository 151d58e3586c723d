import FileReading

/// The files that describe tokenizers.
enum TokenizerFiles {
    /// The lines of the text file at `path`, without the end of the last.
    static func lines(_ path: String) throws(TokenizerError) -> [String] {
        let bytes = try bytes(path)
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw TokenizerError(path: path, reason: .notText)
        }
        // By bytes: a `Character` may be a carriage return with its line feed, and vocabularies have separators of
        // lines as tokens.
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines.map { line in
            String(decoding: line.last == UInt8(ascii: "\r") ? line.dropLast() : line, as: UTF8.self)
        }
    }

    /// The object in the JSON file at `path`, in which no name stands twice.
    static func object(_ path: String) throws(TokenizerError) -> JSONValue {
        var scanner = JSONScanner(try bytes(path))
        let value: JSONValue
        do throws(JSONScanner.Failure) { value = try scanner.parseObject() } catch {
            throw TokenizerError(path: path, reason: .malformedJSON(offset: error.offset, problem: error.problem))
        }
        if let name = value.duplicateName { throw TokenizerError(path: path, reason: .duplicateName(name)) }
        return value
    }

    private static func bytes(_ path: String) throws(TokenizerError) -> [UInt8] {
        let file = try MappedFile(path: path) { TokenizerError(path: path, reason: .init($0)) }
        return file.bytes(0..<file.count)
    }
}
