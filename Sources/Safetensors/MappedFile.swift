import Foundation

/// A whole regular file mapped read-only into memory, unmapped when the last reference goes.
///
/// Pages are read from the disk when they are first touched. The file must not be truncated by
/// another process while it is mapped; replacing it by rename, as ``SafetensorsWriter`` does, is safe.
final class MappedFile: Sendable {
    let count: Int
    // Only read after init, and the memory it points to is never written.
    nonisolated(unsafe) private let base: UnsafeMutableRawPointer?

    init(path: String) throws(SafetensorsError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(path: path, operation: "opened") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .system(path: path, operation: "inspected") }
        guard status.st_mode & S_IFMT == S_IFREG else { throw SafetensorsError(path: path, reason: .notAFile) }
        count = Int(status.st_size)
        guard count > 0 else {
            base = nil
            return
        }
        guard let address = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
            throw .system(path: path, operation: "mapped into memory")
        }
        base = address
    }

    deinit {
        if let base { munmap(base, count) }
    }

    /// The file's bytes; valid while this object lives.
    func withBytes<Result, Failure: Error>(
        _ range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(start: base, count: count)[range]))
    }
}

extension SafetensorsError {
    /// The error of the system call that has just failed.
    static func system(path: String, operation: String) -> SafetensorsError {
        SafetensorsError(path: path, reason: .system(operation: operation, message: String(cString: strerror(errno))))
    }
}
