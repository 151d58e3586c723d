import FileReading

/// A file's header, read and checked: every tensor's bytes lie inside the data, and the tensors
/// together cover the data without overlap or hole.
struct Header {
    /// The longest header that readers of the format accept.
    static let maximumLength = 100_000_000
    static let metadataName = "__metadata__"

    /// In the order of their bytes.
    var entries: [TensorEntry] = []
    var metadata: [String: String] = [:]

    /// Reads the header from its JSON bytes; `dataCount` bytes of data follow it in the file.
    init(json: [UInt8], dataCount: Int, path: String) throws(SafetensorsError) {
        func fail(_ reason: SafetensorsError.Reason) -> SafetensorsError { .init(path: path, reason: reason) }
        guard json.first == UInt8(ascii: "{") else {
            throw fail(.malformedHeader(offset: 0, problem: "no opening brace"))
        }
        var scanner = JSONScanner(json)
        let root: JSONValue
        do throws(JSONScanner.Failure) {
            root = try scanner.parse()
        } catch {
            throw fail(.malformedHeader(offset: error.offset, problem: error.problem))
        }
        guard case .object(let members) = root else {
            throw fail(.malformedHeader(offset: 0, problem: "no object"))
        }
        if let name = Self.duplicate(members) { throw fail(.duplicateName(name)) }
        for member in members {
            if member.name == Self.metadataName {
                metadata = try Self.metadata(member.value, path: path)
            } else {
                entries.append(try Self.entry(member, dataCount: dataCount, path: path))
            }
        }
        // By the end too, so that an empty tensor sorts before the one that begins where it lies.
        entries.sort {
            ($0.dataRange.lowerBound, $0.dataRange.upperBound) < ($1.dataRange.lowerBound, $1.dataRange.upperBound)
        }
        try checkCoverage(dataCount: dataCount, path: path)
    }

    private func checkCoverage(dataCount: Int, path: String) throws(SafetensorsError) {
        var end = 0
        for entry in entries {
            let begin = entry.dataRange.lowerBound
            if begin < end {
                throw SafetensorsError(path: path, tensor: entry.name, reason: .overlap(begin: begin, previousEnd: end))
            }
            if begin > end { throw SafetensorsError(path: path, reason: .hole(begin: end, end: begin)) }
            end = entry.dataRange.upperBound
        }
        if end < dataCount { throw SafetensorsError(path: path, reason: .hole(begin: end, end: dataCount)) }
    }

    private static func entry(
        _ member: JSONValue.Member, dataCount: Int, path: String
    ) throws(SafetensorsError) -> TensorEntry {
        func fail(_ reason: SafetensorsError.Reason) -> SafetensorsError {
            .init(path: path, tensor: member.name, reason: reason)
        }
        guard case .object(let fields) = member.value else {
            throw fail(.malformedHeader(offset: 0, problem: "no object where a tensor is described"))
        }
        if let name = duplicate(fields) { throw fail(.duplicateName(name)) }
        func field(_ name: String) -> JSONValue? { fields.first { $0.name == name }?.value }

        guard case .string(let typeName)? = field("dtype") else {
            throw fail(.badField("dtype", expected: "the name of an element type"))
        }
        guard let type = ElementType(rawValue: typeName) else { throw fail(.unknownElementType(typeName)) }
        guard let shape = sizes(field("shape")) else {
            throw fail(.badField("shape", expected: "an array of sizes, each at least 0,"))
        }
        guard let offsets = sizes(field("data_offsets")), offsets.count == 2 else {
            throw fail(.badField("data_offsets", expected: "an array of two byte offsets, each at least 0,"))
        }
        let (begin, end) = (offsets[0], offsets[1])
        guard begin <= end, end <= dataCount else {
            throw fail(.offsetsOutsideData(begin: begin, end: end, available: dataCount))
        }
        guard let expected = type.byteCount(shape: shape) else { throw fail(.shapeOverflow(shape)) }
        guard end - begin == expected else {
            throw fail(.sizeMismatch(shape: shape, type: type, expected: expected, actual: end - begin))
        }
        return TensorEntry(name: member.name, type: type, shape: shape, dataRange: begin..<end)
    }

    private static func metadata(_ value: JSONValue, path: String) throws(SafetensorsError) -> [String: String] {
        let failure = SafetensorsError(
            path: path, reason: .badField(metadataName, expected: "an object of strings"))
        guard case .object(let members) = value else { throw failure }
        if let name = duplicate(members) { throw SafetensorsError(path: path, reason: .duplicateName(name)) }
        var result: [String: String] = [:]
        for member in members {
            guard case .string(let text) = member.value else { throw failure }
            result[member.name] = text
        }
        return result
    }

    /// The value as an array of integers that are at least 0, or nil.
    private static func sizes(_ value: JSONValue?) -> [Int]? {
        guard case .array(let elements)? = value else { return nil }
        var result: [Int] = []
        for element in elements {
            guard case .integer(let size) = element, size >= 0 else { return nil }
            result.append(size)
        }
        return result
    }

    private static func duplicate(_ members: [JSONValue.Member]) -> String? {
        var seen: Set<String> = []
        return members.first { !seen.insert($0.name).inserted }?.name
    }
}
