#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The workspaces an execution keeps, behind a lock.
///
/// The lock is one of POSIX, not the standard library's `Mutex`: that one waits in code the thread sanitizer cannot see
/// into, and users who check their own programs would be told of races here that do not exist.
final class WorkspacePool: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private var idle: [Workspace] = []

    init() {
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
        idle.reserveCapacity(16)
    }

    deinit {
        removeAll()
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Frees all workspaces here.
    func removeAll() {
        withLock {
            for workspace in idle { workspace.deallocate() }
            idle.removeAll(keepingCapacity: true)
        }
    }

    /// The bytes of all workspaces here.
    var byteCount: Int {
        withLock { idle.reduce(0) { $0 + $1.bytes.count } }
    }

    /// Takes out a workspace of at least `byteCount` bytes. If there is none, one that is too small is freed, since the
    /// new block that the caller makes will come back in its place.
    func take(byteCount: Int) -> Workspace? {
        withLock {
            // By index: the generic search of a collection allocates where it is not specialised.
            var index = idle.count
            while index > 0 {
                index -= 1
                if idle[index].bytes.count >= byteCount { return idle.remove(at: index) }
            }
            idle.popLast()?.deallocate()
            return nil
        }
    }

    /// Puts a workspace back, or in.
    func put(_ workspace: Workspace) {
        withLock { idle.append(workspace) }
    }

    private func withLock<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }
}
