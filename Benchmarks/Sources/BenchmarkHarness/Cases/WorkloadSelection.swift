/// The lists that span a sweep's workloads; nil where the person at the terminal said nothing.
public struct WorkloadSelection: Sendable {
    /// The sequence lengths: of the keys, and of the queries too unless they have a list of their own.
    public var lengths: [Int]?
    /// The numbers of queries, beside every length of the keys.
    public var queryLengths: [Int]?
    /// The widths of a head.
    public var headDims: [Int]?
    /// The widths of a value; nil for those of the heads.
    public var valueDims: [Int]?
    /// The numbers of query heads.
    public var heads: [Int]?
    /// The numbers of key-value heads.
    public var kvHeads: [Int]?
    /// The numbers of sequences.
    public var batch: [Int]?
    /// The masks.
    public var masks: [SweepMask]?
    /// Named lists of cases to take instead of the defaults; empty for none.
    public var presets: [Preset]
    /// Whether the defaults are those of a sweep that ends within a minute.
    public var quick: Bool

    /// A selection.
    public init(
        lengths: [Int]? = nil, queryLengths: [Int]? = nil, headDims: [Int]? = nil, valueDims: [Int]? = nil,
        heads: [Int]? = nil, kvHeads: [Int]? = nil, batch: [Int]? = nil, masks: [SweepMask]? = nil,
        presets: [Preset] = [], quick: Bool = false
    ) {
        self.lengths = lengths
        self.queryLengths = queryLengths
        self.headDims = headDims
        self.valueDims = valueDims
        self.heads = heads
        self.kvHeads = kvHeads
        self.batch = batch
        self.masks = masks
        self.presets = presets
        self.quick = quick
    }

    /// The sequence lengths of a sweep that nobody asked other ones of.
    public static let defaultLengths = [128, 256, 512, 1024, 2048, 4096, 8192]
    static let quickLengths = [128, 256, 512, 1024, 2048]

    /// The workloads: the product of all lists, with rising lengths innermost. With a preset, given lists replace
    /// its values, and workloads that become equal are kept once.
    ///
    /// - Throws: ``HarnessError`` if a number of heads is not a multiple of a number of key-value heads.
    public func workloads() throws(HarnessError) -> [SweepPlan.Workload] {
        var seen: Set<SweepPlan.Workload> = []
        let all = presets.isEmpty ? product() : presets.flatMap(\.workloads).flatMap(varied)
        let workloads = all.filter { seen.insert($0).inserted }
        for shape in workloads.map(\.shape) where !shape.heads.isMultiple(of: shape.kvHeads) {
            throw HarnessError(
                "--heads: \(shape.heads) should be a multiple of --kv-heads, which is \(shape.kvHeads)")
        }
        return workloads
    }

    /// The workloads of a sweep: those of the lists, and decoding too where nobody gave a list.
    public func sweepWorkloads() throws(HarnessError) -> [SweepPlan.Workload] {
        try workloads()
            + (isDefault ? (quick ? Preset.decode(keyLengths: [1024, 8192]) : Preset.decode.workloads) : [])
    }

    /// The workloads of a baseline: few lengths and decoding where nobody gave a list.
    public func baselineWorkloads() throws(HarnessError) -> [SweepPlan.Workload] {
        guard isDefault else { return try workloads() }
        var selection = self
        (selection.lengths, selection.headDims) = ([128, 512, 2048], quick ? [64] : [64, 128])
        return try selection.workloads() + Preset.decode(keyLengths: [1024, 8192])
    }

    /// Whether nobody gave a list.
    public var isDefault: Bool {
        [lengths, queryLengths, headDims, valueDims, heads, kvHeads, batch].allSatisfy { $0 == nil } && masks == nil
            && presets.isEmpty
    }

    private func product() -> [SweepPlan.Workload] {
        let lengths = (lengths ?? (quick ? Self.quickLengths : Self.defaultLengths)).sorted()
        var shapes: [AttentionShape] = []
        for batch in batch ?? [1] {
            for heads in heads ?? [8] {
                for kvHeads in kvHeads ?? [heads] {
                    for headDim in headDims ?? (quick ? [64] : [64, 128]) {
                        for valueDim in valueDims ?? [headDim] {
                            shapes.append(
                                AttentionShape(
                                    batch: batch, heads: heads, kvHeads: kvHeads, queryLength: 0, headDim: headDim,
                                    valueDim: valueDim))
                        }
                    }
                }
            }
        }
        return shapes.flatMap { shape in
            (masks ?? SweepMask.defaults).flatMap { mask in
                shape.withLengths(lengths, queries: queryLengths).map { .init($0, mask) }
            }
        }
    }

    /// A preset's workload with every given list in place of its own value.
    private func varied(_ base: SweepPlan.Workload) -> [SweepPlan.Workload] {
        var shapes = [base.shape]
        func vary(_ values: [Int]?, _ set: (inout AttentionShape, Int) -> Void) {
            guard let values else { return }
            shapes = shapes.flatMap { shape in
                values.map { value in
                    var varied = shape
                    set(&varied, value)
                    return varied
                }
            }
        }
        vary(batch) { $0.batch = $1 }
        vary(heads) { shape, heads in
            // The sharing of key-value heads stays what it is in the model.
            let sharing = shape.heads / shape.kvHeads
            shape.heads = heads
            shape.kvHeads = heads.isMultiple(of: sharing) ? heads / sharing : heads
        }
        vary(kvHeads) { $0.kvHeads = $1 }
        vary(headDims) { ($0.headDim, $0.valueDim) = ($1, $1) }
        vary(valueDims) { $0.valueDim = $1 }
        if let lengths = lengths?.sorted() {
            shapes = shapes.flatMap { $0.withLengths(lengths, queries: queryLengths) }
        } else {
            vary(queryLengths?.sorted()) { $0.queryLength = $1 }
        }
        return shapes.flatMap { shape in (masks ?? [base.mask]).map { .init(shape, $0, dtypes: base.dtypes) } }
    }
}
