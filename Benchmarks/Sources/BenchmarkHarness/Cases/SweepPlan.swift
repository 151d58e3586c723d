import AttentionKernels

/// What a sweep measures: shapes and masks, times kernels, element types, threads and instruction sets.
public struct SweepPlan: Sendable {
    /// One shape with one mask.
    public struct Workload: Sendable, Hashable {
        /// The sizes.
        public var shape: AttentionShape
        /// The mask.
        public var mask: SweepMask

        /// A workload.
        public init(_ shape: AttentionShape, _ mask: SweepMask) {
            self.shape = shape
            self.mask = mask
        }
    }

    /// The workloads in the order of the sweep.
    public var workloads: [Workload]
    /// The kernels.
    public var kernels: [AttentionKernel]
    /// The element types.
    public var dtypes: [SweepDType]
    /// The numbers of threads.
    public var threads: [Int]
    /// The instruction sets.
    public var isas: [InstructionSet]

    /// A plan.
    public init(
        workloads: [Workload], kernels: [AttentionKernel] = AttentionKernel.allCases, dtypes: [SweepDType] = [.f32],
        threads: [Int], isas: [InstructionSet]
    ) {
        self.workloads = workloads
        self.kernels = kernels
        self.dtypes = dtypes
        self.threads = threads
        self.isas = isas
    }

    /// The groups of one workload: cases of different kernels that take turns.
    public func groups(of workload: Workload) -> [SweepGroup] {
        dtypes.flatMap { dtype in
            isas.flatMap { isa in
                threads.map { threads in
                    SweepGroup(
                        shape: workload.shape, mask: workload.mask, isa: isa, threads: threads, dtype: dtype,
                        kernels: kernels)
                }
            }
        }
    }

    /// The number of cases.
    public var caseCount: Int { workloads.count * dtypes.count * isas.count * threads.count * kernels.count }
}
