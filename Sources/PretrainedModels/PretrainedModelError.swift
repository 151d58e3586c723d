import FileReading

/// Why a folder holds no model that this library can run.
public struct PretrainedModelError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was wrong; each case carries the value that was found.
    public enum Reason: Sendable, Equatable {
        /// There is no such folder.
        case noFolder
        /// The folder has none of the files that one of these would be.
        case missingFile(anyOf: [String])
        /// The folder has several files of a kind of which it should have one.
        case severalFiles([String])
        /// The operating system refused `operation`; `message` is its own text.
        case system(operation: String, message: String)
        /// The path names a directory or another thing that holds no data.
        case notAFile
        /// A configuration file is not JSON; `offset` counts bytes from its start.
        case malformedJSON(offset: Int, problem: String)
        /// A configuration lacks `field`, or holds something else than `expected` there.
        case badField(String, expected: String)
        /// A configuration asks for a `kind` of `part` that this library does not have.
        case unsupported(part: String, kind: String, expected: String)
        /// A tensor has elements that no kernel reads.
        case unsupportedElementType(tensor: String, type: String)
        /// Tokenizer and model disagree about the number of tokens.
        case vocabularyMismatch(tokenizer: Int, model: Int)
        /// A text, or the answer to it, does not fit the model.
        case textTooLong(tokens: Int, limit: Int)
    }

    /// The path of the file or folder, as the caller gave it.
    public var path: String
    /// What was wrong.
    public var reason: Reason

    /// Makes an error about the file or folder at `path`.
    public init(path: String, reason: Reason) {
        self.path = path
        self.reason = reason
    }

    /// One sentence that names the file, what was found and what should have been there.
    public var description: String { "\(path) \(reason.predicate)" }
}

extension PretrainedModelError.Reason: FileReason {
    /// The sentence of the reason without its subject.
    var predicate: String {
        switch self {
        case .noFolder:
            "is no folder; it should be one with a model's files (`bash Tests/run --models` fetches three)"
        case .missingFile(let names):
            "has no \(names.joined(separator: " or ")) (`bash Tests/run --models` fetches models that are whole)"
        case .severalFiles(let names):
            "has \(names.joined(separator: " and ")); it should have one of them"
        case .system(let operation, let message):
            FileProblem.system(operation: operation, message: message).predicate
        case .notAFile:
            FileProblem.notAFile.predicate
        case .malformedJSON(let offset, let problem):
            "is not JSON: \(problem) at byte \(offset)"
        case .badField(let field, let expected):
            "should have \(expected) as its \"\(field)\""
        case .unsupported(let part, let kind, let expected):
            "has the \(part) \"\(kind)\", which is not supported; it should be \(expected)"
        case .unsupportedElementType(let tensor, let type):
            "has the tensor \"\(tensor)\" of type \(type); it should be F32, F16 or BF16"
        case .vocabularyMismatch(let tokenizer, let model):
            "has a tokenizer of \(tokenizer) tokens and a model of \(model); the model should have as many or more"
        case .textTooLong(let tokens, let limit):
            "has room for \(limit) tokens, but the text has \(tokens)"
        }
    }
}
