import CKernels

/// What a product would do, and why: how it is cut into tasks, what is packed, what it moves. Made by `explainMatmul`;
/// `description` says it in sentences.
public struct MatmulPlan: Sendable, Hashable {
    /// The way a product goes.
    public enum Path: String, Sendable, Hashable, CaseIterable {
        /// The output is empty: nothing to do.
        case none
        /// The triple loop.
        case naive
        /// Register tiles on panels of B.
        case tiles
        /// Three rows or fewer: B streams past once.
        case gemv
        /// So few rows that B streams past a few lines at a time and is never packed.
        case thin
    }

    /// What the call runs on.
    public let instructionSet: InstructionSet
    /// The way it goes.
    public let path: Path
    /// How A meets quantised weights.
    public let arithmetic: MatmulArithmetic
    /// Whether `Cᵀ = Bᵀ Aᵀ` is computed instead. What follows, A, B, `m` and `n` too, speaks of that product then.
    public let isExchanged: Bool
    /// Whether each task copies the blocks of A it needs; else A is read where it lies.
    public let packsA: Bool
    /// Whether each task copies the blocks of B it needs; else B is read where it lies, but for the last columns that do
    /// not fill a vector.
    public let packsB: Bool
    /// Whether B is a ``PackedMatrix``.
    public let readsPackedB: Bool
    /// Whether sums are transposed into the output from scratch memory.
    public let transposesOutput: Bool
    /// Whether a strip of B for all of `k` stays in the second-level cache while rows pass, so that the output is written
    /// once; else blocks of `k` are outside, and it is read and written for each.
    public let rowsAreOutside: Bool
    /// The number of matrices.
    public let batch: Int
    /// Rows of the product computed.
    public let m: Int
    /// Columns of the product computed.
    public let n: Int
    /// The length of a row of A; 0 where `alpha` is, and A and B are not read.
    public let k: Int
    /// Rows of the widest register tile.
    public let tileRows: Int
    /// Columns of the widest register tile, which is a panel of B.
    public let tileColumns: Int
    /// `KC`, the part of `k` that one chain of sums covers. It decides bits, so no plan chooses it.
    public let kBlock: Int
    /// Strips of columns that each matrix is cut into.
    public let strips: Int
    /// Parts of rows that each strip is cut into.
    public let parts: Int
    /// The tasks of the whole call.
    public let tasks: Int
    /// Columns of the widest strip.
    public let stripColumns: Int
    /// Rows of the highest part.
    public let partRows: Int
    /// The threads that take part, at most those of the execution.
    public let threads: Int
    /// The scratch memory of the call.
    public let workspaceByteCount: Int
    /// `2 m n k` for each matrix.
    public let floatingPointOperations: Double
    /// The bytes of each operand once, and of the output twice if `beta` is not 0: no call moves less.
    public let operandByteCount: Double
    /// The bytes read and written with A read for each strip, B for each part and C for each block of `k` that it waits
    /// for, from whatever cache they are in then.
    public let trafficByteCount: Double
    private let columnsOfAContiguous: Bool
    private let columnsOfBContiguous: Bool

    init(_ explanation: ck_gemm_explanation, batch: Int) {
        guard let instructionSet = InstructionSet(explanation.isa) else {
            preconditionFailure("a plan is made for an instruction set")
        }
        self.instructionSet = instructionSet
        path =
            switch explanation.route {
            case .CK_ROUTE_NONE: .none
            case .CK_ROUTE_NAIVE: .naive
            case .CK_ROUTE_TILES: .tiles
            case .CK_ROUTE_THIN: .thin
            case .CK_ROUTE_GEMV: .gemv
            }
        arithmetic = MatmulArithmetic(explanation.arithmetic)
        isExchanged = explanation.exchanged
        packsA = explanation.packs_a
        packsB = explanation.packs_b
        readsPackedB = explanation.reads_packed_b
        transposesOutput = explanation.transposes_c
        rowsAreOutside = explanation.rows_outside
        self.batch = batch
        m = Int(explanation.m)
        n = Int(explanation.n)
        k = Int(explanation.k)
        tileRows = Int(explanation.tile_rows)
        tileColumns = Int(explanation.tile_columns)
        kBlock = Int(explanation.k_block)
        strips = Int(explanation.strips)
        parts = Int(explanation.parts)
        tasks = Int(explanation.tasks)
        stripColumns = Int(explanation.strip_columns)
        partRows = Int(explanation.part_rows)
        threads = Int(explanation.threads)
        workspaceByteCount = explanation.workspace_bytes
        floatingPointOperations = explanation.flops
        operandByteCount = explanation.operand_bytes
        trafficByteCount = explanation.traffic_bytes
        columnsOfAContiguous = explanation.a_k_stride == 1
        columnsOfBContiguous = explanation.b_column_stride == 1
    }

