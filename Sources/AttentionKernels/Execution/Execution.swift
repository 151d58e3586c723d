import CKernels
import Synchronization

/// How calls run: on how many threads, with which instruction set, and in whose scratch memory.
///
/// An execution keeps the workspaces its calls needed and lends them again, so that the second call of a shape
/// allocates nothing. It is safe to use from many tasks at once; each running call has a workspace of its own. The
/// result of a call does not depend on the number of threads.
public final class Execution: Sendable {
    /// The execution that calls use unless they are given another: all usable cores, the best instruction set.
    public static let shared = Execution()

    /// The number of threads of a call, or nil for all usable cores.
    public let threads: Int?
    /// The instruction set, or nil for the one named by the environment variable `CK_ISA` and otherwise the best.
    public let instructionSet: InstructionSet?

    private let idle = Mutex<[Workspace]>([])

    /// An execution. A wrong number of threads or an instruction set this machine lacks is an error of the call.
    ///
    /// - Parameters:
    ///   - threads: from 1 to 1024, or nil for all usable cores.
    ///   - instructionSet: what to run on, or nil for the environment's or the best.
    public init(threads: Int? = nil, instructionSet: InstructionSet? = nil) {
        self.threads = threads
        self.instructionSet = instructionSet
        idle.withLock { $0.reserveCapacity(16) }
    }

    deinit {
        releaseWorkspaces()
    }

    /// Frees the scratch memory kept for later calls; running calls are not disturbed.
    public func releaseWorkspaces() {
        idle.withLock { workspaces in
            for workspace in workspaces { workspace.deallocate() }
            workspaces.removeAll(keepingCapacity: true)
        }
    }

    /// The bytes of scratch memory kept for later calls.
    public var idleWorkspaceByteCount: Int {
        idle.withLock { workspaces in workspaces.reduce(0) { $0 + $1.bytes.count } }
    }

    /// Lends a workspace of at least `byteCount` bytes; `giveBack(_:)` must follow.
    func take(byteCount: Int) throws(KernelError) -> Workspace {
        let kept: Workspace? = idle.withLock { workspaces in
            // By index: the generic search of a collection allocates where it is not specialised.
            var index = workspaces.count
            while index > 0 {
                index -= 1
                if workspaces[index].bytes.count >= byteCount { return workspaces.remove(at: index) }
            }
            // None is large enough: one of them makes way for the larger block that replaces it.
            workspaces.popLast()?.deallocate()
            return nil
        }
        if let kept { return kept }
        guard let workspace = Workspace(byteCount: byteCount) else {
            throw KernelError(.outOfMemory, .workspace, "there is not enough memory for \(byteCount) bytes")
        }
        return workspace
    }

    func giveBack(_ workspace: Workspace) {
        idle.withLock { $0.append(workspace) }
    }

    /// The options of a call in the given memory.
    func cOptions(_ workspace: UnsafeMutableRawBufferPointer?) -> ck_options {
        var options = ck_options_default()
        // A negative count must not be taken for C's "all": 0 is refused as it should be.
        options.threads = threads.map { Int32(clamping: max($0, 0)) } ?? CK_ALL_THREADS
        options.isa = instructionSet.cValue
        options.workspace = workspace?.baseAddress
        options.workspace_bytes = workspace?.count ?? 0
        return options
    }
}
