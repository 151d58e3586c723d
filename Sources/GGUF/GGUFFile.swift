import FileReading

/// A GGUF file (version 2 or 3, little-endian), open for reading.
///
/// The file is mapped into memory: opening it reads and checks what stands before the tensors' bytes, and these are
/// read from the disk when they are first used. The layout of a file is
///
///     "GGUF", version, counts of tensors and of metadata entries
///     metadata: a key, a type and a value each
///     tensors: a name, sizes (innermost first), an element type and an offset into the data each
///     the data, from the next multiple of the alignment on
///
/// ```swift
/// let file = try GGUFFile(path: "model.gguf")
/// let layers = try file.integer("llama.block_count")
/// let norm = try file.tensor("output_norm.weight").floats()
/// ```
public struct GGUFFile: Sendable {
    /// The path as it was given.
    public let path: String
    /// The version of the format.
    public let version: Int
    /// The metadata by key.
    public let metadata: [String: GGUFValue]
    /// The tensors in the order of their bytes in the file.
    public let entries: [GGUFEntry]
    /// The bytes of whose multiple every tensor's offset is.
    public let alignment: Int

    private let file: MappedFile
    private let dataStart: Int
    private let indexByName: [String: Int]

    /// Opens and checks the file at `path`.
    ///
    /// - Throws: ``GGUFError`` if the file cannot be read, is cut short, declares a count that the file cannot hold, a
    ///   name twice, a type that is unknown, or a tensor whose sizes, offset or bytes are wrong.
    /// - Complexity: O(bytes before the data), whatever the size of the tensors.
    public init(path: String) throws(GGUFError) {
        let file = try MappedFile(path: path) { GGUFError(path: path, reason: .init($0)) }
        let header = try GGUFHeader(file, path: path)
        self.path = path
        self.file = file
        version = Int(header.version)
        metadata = header.metadata
        entries = header.entries
        alignment = header.alignment
        dataStart = header.dataStart
        indexByName = Dictionary(
            uniqueKeysWithValues: header.entries.enumerated().map { ($0.element.name, $0.offset) })
    }

    /// The tensors' names, sorted.
    public var names: [String] { indexByName.keys.sorted() }

    /// Whether the file has a tensor called `name`.
    public func contains(_ name: String) -> Bool { indexByName[name] != nil }

    /// The tensor called `name`; its data stay in the file until they are asked for.
    ///
    /// - Throws: ``GGUFError`` if there is none.
    public func tensor(_ name: String) throws(GGUFError) -> GGUFTensor {
        guard let index = indexByName[name] else {
            throw GGUFError(path: path, tensor: name, reason: .missing(count: entries.count))
        }
        return GGUFTensor(entry: entries[index], file: file, dataStart: dataStart)
    }
}

// Metadata that must be there.
extension GGUFFile {
    /// The integer at `key`.
    ///
    /// - Throws: ``GGUFError`` naming the key if there is none or it holds no integer that fits `Int`.
    public func integer(_ key: String) throws(GGUFError) -> Int {
        try required(key, "an integer that fits 64 signed bits", \.integer)
    }

    /// The number at `key`, of any type, rounded to a `Double`.
    ///
    /// - Throws: ``GGUFError`` naming the key if there is none or it holds no number.
    public func number(_ key: String) throws(GGUFError) -> Double { try required(key, "a number", \.number) }

    /// The text at `key`.
    ///
    /// - Throws: ``GGUFError`` naming the key if there is none or it holds no text.
    public func text(_ key: String) throws(GGUFError) -> String { try required(key, "a text", \.text) }

    /// The texts of the array at `key`.
    ///
    /// - Throws: ``GGUFError`` naming the key if there is none or it holds no array of texts.
    /// - Complexity: O(elements).
    public func texts(_ key: String) throws(GGUFError) -> [String] {
        let expected = "an array of texts"
        let texts = try required(key, expected, \.elements).map(\.text)
        let present = texts.compactMap { $0 }
        guard present.count == texts.count else {
            throw GGUFError(path: path, reason: .badMetadata(key: key, expected: expected))
        }
        return present
    }

    /// The integers of the array at `key`.
    ///
    /// - Throws: ``GGUFError`` naming the key if there is none or it holds no array of integers that fit `Int`.
    /// - Complexity: O(elements).
    public func integers(_ key: String) throws(GGUFError) -> [Int] {
        let expected = "an array of integers"
        let integers = try required(key, expected, \.elements).map(\.integer)
        let present = integers.compactMap { $0 }
        guard present.count == integers.count else {
            throw GGUFError(path: path, reason: .badMetadata(key: key, expected: expected))
        }
        return present
    }

    private func required<Value>(
        _ key: String, _ expected: String, _ convert: (GGUFValue) -> Value?
    ) throws(GGUFError) -> Value {
        guard let value = metadata[key].flatMap(convert) else {
            throw GGUFError(path: path, reason: .badMetadata(key: key, expected: expected))
        }
        return value
    }
}
