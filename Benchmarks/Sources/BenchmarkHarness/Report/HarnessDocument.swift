import Foundation

/// What the harness keeps in a JSON file.
public protocol HarnessDocument: Codable {
    /// What such a file holds, for errors.
    static var noun: String { get }
}

extension HarnessDocument {
    /// The document as JSON text with sorted keys, so that two files can be compared line by line.
    public func json() throws(HarnessError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        // Only the error of a failed case can be one of these.
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        do {
            return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
        } catch {
            throw HarnessError("the \(Self.noun) could not be written as JSON: \(error.localizedDescription)")
        }
    }

    /// Reads the JSON file at `path`.
    ///
    /// - Throws: ``HarnessError`` that names the path, if it does not hold such a document.
    public static func read(path: String) throws(HarnessError) -> Self {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        do {
            return try decoder.decode(Self.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            throw HarnessError(
                "\(path) holds no \(noun) that this version can read: \(error.localizedDescription)")
        }
    }
}
