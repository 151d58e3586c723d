import FileReading

/// A checkpoint that `torch.save` wrote of a model's `state_dict`: a zip archive with a pickle of tensors.
///
/// The file is mapped into memory; a tensor's bytes are read from the disk when they are first used. The pickle may
/// name what rebuilds tensors and nothing else, so that opening a file runs nothing that stands in it.
///
/// ```swift
/// let checkpoint = try PyTorchCheckpoint(path: "model.pt")
/// let weights = try checkpoint.tensor("encoder.tok_embedding.weight").floats()
/// ```
public struct PyTorchCheckpoint: Sendable {
    /// The path as it was given.
    public let path: String
    /// The tensors in the checkpoint's order.
    public let entries: [CheckpointEntry]

    private let file: MappedFile
    private let indexByName: [String: Int]

    /// Opens and checks the checkpoint at `path`.
    ///
    /// - Throws: ``CheckpointError`` if the file cannot be read, is no archive of plain members, if its pickle is
    ///   malformed or asks for more than tensors, or if a tensor reaches outside its storage.
    /// - Complexity: O(the archive's directory and pickle), whatever the size of the tensors.
    public init(path: String) throws(CheckpointError) {
        let archive = try ZipArchive(path: path)
        // The archive's folder may have any name.
        let suffix = "/data.pkl"
        let pickles = archive.members.keys.filter { $0.hasSuffix(suffix) }
        guard pickles.count == 1, let pickle = pickles.first else {
            throw CheckpointError(path: path, reason: .missingMember("data.pkl"))
        }
        let folder = String(pickle.dropLast(suffix.count))
        if let order = archive.members[folder + "/byteorder"] {
            guard archive.file.bytes(order) == [UInt8]("little".utf8) else {
                throw CheckpointError(
                    path: path, reason: .unexpectedContents(place: "in its byteorder", expected: "\"little\""))
            }
        }
        let unpickler = Unpickler(archive.file, try archive.member(pickle), path: path)
        guard let pairs = try unpickler.run().elements(.dictionary) else {
            throw CheckpointError(
                path: path, reason: .unexpectedContents(place: "in its pickle", expected: "a dictionary of tensors"))
        }
        var entries: [CheckpointEntry] = []
        for index in stride(from: 0, to: pairs.count, by: 2) {
            guard let name = pairs[index].text, case .tensor(let tensor) = pairs[index + 1] else {
                let name = pairs[index].text.map { "at \"\($0)\"" } ?? "as entry \(index / 2)"
                throw CheckpointError(
                    path: path, reason: .unexpectedContents(place: name, expected: "a name and a tensor"))
            }
            entries.append(try CheckpointEntry(name: name, tensor, in: archive, folder: folder, path: path))
        }
        // A dictionary keeps the last of two equal keys.
        indexByName = Dictionary(entries.enumerated().map { ($0.element.name, $0.offset) }) { $1 }
        self.path = path
        self.entries = entries
        file = archive.file
    }

    /// The tensors' names, sorted.
    public var names: [String] { indexByName.keys.sorted() }

    /// Whether the checkpoint has a tensor called `name`.
    public func contains(_ name: String) -> Bool { indexByName[name] != nil }

    /// The tensor called `name`; its data stay in the file until they are asked for.
    ///
    /// - Throws: ``CheckpointError`` if there is none.
    public func tensor(_ name: String) throws(CheckpointError) -> CheckpointTensor {
        guard let index = indexByName[name] else {
            throw CheckpointError(path: path, tensor: name, reason: .missing(count: indexByName.count))
        }
        return CheckpointTensor(entry: entries[index], path: path, file: file)
    }
}
