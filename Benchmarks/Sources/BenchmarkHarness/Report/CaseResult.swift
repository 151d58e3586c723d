import AttentionKernels

/// The measurements of one case, under the names of the JSON and CSV files.
public struct CaseResult: Codable, Sendable, Equatable {
    /// `attention`, or `gemm` for a product of a baseline, whose sizes are `product` and whose kernel is `gemm`.
    public var op: String
    /// `naive`, `blocked` or `fused`.
    public var kernel: String
    /// The element type of the tensors.
    public var dtype: String
    /// The number of sequences.
    public var batch: Int
    /// The number of query heads.
    public var heads: Int
    /// The number of key-value heads.
    public var kvHeads: Int
    /// The number of queries.
    public var queryLength: Int
    /// The number of keys.
    public var keyLength: Int
    /// The width of a query and a key.
    public var headDim: Int
    /// The width of a value.
    public var valueDim: Int
    /// The rules of the mask, see ``SweepMask``.
    public var mask: String
    /// The number of threads.
    public var threads: Int
    /// The instruction set.
    public var isa: String
    /// The median of all repetitions, in milliseconds.
    public var medianMs: Double
    /// The fastest repetition, in milliseconds.
    public var minMs: Double
    /// The slowest repetition, in milliseconds.
    public var maxMs: Double
    /// The number of repetitions.
    public var repetitions: Int
    /// 10^9 floating-point operations a second, by the median.
    public var gflops: Double
    /// `gflops` as a share of the peak of arithmetic on the same instruction set and threads, see `peakQuantity`.
    public var percentOfPeak: Double
    /// The largest absolute error against the oracle in the rows checked.
    public var maxError: Double
    /// The largest error that was allowed.
    public var errorBound: Double
    /// How many rows were checked.
    public var rowsChecked: Int
    /// The ends of the interval that holds the true median with 95 % confidence, in milliseconds.
    public var medianLowMs: Double
    /// The upper end.
    public var medianHighMs: Double
    /// The first quartile, in milliseconds.
    public var quartile1Ms: Double
    /// The third quartile, in milliseconds.
    public var quartile3Ms: Double
    /// The peak that `percentOfPeak` refers to, in GFLOP/s.
    public var peakGflops: Double
    /// What that peak counts, see ``ComputeQuantity``; nil in older files: multiply-adds of f32.
    public var peakQuantity: String?
    /// Whether the peak measured beside this case fell more than 5 % below the run's, or others used its cores.
    public var disturbed: Bool
    /// The median of the peaks measured between the turns of this case, in GFLOP/s.
    public var peakBesideGflops: Double
    /// The bytes of inputs and outputs: what must be read or written at least once.
    public var bytes: Int
    /// What bounds the case: `compute`, or the level of memory that its bytes come from; nil without known limits.
    public var bound: String?
    /// The rate that the bound allows, in GFLOP/s.
    public var boundGflops: Double?
    /// `gflops` as a share of it.
    public var percentOfBound: Double?
    /// How fast K and V passed in the median time, in 10^9 bytes a second; nil in older files.
    public var keyValueGBs: Double?
    /// How fast the level of memory that holds the case's bytes is read, in 10^9 bytes a second; nil without known
    /// limits.
    public var readBoundGBs: Double?
    /// How often the system took a core away while the case and those beside it were timed.
    public var involuntarySwitches: Int
    /// The share of one core's time that the hypervisor gave to others meanwhile.
    public var stealPercent: Double
    /// The share of one core's time that other processes used meanwhile.
    public var otherLoadPercent: Double
    /// How often the case was timed: more than once where it was disturbed before.
    public var attempts: Int

    /// The sizes of a product; nil for attention, whose sizes are 0 for a product.
    public var product: ProductSizes?

