import Foundation

/// A shared library of the user's, opened for a peer. It stays open: its threads outlive every call.
struct SharedLibrary: @unchecked Sendable {
    private let handle: UnsafeMutableRawPointer

    /// Opens the library at `path`.
    ///
    /// Its symbols come from itself and what it depends on before those of this program, which has an OpenMP of its
    /// own; what it needs and the system does not find is looked for in its own folder, where wheels keep it.
    ///
    /// - Throws: ``ContestantFailure`` with the system's words.
    init(path: String) throws(ContestantFailure) {
        // Two copies of LLVM's OpenMP in one process end it unless this is said.
        setenv("KMP_DUPLICATE_LIB_OK", "TRUE", 0)
        var missing: Set<String> = []
        handle = try Self.open(path, &missing)
    }

    /// The address of the first of `names` that the library, or one it depends on, has.
    func symbol(_ names: String...) -> UnsafeMutableRawPointer? {
        names.lazy.compactMap { dlsym(handle, $0) }.first
    }

    /// The text that a function without arguments returns.
    func text(_ names: String...) -> String? {
        typealias Function = @convention(c) () -> UnsafePointer<CChar>?
        for name in names {
            guard let address = dlsym(handle, name) else { continue }
            return unsafeBitCast(address, to: Function.self)().map { String(cString: $0) }
        }
        return nil
    }

    private static func open(
        _ path: String, _ missing: inout Set<String>
    ) throws(ContestantFailure) -> UnsafeMutableRawPointer {
        while true {
            if let handle = dlopen(path, flags) { return handle }
            let problem = dlerror().map { String(cString: $0) } ?? "it could not be opened"
            // glibc begins its sentence with the file that it looked for.
            let name = String(problem.prefix { $0 != ":" })
            let neighbour = URL(fileURLWithPath: path).deletingLastPathComponent().appendingPathComponent(name).path
            guard name != path, !name.contains("/"), FileManager.default.fileExists(atPath: neighbour),
                missing.insert(name).inserted
            else { throw ContestantFailure("it cannot be opened: \(problem)") }
            _ = try open(neighbour, &missing)
        }
    }

    private static var flags: Int32 {
        #if os(Linux)
            // RTLD_DEEPBIND, which Glibc's overlay does not import.
            RTLD_NOW | RTLD_LOCAL | 0x8
        #else
            RTLD_NOW | RTLD_LOCAL
        #endif
    }
}
