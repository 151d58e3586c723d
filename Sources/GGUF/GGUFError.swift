import FileReading

/// Why a GGUF file could not be read.
public struct GGUFError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was wrong; each case carries the value that was found. Offsets count bytes from the start of the file.
    public enum Reason: Sendable, Equatable {
        /// The operating system refused `operation`; `message` is its own text.
        case system(operation: String, message: String)
        /// The path names a directory or another thing that holds no data.
        case notAFile
        /// The file does not begin with the letters GGUF.
        case notGGUF
        /// The file has a version that this reader does not know: it reads 2 and 3, in little-endian order.
        case unsupportedVersion(UInt32)
        /// The file ends before a value of `needed` bytes at `offset`.
        case cutShort(offset: Int, needed: UInt64)
        /// More `things` are declared than the rest of the file can hold.
        case countTooLarge(things: String, declared: UInt64, possible: Int)
        /// A text is not UTF-8.
        case malformedText(offset: Int)
        /// Two metadata entries, or two tensors, have the same name.
        case duplicateName(String)
        /// A metadata value has a type that the format does not define.
        case unknownValueType(UInt32)
        /// Arrays of arrays are nested more than four deep.
        case nestedTooDeeply
        /// A metadata entry is missing or holds something else than `expected`.
        case badMetadata(key: String, expected: String)
        /// The tensor has another number of dimensions than 1 to 4.
        case badRank(UInt32)
        /// The tensor's elements are stored in a form that this reader does not know.
        case unsupportedElementType(UInt32)
        /// A size is 0, or the sizes have more elements than an address space.
        case badShape([UInt64])
        /// The rows do not consist of whole blocks of the element type.
        case rowNotWholeBlocks(row: Int, block: Int)
        /// The tensor's offset is no multiple of the file's alignment.
        case misaligned(offset: UInt64, alignment: Int)
        /// The tensor reaches outside the `available` data bytes.
        case outsideData(offset: UInt64, bytes: Int, available: Int)
        /// The tensor begins before the end of the one stored before it.
        case overlap(begin: Int, previousEnd: Int)
        /// No tensor has this name.
        case missing(count: Int)
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

extension GGUFError.Reason: FileReason {
    /// The sentence of the reason without its subject.
    var predicate: String {
        switch self {
        case .system(let operation, let message):
            FileProblem.system(operation: operation, message: message).predicate
        case .notAFile:
            FileProblem.notAFile.predicate
        case .notGGUF:
            "is no GGUF file: it should begin with the letters GGUF"
        case .unsupportedVersion(let version):
            "has GGUF version \(version); it should be 2 or 3, in little-endian order"
        case .cutShort(let offset, let needed):
            "is cut short: a value of \(needed) bytes should stand at byte \(offset)"
        case .countTooLarge(let things, let declared, let possible):
            "declares \(declared) \(things), but the rest of the file can hold at most \(possible)"
        case .malformedText(let offset):
            "has a text at byte \(offset) that is not UTF-8"
        case .duplicateName(let name):
            "declares the name \"\(name)\" twice"
        case .unknownValueType(let type):
            "has a metadata value of type \(type), which the format does not define"
        case .nestedTooDeeply:
            "has metadata arrays nested more than four deep"
        case .badMetadata(let key, let expected):
            "should have \(expected) as its metadata \"\(key)\""
        case .badRank(let rank):
            "has \(rank) dimensions; it should have 1 to 4"
        case .unsupportedElementType(let type):
            "has the element type \(type); it should be \(GGUFElementType.list)"
        case .badShape(let shape):
            "has the sizes \(shape), innermost first; each should be at least 1 and their bytes fit 63 bits"
        case .rowNotWholeBlocks(let row, let block):
            "has rows of \(row) elements, which should be a multiple of its element type's \(block)"
        case .misaligned(let offset, let alignment):
            "has the offset \(offset), which should be a multiple of the file's alignment of \(alignment)"
        case .outsideData(let offset, let bytes, let available):
            "has \(bytes) bytes at offset \(offset), which are not inside the file's \(available) data bytes"
        case .overlap(let begin, let previousEnd):
            "begins at data byte \(begin), inside the tensor before it that ends at \(previousEnd)"
        case .missing(let count):
            "is missing; the file has \(count) other tensors"
        }
    }
}
