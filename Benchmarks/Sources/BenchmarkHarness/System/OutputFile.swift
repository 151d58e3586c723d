import Foundation

/// Writes whole files so that an interrupted run never damages an earlier one.
public enum OutputFile {
    /// Writes `text` to the file at `path`, or to the standard output if `path` is `-`.
    ///
    /// The file appears complete or not at all, and missing directories are made. A path that exists and is no
    /// regular file, such as `/dev/null`, is written straight, because it must not be replaced.
    ///
    /// - Throws: ``HarnessError`` that names the path.
    public static func write(_ text: String, to path: String) throws(HarnessError) {
        try write(Data(text.utf8), to: path)
    }

    /// Makes the directory of `path` and throws if a file cannot be written there.
    ///
    /// - Throws: ``HarnessError`` that names the path.
    public static func prepare(_ path: String) throws(HarnessError) {
        if path == "-" { return }
        let url = URL(fileURLWithPath: path).resolvingSymlinksInPath()
        let directory = url.deletingLastPathComponent()
        do {
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        } catch {
            throw HarnessError("\(directory.path) could not be made: \(error.localizedDescription)")
        }
        var isDirectory: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory)
        if exists && isDirectory.boolValue { throw HarnessError("\(path) is a directory; it should be a file") }
        if !FileManager.default.isWritableFile(atPath: exists ? url.path : directory.path) {
            throw HarnessError("\(path) cannot be written: permission denied")
        }
    }

    /// Writes `data` likewise.
    public static func write(_ data: Data, to path: String) throws(HarnessError) {
        do {
            if path == "-" { return try FileHandle.standardOutput.write(contentsOf: data) }
            let url = URL(fileURLWithPath: path).resolvingSymlinksInPath()
            let attributes = try? FileManager.default.attributesOfItem(atPath: url.path)
            let type = attributes?[.type] as? FileAttributeType
            if type == .typeDirectory { throw HarnessError("\(path) is a directory; it should be a file") }
            if let type, type != .typeRegular {
                let handle = try FileHandle(forWritingTo: url)
                try handle.write(contentsOf: data)
                return try handle.close()
            }
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try data.write(to: url, options: .atomic)
        } catch let error as HarnessError {
            throw error
        } catch {
            throw HarnessError("\(path) could not be written: \(error.localizedDescription)")
        }
    }
}
