import Foundation

/// Why a file could not be mapped; each reader puts it into an error of its own, by ``FileReason``.
package enum FileProblem: Error, Sendable, Equatable {
    /// The operating system refused `operation`; `message` is its own text.
    case system(operation: String, message: String)
    /// The path names a directory or another thing that holds no data.
    case notAFile

    /// The problem of the system call that has just failed.
    package static func system(operation: String) -> FileProblem {
        .system(operation: operation, message: String(cString: strerror(errno)))
    }

    /// The end of a sentence whose subject is the file.
    package var predicate: String {
        switch self {
        case .system(let operation, let message): "could not be \(operation): \(message)"
        case .notAFile: "is not a regular file"
        }
    }
}

/// What was wrong with a file, in the words of one reader: problems of any file are some of its own.
package protocol FileReason {
    static func system(operation: String, message: String) -> Self
    static var notAFile: Self { get }
}

extension FileReason {
    package init(_ problem: FileProblem) {
        switch problem {
        case .system(let operation, let message): self = .system(operation: operation, message: message)
        case .notAFile: self = .notAFile
        }
    }
}

/// A whole regular file mapped read-only into memory, unmapped when the last reference goes.
///
/// Pages are read from the disk when they are first touched, and again after ``release(_:)``. The file must not be truncated
/// by another process while it is mapped; replacing it by rename is safe.
package final class MappedFile: Sendable {
    package let count: Int
    // Only read after init, and the memory it points to is never written.
    nonisolated(unsafe) private let base: UnsafeMutableRawPointer?

    /// Maps the file at `path`, or throws what `failure` makes of the problem.
    package convenience init<Failure: Error>(
        path: String, _ failure: (FileProblem) -> Failure
    ) throws(Failure) {
        do throws(FileProblem) { try self.init(mapping: path) } catch { throw failure(error) }
    }

    private init(mapping path: String) throws(FileProblem) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(operation: "opened") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .system(operation: "inspected") }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile }
        count = Int(status.st_size)
        guard count > 0 else {
            base = nil
            return
        }
        guard let address = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
            throw .system(operation: "mapped into memory")
        }
        base = address
    }

    deinit {
        if let base { munmap(base, count) }
    }

    /// The file's bytes; valid while this object lives.
    package func withBytes<Result, Failure: Error>(
        _ range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(start: base, count: count)[range]))
    }

    /// The memory of the pages around `bytes`, which lie in the file, no longer counts as this process's. Whoever reads them
    /// again gets the same bytes, mostly from the system's cache of the file.
    package func release(_ bytes: UnsafeRawBufferPointer) {
        guard let base, let start = bytes.baseAddress, !bytes.isEmpty else { return }
        let file = Int(bitPattern: base)..<Int(bitPattern: base) + count
        let (first, end) = (Int(bitPattern: start), Int(bitPattern: start) + bytes.count)
        precondition(file.lowerBound <= first && end <= file.upperBound, "the bytes are not in this file")
        // Linux may map the 2 MiB around the page that is touched, and so bring back neighbours released before.
        let step = 2 << 20
        let pages = (first / step * step..<(end + step - 1) / step * step).clamped(to: file)
        // Only advice: what it does not release stays where it is.
        _ = madvise(base + (pages.lowerBound - file.lowerBound), pages.count, MADV_DONTNEED)
    }

    /// A copy of the bytes in `range`.
    package func bytes(_ range: Range<Int>) -> [UInt8] { withBytes(range) { [UInt8]($0) } }
}
