import Foundation

/// A file that appears under its name complete, or not at all.
///
/// The bytes go to a temporary file beside the destination, which ``commit()`` flushes to the disk and
/// renames. Until then, and on every failure, an earlier file of that name stays as it was. A destination
/// that exists and is no regular file (a device, a pipe) cannot be replaced so, and is written straight.
struct AtomicFile: ~Copyable {
    private let path: String
    private let destination: String
    private let descriptor: Int32
    /// Nil where the destination itself is being written.
    private let temporaryPath: String?

    /// Begins to write the file at `path`, whose directory must exist.
    init(path: String) throws(SafetensorsError) {
        // A symbolic link keeps its place; the file it points to is the one replaced.
        let destination = Self.resolved(path)
        var status = stat()
        let exists = stat(destination, &status) == 0
        let kind = status.st_mode & S_IFMT
        if exists && kind == S_IFDIR { throw SafetensorsError(path: path, reason: .notAFile) }
        var temporaryPath: String?
        let descriptor: Int32
        if exists && kind != S_IFREG {
            descriptor = open(destination, O_WRONLY | O_CLOEXEC)
        } else {
            let name = destination + "." + String(UInt64.random(in: 0 ... .max), radix: 36) + ".partial"
            temporaryPath = name
            descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
            if exists && descriptor >= 0 { fchmod(descriptor, status.st_mode & 0o7777) }
        }
        guard descriptor >= 0 else { throw .system(path: path, operation: "created") }
        self.path = path
        self.destination = destination
        self.descriptor = descriptor
        self.temporaryPath = temporaryPath
    }

    deinit {
        close(descriptor)
        if let temporaryPath { unlink(temporaryPath) }
    }

    /// Appends `bytes`.
    func append(_ bytes: UnsafeRawBufferPointer) throws(SafetensorsError) {
        var rest = bytes
        while !rest.isEmpty {
            let written = write(descriptor, rest.baseAddress, rest.count)
            if written < 0 {
                if errno == EINTR { continue }
                throw .system(path: path, operation: "written")
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
        }
    }

    /// Puts the finished file in its place.
    consuming func commit() throws(SafetensorsError) {
        guard let temporaryPath else { return }
        guard fsync(descriptor) == 0 else { throw .system(path: path, operation: "flushed to the disk") }
        guard rename(temporaryPath, destination) == 0 else { throw .system(path: path, operation: "put in place") }
    }

    private static func resolved(_ path: String) -> String {
        guard let real = realpath(path, nil) else { return path }
        defer { free(real) }
        return String(cString: real)
    }
}
