import FileReading

/// A vocabulary that was pickled as a dictionary with the list of its tokens at `itos` (index to string).
public struct PickledVocabulary: Sendable {
    /// The tokens in the order of their ids.
    public let tokens: [String]

    /// Reads the vocabulary at `path`.
    ///
    /// - Throws: ``CheckpointError`` if the file cannot be read, is malformed, holds anything but texts, numbers and
    ///   their containers, or has no list of texts at `itos`.
    public init(path: String) throws(CheckpointError) {
        let file = try MappedFile(path: path) { CheckpointError(path: path, reason: .init($0)) }
        let unpickler = Unpickler(file, 0..<file.count, path: path)
        let pairs = try unpickler.run().elements(.dictionary) ?? []
        var tokens: [String?]?
        for index in stride(from: 0, to: pairs.count, by: 2) where pairs[index].text == "itos" {
            tokens = pairs[index + 1].elements(.list)?.map(\.text)
        }
        guard let tokens, !tokens.contains(nil) else {
            throw CheckpointError(
                path: path, reason: .unexpectedContents(place: "at \"itos\"", expected: "a list of texts"))
        }
        self.tokens = tokens.compactMap { $0 }
    }
}
