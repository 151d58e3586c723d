import FileReading

/// Why a tokenizer could not be made, or could not decode.
public struct TokenizerError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was wrong; each case carries the value that was found.
    public enum Reason: Sendable, Equatable {
        /// The operating system refused `operation`; `message` is its own text.
        case system(operation: String, message: String)
        /// The path names a directory or another thing that holds no data.
        case notAFile
        /// The file is not JSON; `offset` counts bytes from its start.
        case malformedJSON(offset: Int, problem: String)
        /// The file is not UTF-8 text.
        case notText
        /// A name stands twice in an object.
        case duplicateName(String)
        /// The file lacks `field`, or holds something else than `expected` there.
        case badField(String, expected: String)
        /// The file asks for a `part` of a kind that this library does not have.
        case unsupported(part: String, kind: String, expected: String)
        /// Two ids have the same token.
        case duplicateToken(String)
        /// Ids are not those from 0 up, each once.
        case badIdentifier(token: String, identifier: Int, count: Int)
        /// A token that the tokenizer needs is none of the vocabulary.
        case missingToken(String)
        /// A merge is not two tokens of the vocabulary whose concatenation is one too, or stands twice.
        case badMerge(index: Int, problem: String)
        /// An id is none of the vocabulary.
        case unknownIdentifier(Int, count: Int)
    }

    /// The path of the file, or nil where the tokenizer was made from values.
    public var path: String?
    /// What was wrong.
    public var reason: Reason

    /// Makes an error about the file at `path`.
    public init(path: String? = nil, reason: Reason) {
        self.path = path
        self.reason = reason
    }

    /// One sentence that names the file, what was found and what should have been there.
    public var description: String { "\(path ?? "tokenizer") \(reason.predicate)" }
}

extension TokenizerError.Reason: FileReason {
    /// The sentence of the reason without its subject.
    var predicate: String {
        switch self {
        case .system(let operation, let message):
            FileProblem.system(operation: operation, message: message).predicate
        case .notAFile:
            FileProblem.notAFile.predicate
        case .malformedJSON(let offset, let problem):
            "is not JSON: \(problem) at byte \(offset)"
        case .notText:
            "is not UTF-8 text"
        case .duplicateName(let name):
            "has the name \"\(name)\" twice in one object"
        case .badField(let field, let expected):
            "should have \(expected) as its \"\(field)\""
        case .unsupported(let part, let kind, let expected):
            "has the \(part) \(kind), which is not supported; it should be \(expected)"
        case .duplicateToken(let token):
            "has the token \"\(token)\" twice"
        case .badIdentifier(let token, let identifier, let count):
            "gives \"\(token)\" the id \(identifier); the ids of its \(count) tokens should be those from 0 up, each once"
        case .missingToken(let token):
            "lacks the token \"\(token)\""
        case .badMerge(let index, let problem):
            "has a merge \(index) that \(problem)"
        case .unknownIdentifier(let identifier, let count):
            "has no id \(identifier); it should be in 0 ..< \(count)"
        }
    }
}