    /// The result of timing `sweepCase`; ``relate(to:meter:roofline:)`` must follow when the run's peak is known.
    init(
        _ sweepCase: SweepCase, _ statistics: TimingStatistics, check: CaseCheck, timing: GroupTiming, attempts: Int
    ) {
        let shape = sweepCase.shape
        self.init(
            statistics, flops: sweepCase.flops, bytes: sweepCase.compulsoryBytes, peak: sweepCase.peakKey, check: check,
            timing: timing)
        op = "attention"
        kernel = sweepCase.kernel.rawValue
        dtype = sweepCase.dtype.rawValue
        (batch, heads, kvHeads) = (shape.batch, shape.heads, shape.kvHeads)
        (queryLength, keyLength) = (shape.queryLength, shape.keyLength)
        (headDim, valueDim) = (shape.headDim, shape.valueDim)
        mask = sweepCase.mask.rawValue
        self.attempts = attempts
        keyValueGBs = keyValueGigabytesPerSecond.significant()
    }

    /// The result of timing a product; as above.
    init(_ cell: GemmCell, _ statistics: TimingStatistics, check: CaseCheck, timing: GroupTiming) {
        self.init(
            statistics, flops: cell.shape.flops, bytes: cell.bytes, peak: cell.peakKey, check: check, timing: timing)
        (op, kernel) = ("gemm", "gemm")
        dtype = cell.dtype.rawValue
        product = ProductSizes(cell.shape)
    }

    /// What attention and products have in common.
    private init(
        _ statistics: TimingStatistics, flops: Double, bytes: Int, peak: PeakMeter.Key, check: CaseCheck,
        timing: GroupTiming
    ) {
        func milliseconds(_ seconds: Double) -> Double { (seconds * 1e3).significant() }
        (op, kernel, dtype, mask) = ("", "", "", SweepMask.none.rawValue)
        (batch, heads, kvHeads, queryLength, keyLength, headDim, valueDim) = (0, 0, 0, 0, 0, 0, 0)
        (threads, isa) = (peak.threads, peak.isa.name)
        medianMs = milliseconds(statistics.median)
        minMs = milliseconds(statistics.minimum)
        maxMs = milliseconds(statistics.maximum)
        repetitions = statistics.count
        gflops = (flops / max(statistics.median, 1e-12) * 1e-9).significant()
        percentOfPeak = 0
        maxError = check.maxError
        errorBound = check.bound
        rowsChecked = check.rowsChecked
        medianLowMs = milliseconds(statistics.medianInterval.lowerBound)
        medianHighMs = milliseconds(statistics.medianInterval.upperBound)
        quartile1Ms = milliseconds(statistics.quartiles.lowerBound)
        quartile3Ms = milliseconds(statistics.quartiles.upperBound)
        peakGflops = 0
        peakQuantity = peak.quantity.rawValue
        peakBesideGflops = timing.peak.significant()
        self.bytes = bytes
        involuntarySwitches = timing.noise.involuntarySwitches
        stealPercent = (100 * timing.noise.stealShare).significant()
        otherLoadPercent = (100 * timing.noise.otherSeconds / max(timing.noise.seconds, 1e-9)).significant()
        attempts = 1
        disturbed = timing.noise.isDisturbing(threads: peak.threads, cores: Machine.current.usableCores)
    }

    /// Relates the case to the limits, of which the peak is known only when a run ends.
    mutating func relate(to meter: PeakMeter, roofline: Roofline?) {
        guard let isa = InstructionSet(rawValue: isa) else { return }
        let quantity = peakQuantity.flatMap(ComputeQuantity.init) ?? .fma
        let key = PeakMeter.Key(isa: isa, threads: threads, quantity: quantity)
        let peak = meter.records[key]?.peak ?? peakBesideGflops
        peakGflops = peak.significant()
        percentOfPeak = (100 * gflops / peak).significant()
        disturbed = disturbed || meter.isDisturbed(key, gflops: peakBesideGflops)
        let bound = roofline?.bound(flops: gflops * medianMs * 1e6, bytes: bytes, threads: threads, computePeak: peak)
        self.bound = bound?.name
        boundGflops = bound.map { $0.gflops.significant() }
        readBoundGBs = roofline?.readBandwidth(of: bytes, threads: threads)
        percentOfBound = bound.map { (100 * gflops / $0.gflops).significant() }
    }
}

/// What the check of one case against the oracle found.
public struct CaseCheck: Sendable, Equatable {
    /// The largest absolute error of an output's element.
    public var maxError: Double
    /// The largest error allowed.
    public var bound: Double
    /// How many rows were compared.
    public var rowsChecked: Int

    /// Whether the error keeps the bound.
    public var passes: Bool { maxError <= bound }
}
