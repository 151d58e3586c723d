import CKernels

/// What this library knows of the machine it runs on. Read once, then constant.
public struct Machine: Sendable, Hashable, Codable {
    /// The CPU's own name, or its architecture.
    public let name: String
    /// The number of cores this process may use, by affinity mask and cgroup quota; at least 1.
    public let usableCores: Int
    /// The size of one core's first-level data cache, in bytes.
    public let l1DataCacheBytes: Int
    /// The size of one core's second-level cache, in bytes.
    public let l2CacheBytes: Int
    /// The size of the last-level cache one core reaches, in bytes; 0 if there is none.
    public let l3CacheBytes: Int
    /// What runs the threads: `openmp` or `pthreads`.
    public let parallelBackend: String

    /// This machine.
    public static let current = Machine(ck_machine_info().pointee)

    private init(_ machine: ck_machine) {
        name = withUnsafeBytes(of: machine.name) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        usableCores = Int(machine.usable_cores)
        l1DataCacheBytes = Int(machine.l1d_bytes)
        l2CacheBytes = Int(machine.l2_bytes)
        l3CacheBytes = Int(machine.l3_bytes)
        parallelBackend = String(cString: machine.parallel)
    }
}
