import FileReading

/// Why a safetensors file could not be read or written.
public struct SafetensorsError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was wrong; each case carries the value that was found.
    public enum Reason: Sendable, Equatable {
        /// The operating system refused `operation`; `message` is its own text.
        case system(operation: String, message: String)
        /// The path names a directory or another thing that holds no data.
        case notAFile
        /// The file has fewer bytes than the 8 that hold the header's length.
        case tooShort(bytes: Int)
        /// The header is declared longer than the rest of the file, or than the format's 100 MB limit.
        case headerLength(declared: UInt64, available: Int)
        /// The header is not UTF-8 JSON of the format's form; `offset` counts bytes from its start.
        case malformedHeader(offset: Int, problem: String)
        /// Two tensors, or two fields of one, have the same name.
        case duplicateName(String)
        /// The element type is none that the format defines.
        case unknownElementType(String)
        /// The tensor's entry lacks `field`, or holds something else than `expected` there.
        case badField(String, expected: String)
        /// The shape has more elements than an address space, or ends inside a byte.
        case shapeOverflow([Int])
        /// The offsets are reversed or reach outside the `available` data bytes.
        case offsetsOutsideData(begin: Int, end: Int, available: Int)
        /// The offsets span another number of bytes than shape and element type need.
        case sizeMismatch(shape: [Int], type: ElementType, expected: Int, actual: Int)
        /// The tensor begins before the end of the one stored before it.
        case overlap(begin: Int, previousEnd: Int)
        /// Bytes belong to no tensor.
        case hole(begin: Int, end: Int)
        /// No tensor has this name.
        case missing(available: [String])
        /// The tensor has another element type than the caller can use.
        case wrongElementType(actual: ElementType, expected: [ElementType])
        /// An element does not fit the integer type asked for.
        case valueOutOfRange(index: Int)
        /// The name is reserved by the format for its metadata.
        case reservedName
    }

    /// The path of the file, as the caller gave it.
    public var path: String
    /// The tensor at fault, or nil where the whole file is.
    public var tensor: String?
    /// What was wrong.
    public var reason: Reason

    /// Makes an error about `tensor` in the file at `path`.
    public init(path: String, tensor: String? = nil, reason: Reason) {
        self.path = path
        self.tensor = tensor
        self.reason = reason
    }

    /// One sentence that names the file, the tensor, what was found and what should have been there.
    public var description: String {
        let place = tensor.map { "\(path): tensor \"\($0)\"" } ?? path
        return "\(place) \(reason.predicate)"
    }
}

extension SafetensorsError.Reason: FileReason {
    /// The sentence of the reason without its subject.
    var predicate: String {
        switch self {
        case .system(let operation, let message):
            FileProblem.system(operation: operation, message: message).predicate
        case .notAFile:
            FileProblem.notAFile.predicate
        case .tooShort(let bytes):
            "is no safetensors file: it has \(bytes) bytes, fewer than the 8 of the header's length"
        case .headerLength(let declared, let available):
            "is no safetensors file, or cut short: its header should have \(declared) bytes, but at most \(available) are there"
        case .malformedHeader(let offset, let problem):
            "has a malformed header: \(problem) at byte \(offset)"
        case .duplicateName(let name):
            "declares the name \"\(name)\" twice"
        case .unknownElementType(let name):
            "has the element type \"\(name)\", which the format does not define"
        case .badField(let field, let expected):
            "should have \(expected) as its \"\(field)\""
        case .shapeOverflow(let shape):
            "has the shape \(shape), whose size in bytes is no whole number that fits 64 bits"
        case .offsetsOutsideData(let begin, let end, let available):
            "has the data offsets \(begin) to \(end), which are not inside the file's \(available) data bytes"
        case .sizeMismatch(let shape, let type, let expected, let actual):
            "has \(actual) data bytes, but shape \(shape) of \(type.rawValue) needs \(expected)"
        case .overlap(let begin, let previousEnd):
            "begins at data byte \(begin), inside the tensor before it that ends at \(previousEnd)"
        case .hole(let begin, let end):
            "has data bytes \(begin) to \(end) that belong to no tensor"
        case .missing(let available):
            "is missing; the file has \(available.isEmpty ? "no tensors" : available.joined(separator: ", "))"
        case .wrongElementType(let actual, let expected):
            "has the element type \(actual.rawValue); it should be \(Self.alternatives(expected))"
        case .valueOutOfRange(let index):
            "has an element outside the range of a 64-bit signed integer at index \(index)"
        case .reservedName:
            "has a name that the format reserves for its metadata"
        }
    }

    private static func alternatives(_ types: [ElementType]) -> String {
        types.map(\.rawValue).joined(separator: " or ")
    }
}

extension SafetensorsError {
    /// The error of the system call that has just failed.
    static func system(path: String, operation: String) -> SafetensorsError {
        SafetensorsError(path: path, reason: .init(.system(operation: operation)))
    }
}
