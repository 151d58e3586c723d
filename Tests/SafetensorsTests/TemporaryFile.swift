import Foundation

@testable import Safetensors

/// A directory of one test, removed with everything in it when the test lets go of it.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("safetensors-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }

    var contents: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }
}

/// The bytes of a file with this header, padded or not as given, and this data.
func fileBytes(header: String, data: [UInt8] = [], declaredLength: UInt64? = nil) -> [UInt8] {
    let length = declaredLength ?? UInt64(header.utf8.count)
    return withUnsafeBytes(of: length.littleEndian) { [UInt8]($0) } + [UInt8](header.utf8) + data
}

/// What opening a file with these bytes throws; nil if it opens.
func openingError(_ bytes: [UInt8]) throws -> SafetensorsError.Reason? {
    let directory = try TemporaryDirectory()
    let path = directory.file("case.safetensors")
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    do throws(SafetensorsError) {
        _ = try SafetensorsFile(path: path)
        return nil
    } catch {
        return error.reason
    }
}
