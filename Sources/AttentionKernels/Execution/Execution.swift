import CKernels

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

    /// Whether attention refuses all that the one fused pass does not compute: other kernels, and the weights.
    public let isFusedOnly: Bool

    private let pool = WorkspacePool()

    /// An execution. A wrong number of threads or an instruction set this machine lacks is an error of the call.
    ///
    /// - Parameters:
    ///   - threads: from 1 to 1024, or nil for all usable cores.
    ///   - instructionSet: what to run on, or nil for the environment's or the best.
    ///   - isFusedOnly: whether attention refuses what the fused pass does not compute.
    public init(threads: Int? = nil, instructionSet: InstructionSet? = nil, isFusedOnly: Bool = false) {
        self.isFusedOnly = isFusedOnly
        self.threads = threads
        self.instructionSet = instructionSet
    }

    /// Frees the scratch memory kept for later calls; running calls are not disturbed.
    public func releaseWorkspaces() {
        pool.removeAll()
    }

    /// The bytes of scratch memory kept for later calls.
    public var idleWorkspaceByteCount: Int { pool.byteCount }

    /// Lends a workspace of at least `byteCount` bytes; `giveBack(_:)` must follow.
    func take(byteCount: Int) throws(KernelError) -> Workspace {
        if let kept = pool.take(byteCount: byteCount) { return kept }
        guard let workspace = Workspace(byteCount: byteCount) else {
            throw KernelError(.outOfMemory, .workspace, "there is not enough memory for \(byteCount) bytes")
        }
        return workspace
    }

    func giveBack(_ workspace: Workspace) {
        pool.put(workspace)
    }

    /// The options of a call in the given memory.
    func cOptions(_ workspace: UnsafeMutableRawBufferPointer?) -> ck_options {
        var options = ck_options_default()
        // A negative count must not be taken for C's "all": 0 is refused as it should be.
        options.threads = threads.map { Int32(clamping: max($0, 0)) } ?? CK_ALL_THREADS
        options.isa = instructionSet.cValue
        options.workspace = workspace?.baseAddress
        options.workspace_bytes = workspace?.count ?? 0
        options.fused_only = isFusedOnly
        return options
    }
}
