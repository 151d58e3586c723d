import FileReading

/// Why a PyTorch checkpoint, or a pickle, could not be read.
public struct CheckpointError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was wrong; each case carries the value that was found. Offsets count bytes from the start of the file.
    public enum Reason: Sendable, Equatable {
        /// The operating system refused `operation`; `message` is its own text.
        case system(operation: String, message: String)
        /// The path names a directory or another thing that holds no data.
        case notAFile
        /// The file has no directory of a zip archive at its end.
        case notAnArchive
        /// A record of the archive reaches outside the file or contradicts the directory.
        case malformedArchive(offset: Int, problem: String)
        /// A member is compressed or encrypted; checkpoints store theirs plainly.
        case compressedMember(String)
        /// The archive has no member of this name.
        case missingMember(String)
        /// The archive has two members of this name.
        case duplicateMember(String)
        /// The pickle ends before a value of `needed` bytes at `offset`.
        case cutShort(offset: Int, needed: UInt64)
        /// The pickle is not well formed.
        case malformedPickle(offset: Int, problem: String)
        /// The pickle asks for an operation that tensors, numbers, texts and their containers do not need.
        case forbiddenOperation(offset: Int, code: UInt8)
        /// The pickle names a class or function other than those that rebuild tensors.
        case forbiddenGlobal(offset: Int, name: String)
        /// The file holds something else than `expected` at `place`.
        case unexpectedContents(place: String, expected: String)
        /// The tensor's sizes and strides reach outside its storage of `elements`.
        case outsideStorage(shape: [Int], strides: [Int], offset: Int, elements: Int)
        /// The storage's member has another number of bytes than its elements need.
        case storageSize(member: String, expected: Int, actual: Int)
        /// No tensor has this name.
        case missing(count: Int)
        /// The tensor's elements are no floating-point numbers.
        case wrongElementType(actual: CheckpointElementType)
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

extension CheckpointError.Reason: FileReason {
    /// The sentence of the reason without its subject.
    var predicate: String {
        switch self {
        case .system(let operation, let message):
            FileProblem.system(operation: operation, message: message).predicate
        case .notAFile:
            FileProblem.notAFile.predicate
        case .notAnArchive:
            "is no PyTorch checkpoint, or cut short: it should end with the directory of a zip archive"
        case .malformedArchive(let offset, let problem):
            "is a malformed zip archive: \(problem) at byte \(offset)"
        case .compressedMember(let name):
            "has a compressed or encrypted member \"\(name)\"; it should be stored plainly"
        case .missingMember(let name):
            "has no member \"\(name)\""
        case .duplicateMember(let name):
            "has two members \"\(name)\""
        case .cutShort(let offset, let needed):
            "has a pickle that is cut short: \(needed) bytes should stand at byte \(offset)"
        case .malformedPickle(let offset, let problem):
            "has a malformed pickle: \(problem) at byte \(offset)"
        case .forbiddenOperation(let offset, let code):
            "has a pickle with the operation \(code) at byte \(offset), which a checkpoint of tensors does not need"
        case .forbiddenGlobal(let offset, let name):
            "has a pickle that asks for \"\(name)\" at byte \(offset); only what rebuilds tensors is allowed"
        case .unexpectedContents(let place, let expected):
            "should have \(expected) \(place)"
        case .outsideStorage(let shape, let strides, let offset, let elements):
            "has shape \(shape), strides \(strides) and offset \(offset), outside its storage of \(elements) elements"
        case .storageSize(let member, let expected, let actual):
            "has \(actual) bytes in the member \"\(member)\"; it should have \(expected)"
        case .missing(let count):
            "is missing; the checkpoint has \(count) other tensors"
        case .wrongElementType(let actual):
            "has the element type \(actual.rawValue), which should be a floating-point one"
        }
    }
}
