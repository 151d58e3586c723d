import AttentionKernels

/// What a sweep measures: shapes and masks, times kernels, element types, threads and instruction sets.
public struct SweepPlan: Sendable {
    /// One shape with one mask.
    public struct Workload: Sendable, Hashable {
        /// The sizes.
        public var shape: AttentionShape
        /// The mask.
        public var mask: SweepMask
        /// The element types to measure where nobody asked for others; nil for f32.
        public var dtypes: [SweepDType]?

        /// A workload.
        public init(_ shape: AttentionShape, _ mask: SweepMask, dtypes: [SweepDType]? = nil) {
            self.shape = shape
            self.mask = mask
            self.dtypes = dtypes
        }
    }

    /// The workloads in the order of the sweep.
    public var workloads: [Workload]
    /// The kernels.
    public var kernels: [AttentionKernel]
    /// The element types; nil for those of each workload.
    public var dtypes: [SweepDType]?
    /// The numbers of threads.
    public var threads: [Int]
    /// The instruction sets.
    public var isas: [InstructionSet]
    /// The keys of the cases to take from the product; nil for all.
    public var only: Set<String>?

    /// The plan of the given cases; nil if there are none.
    public init?(cases: [SweepCase]) {
        func unique<Value: Hashable>(_ values: [Value]) -> [Value] {
            var seen: Set<Value> = []
            return values.filter { seen.insert($0).inserted }
        }
        if cases.isEmpty { return nil }
        self.init(
            workloads: unique(cases.map { Workload($0.shape, $0.mask) }), kernels: unique(cases.map(\.kernel)),
            dtypes: unique(cases.map(\.dtype)), threads: unique(cases.map(\.threads)), isas: unique(cases.map(\.isa)))
        only = Set(cases.map(\.key))
    }

    /// A plan.
    public init(
        workloads: [Workload], kernels: [AttentionKernel] = AttentionKernel.allCases, dtypes: [SweepDType]? = nil,
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
        (dtypes ?? workload.dtypes ?? [.f32]).flatMap { dtype in
            isas.flatMap { isa in
                threads.compactMap { threads in
                    let group = SweepGroup(
                        shape: workload.shape, mask: workload.mask, isa: isa, threads: threads, dtype: dtype,
                        kernels: kernels)
                    return group.filtered { only?.contains($0.key) ?? true }
                }
            }
        }
    }

    /// Every case, in the order of the groups.
    public var cases: [SweepCase] {
        workloads.flatMap(groups(of:)).flatMap { group in group.kernels.map(group.sweepCase) }
    }
}
