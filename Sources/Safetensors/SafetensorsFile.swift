import FileReading

/// A safetensors file, open for reading.
///
/// The file is mapped into memory: opening it reads and checks the header alone, and a tensor's
/// bytes are read from the disk when they are first used. The layout of a file is
///
///     8 bytes   n, the header's length, little-endian
///     n bytes   JSON: {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
///     the rest  the tensors' bytes, little-endian, row-major, offsets counted from here
///
/// ```swift
/// let file = try SafetensorsFile(path: "model.safetensors")
/// let weights = try file.tensor("encoder.weight").floats()
/// ```
public struct SafetensorsFile: Sendable {
    /// The path as it was given.
    public let path: String
    /// The tensors in the order of their bytes in the file.
    public let entries: [TensorEntry]
    /// The free text entries of the header's `__metadata__`.
    public let metadata: [String: String]

    private let file: MappedFile
    private let dataStart: Int
    private let indexByName: [String: Int]

    /// Opens and checks the file at `path`.
    ///
    /// - Throws: ``SafetensorsError`` if the file cannot be read, is shorter than its header says, or
    ///   if its header is malformed, names a tensor twice, or gives a tensor bytes that lie outside the
    ///   file, overlap another tensor's, leave a hole, or do not match its shape and type.
    /// - Complexity: O(the header's length), whatever the size of the tensors.
    public init(path: String) throws(SafetensorsError) {
        let file = try MappedFile(path: path) { SafetensorsError(path: path, reason: .init($0)) }
        guard file.count >= 8 else { throw SafetensorsError(path: path, reason: .tooShort(bytes: file.count)) }
        let declared = file.withBytes(0..<8) { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
        let available = min(file.count - 8, Header.maximumLength)
        guard declared <= UInt64(available) else {
            throw SafetensorsError(path: path, reason: .headerLength(declared: declared, available: available))
        }
        let dataStart = 8 + Int(declared)
        let json = file.bytes(8..<dataStart)
        let header = try Header(json: json, dataCount: file.count - dataStart, path: path)

        self.path = path
        self.file = file
        self.dataStart = dataStart
        entries = header.entries
        metadata = header.metadata
        indexByName = Dictionary(
            uniqueKeysWithValues: header.entries.enumerated().map { ($0.element.name, $0.offset) })
    }

    /// The tensors' names, sorted.
    public var names: [String] { indexByName.keys.sorted() }

    /// Whether the file has a tensor called `name`.
    public func contains(_ name: String) -> Bool { indexByName[name] != nil }

    /// The tensor called `name`; its data stay in the file until they are asked for.
    ///
    /// - Throws: ``SafetensorsError`` with the names that exist, if this one does not.
    public func tensor(_ name: String) throws(SafetensorsError) -> StoredTensor {
        guard let index = indexByName[name] else {
            throw SafetensorsError(path: path, tensor: name, reason: .missing(available: names))
        }
        return StoredTensor(entry: entries[index], path: path, file: file, dataStart: dataStart)
    }
}