    /// Floating-point operations for each byte of the operands: beside the machine's own ratio, it tells whether
    /// arithmetic or memory is the limit.
    public var arithmeticIntensity: Double {
        operandByteCount > 0 ? floatingPointOperations / operandByteCount : 0
    }
}

extension MatmulPlan: CustomStringConvertible {
    public var description: String {
        let size = (batch == 1 ? "" : "\(batch) x ") + "\(m)x\(n)x\(k)"
        let head = "\(size) (m, n, k) on \(instructionSet.name), \(threads == 1 ? "1 thread" : "\(threads) threads")"
        switch path {
        case .none: return "\(size) (m, n, k): the output is empty, nothing is done"
        case .naive: return ([head, "the triple loop, a row of C a task"] + work).joined(separator: "\n")
        case .tiles, .thin, .gemv:
            return ([head] + [exchange, way, cut, readingA, readingB, writing].compactMap(\.self) + work)
                .joined(separator: "\n")
        }
    }

    private var exchange: String? {
        guard isExchanged else { return nil }
        return "exchanged: Cᵀ = Bᵀ Aᵀ is computed, A being the second factor, for this side is narrower or "
            + "needs less transposing; m, n, A and B are those of this product"
    }

    private var way: String {
        let rows = m == 1 ? "1 row" : "\(m) rows"
        switch path {
        case .gemv: return "gemv: \(rows) of A, so B streams past once"
        case .thin: return "thin: \(rows) of A, so B streams past a few lines at a time, under sums that stay in L1"
        default:
            return "tiles of up to \(tileRows) rows x \(tileColumns) columns, k in blocks of \(min(k, kBlock))"
                + (rowsAreOutside ? ", all of them for some rows at a time" : "")
        }
    }

    private var cut: String {
        "\(tasks) \(tasks == 1 ? "task" : "tasks"): \(strips) x \(stripColumns) columns, \(parts) x \(partRows) rows"
            + (batch == 1 ? "" : ", for each of \(batch) matrices")
    }

    private var readingA: String {
        if arithmetic == .integer16 { return "A: rounded to integers of 16 bits before, once for all tasks" }
        if packsA { return "A: packed block by block, for its rows are not contiguous" }
        return "A: read where it lies" + (columnsOfAContiguous ? ", for its rows are contiguous" : "")
    }

    private var readingB: String {
        if readsPackedB { return "B: packed beforehand" }
        if arithmetic == .integer16 { return "B: quantised weights laid out a panel at a time, in the type they have" }
        if path == .gemv { return "B: read where it lies, for nothing of it is used twice" }
        if path == .thin {
            return packsB
                ? "B: a few lines packed at a time, for \(m) rows do not pay for more"
                : "B: read where it lies, for \(m) rows do not pay for a copy"
        }
        if !packsB { return "B: read where it lies: its lines do not push each other out of the caches" }
        if !columnsOfBContiguous { return "B: packed block by block, for its rows are not contiguous" }
        return "B: packed block by block, for each block serves \(partRows) rows"
    }

    private var writing: String? {
        transposesOutput ? "C: transposed from scratch memory" : nil
    }

    private var work: [String] {
        [
            "\(Self.amount(floatingPointOperations, "FLOP")), \(Self.amount(operandByteCount, "B")) of operands, "
                + "\(Self.amount(trafficByteCount, "B")) moved, \(Self.amount(Double(workspaceByteCount), "B")) of workspace"
        ]
    }

    /// Three digits and a decimal prefix.
    private static func amount(_ number: Double, _ unit: String) -> String {
        var (scaled, prefix) = (number, "")
        for next in ["k", "M", "G", "T", "P"] where scaled >= 999.5 {
            scaled /= 1000
            prefix = next
        }
        let digits = scaled >= 99.95 || prefix.isEmpty ? 0 : scaled >= 9.995 ? 1 : 2
        let factor: Double = [1, 10, 100][digits]
        let rounded = (scaled * factor).rounded() / factor
        return "\(digits == 0 ? "\(Int(rounded))" : "\(rounded)") \(prefix)\(unit)"
    }
}
