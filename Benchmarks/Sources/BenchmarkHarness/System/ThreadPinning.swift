import AttentionKernels
import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// Keeps threads on their cores, where the system allows it.
///
/// OpenMP pins its own threads, if its environment asks for it before the first of them starts: the process starts
/// itself again with that environment. POSIX threads live for one call and inherit the mask of the thread that
/// starts them: there the calls on n threads are confined to n cores.
public enum ThreadPinning {
    /// What OpenMP is told: one thread a core, neighbours first.
    static let environment = ["OMP_PROC_BIND": "close", "OMP_PLACES": "cores"]

    /// Whether OpenMP's environment asks for pinned threads, by `--pin` or by the person at the terminal.
    public static var isInForce: Bool {
        let value = ProcessInfo.processInfo.environment["OMP_PROC_BIND"]?.lowercased() ?? "false"
        return Machine.current.parallelBackend == "openmp" && value != "false"
    }

    #if os(Linux)
        /// Starts the process again with OpenMP's threads pinned, or returns if they are, or if they are not OpenMP's.
        ///
        /// - Throws: ``HarnessError`` if the process cannot start again.
        public static func start(_ arguments: [String] = CommandLine.arguments) throws(HarnessError) {
            _ = initialMask
            guard Machine.current.parallelBackend == "openmp", !isInForce else { return }
            for (name, value) in environment { setenv(name, value, 1) }
            var words = arguments.map { strdup($0) }
            words.append(nil)
            execv("/proc/self/exe", &words)
            throw HarnessError("--pin: the process could not start itself again: \(String(cString: strerror(errno)))")
        }

        /// Runs `body` with the calling thread, and those it starts, on the first `cores` of the usable cores, where
        /// threads are not OpenMP's.
        static func confined<Result>(to cores: Int, _ body: () throws -> Result) rethrows -> Result {
            guard Machine.current.parallelBackend != "openmp" else { return try body() }
            return try with(first(cores, of: initialMask), body)
        }

        /// Runs `body` with the calling thread on any usable core: a pinned thread hands its one core on to the
        /// threads it starts.
        static func released<Result>(_ body: () throws -> Result) rethrows -> Result {
            try with(initialMask, body)
        }

        /// The cores of this process before anything was pinned, a bit each. Read by ``start(_:)``, while that is so.
        private static let initialMask = currentMask()

        private static func with<Result>(_ mask: [UInt8], _ body: () throws -> Result) rethrows -> Result {
            let outside = currentMask()
            setMask(mask)
            defer { setMask(outside) }
            return try body()
        }

        private static func setMask(_ mask: [UInt8]) {
            var mask = mask
            _ = calls?.set(0, mask.count, &mask)
        }

        private static func currentMask() -> [UInt8] {
            var mask = [UInt8](repeating: 0, count: 128)
            _ = calls?.get(0, mask.count, &mask)
            return mask
        }

        private static func first(_ count: Int, of mask: [UInt8]) -> [UInt8] {
            var (result, left) = (mask, count)
            for bit in 0..<mask.count * 8 where mask[bit / 8] & (1 << (bit % 8)) != 0 {
                if left <= 0 { result[bit / 8] &= ~(1 << (bit % 8)) }
                left -= 1
            }
            return result
        }

        private typealias Call = @convention(c) (Int32, Int, UnsafeMutablePointer<UInt8>) -> Int32

        /// By name, because the C library hides them from programs that do not ask for GNU's extensions.
        private static let calls: (get: Call, set: Call)? = {
            guard let library = dlopen(nil, RTLD_NOW), let get = dlsym(library, "sched_getaffinity"),
                let set = dlsym(library, "sched_setaffinity")
            else { return nil }
            return (unsafeBitCast(get, to: Call.self), unsafeBitCast(set, to: Call.self))
        }()
    #else
        /// - Throws: ``HarnessError``: this system has no call that pins a thread.
        public static func start(_ arguments: [String] = CommandLine.arguments) throws(HarnessError) {
            throw HarnessError("--pin: this system has no call that pins a thread to a core; run without it")
        }

        static func confined<Result>(to cores: Int, _ body: () throws -> Result) rethrows -> Result { try body() }
        static func released<Result>(_ body: () throws -> Result) rethrows -> Result { try body() }
    #endif
}
