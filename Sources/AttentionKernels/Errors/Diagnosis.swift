import CKernels

extension KernelError {
    /// The error for what C found wrong.
    init(_ status: ck_status, _ diagnosis: ck_diagnosis, describe: (Argument) -> String) {
        let argument = Argument(diagnosis.argument)
        let (actual, expected) = (diagnosis.actual, diagnosis.expected)
        let detail =
            switch status {
            case .CK_NEGATIVE_SIZE: "it is \(actual); it should be 0 or more"
            case .CK_HEADS_NOT_MULTIPLE:
                "they are \(actual); they should be a multiple of kvHeads, which is \(expected)"
            case .CK_SMALL_STRIDE:
                "the \(Self.axis(diagnosis.dimension)) stride is \(actual) in \(describe(argument)); "
                    + "it should be at least \(expected), or elements would share memory"
            case .CK_NULL_POINTER, .CK_SHORT_SPAN:
                actual < 0
                    ? "\(describe(argument)) reaches element \(actual), before the first of its span"
                    : "the span has \(actual) elements; \(describe(argument)) needs \(expected)"
            case .CK_SIZE_OVERFLOW: Self.overflow(argument, diagnosis, describe)
            case .CK_OVERLAP:
                "\(describe(argument)) overlaps \(Argument(diagnosis.other).rawValue) in memory; an output should have "
                    + "memory of its own"
            case .CK_NOT_FINITE where argument == .b:
                "a number of column \(diagnosis.dimension) is not finite or too large for the Float16 of its block"
            case .CK_NOT_FINITE:
                diagnosis.dimension < 0
                    ? "it is \(describe(argument)); it should be finite"
                    : "element \(diagnosis.dimension) is NaN or infinite; it should be finite"
            case .CK_BAD_KEY_LENGTH:
                "element \(diagnosis.dimension) is \(actual); it should be in 0 ... \(expected), the length of key"
            case .CK_BAD_LENGTH where argument == .heads:
                "\(actual) should be rotated; it should be in 0 ... \(expected)"
            case .CK_BAD_LENGTH:
                "element \(diagnosis.dimension) is \(actual); it should be in 0 ... \(expected)"
            case .CK_BAD_VALUE where argument == .rotated:
                "it is \(actual); it should be even and in 0 ... \(expected), the width of a head"
            case .CK_BAD_VALUE where argument == .columns && expected == 1: "there are none; there should be 1 or more"
            case .CK_BAD_VALUE where argument == .columns:
                "there are \(actual); of a quantized table they should be a multiple of \(expected)"
            case .CK_BAD_VALUE where argument == .offsets:
                "element \(diagnosis.dimension) is \(actual), less than the one before it, \(expected)"
            case .CK_BAD_VALUE where argument == .probability:
                "it is \(describe(argument)); it should be 0 or more and less than 1"
            case .CK_BAD_VALUE where argument == .softcap: "it is \(describe(argument)); it should be 0 or more"
            case .CK_BAD_VALUE where argument == .queryOffset:
                "it is \(actual); with ALiBi it should be in -\(expected) ... \(expected)"
            case .CK_BAD_VALUE where argument == .mapQueries || argument == .mapKeys:
                "they are \(describe(argument)); they should be inside 0 ..< \(expected)"
            case .CK_BAD_VALUE where argument == .topCount: "it is \(actual); it should be 1 or more"
            case .CK_BAD_VALUE where argument == .cell:
                "it is \(describe(argument)); both should be 1 or more, and less than 2^31"
            case .CK_BAD_VALUE where argument == .k: QuantizedFormat.wrongLength(Int(actual))
            case .CK_BAD_VALUE where argument == .alpha || argument == .beta:
                "it is \(describe(argument)); with an output of Int32 it should be 0 or 1"
            case .CK_BAD_VALUE where [.rowScale, .columnScale, .bias, .activation, .residual].contains(argument):
                "there should be none with an output of Int32"
            case .CK_BAD_THREADS:
                "they are \(describe(argument)); they should be in 1 ... \(expected), or nil for all cores"
            case .CK_SMALL_WORKSPACE:
                "it is \(describe(argument)); it should be \(expected) bytes or more, aligned to \(memoryAlignment)"
            case .CK_BAD_DTYPE: Self.elementType(argument, diagnosis)
            case .CK_BAD_PAGE:
                diagnosis.dimension < 0
                    ? "the table has \(actual) pages a sequence; the keys need \(expected)"
                    : "sequence \(diagnosis.dimension) names page \(actual); it should be in 0 ..< \(expected)"
            case .CK_SHARED_PAGE:
                "sequence \(diagnosis.dimension) would write to page \(actual), which the table names elsewhere too"
            case .CK_BAD_INDEX: "element \(diagnosis.dimension) is \(actual); it should be in 0 ..< \(expected)"
            case .CK_NOT_FUSED: "the fused pass does not compute it, and the execution allows nothing else"
            case .CK_OUT_OF_MEMORY: "there is not enough memory for \(expected) bytes"
            case .CK_BAD_PACKED: Self.packed(argument, diagnosis, describe)
            case .CK_OK, .CK_BAD_VALUE, .CK_ISA_UNAVAILABLE: String(cString: ck_status_text(status))
            }
        self.init(Reason(status), argument, detail)
    }

    /// The error for an instruction set that cannot run here.
    static func unavailable(_ requested: InstructionSet?) -> KernelError {
        let available = InstructionSet.available.map(\.name).joined(separator: ", ")
        let named = environmentVariable("CK_ISA").map { " \"\($0)\"" } ?? ""
        let what = requested?.name ?? "what the environment variable CK_ISA names\(named)"
        return KernelError(
            .instructionSetUnavailable, .instructionSet,
            "\(what) is not available; on this machine it should be one of \(available)")
    }

    private static func elementType(_ argument: Argument, _ diagnosis: ck_diagnosis) -> String {
        let expected = ck_dtype(rawValue: UInt32(clamping: diagnosis.expected))
        let allowed =
            switch (argument, expected) {
            case (.a, _): "Float, BFloat16, Float16 or Int8"
            case (.b, .CK_I8): "Int8, as those of a"
            case (.b, _): "Float, BFloat16 or Float16, or quantized"
            case (.c, .CK_I32): "Int32, Float, BFloat16 or Float16"
            case (.c, _), (.residual, _): "Float, BFloat16 or Float16"
            case (_, .CK_F32): "Float"
            case (_, .CK_I8): "Float, BFloat16 or Float16, or of a cache Int8"
            case (_, .CK_I32): "Int32"
            default: "Float, BFloat16 or Float16"
            }
        if argument == .arithmetic { return "it is integer16; b is not quantized, for which it should be float" }
        return "its elements should be \(allowed)"
    }

    private static func packed(
        _ argument: Argument, _ diagnosis: ck_diagnosis, _ describe: (Argument) -> String
    ) -> String {
        if diagnosis.other == .CK_ARG_ISA,
            let packed = ck_isa(rawValue: UInt32(clamping: diagnosis.actual)).flatMap(InstructionSet.init),
            let called = ck_isa(rawValue: UInt32(clamping: diagnosis.expected)).flatMap(InstructionSet.init)
        {
            return PackedMatrix.wrongInstructionSet(packed, called)
        }
        if diagnosis.other == .CK_ARG_A, let dtype = ck_dtype(rawValue: UInt32(clamping: diagnosis.expected)) {
            return
                "it was packed for left factors of other elements; it should be packed for \(MatrixFormat(dtype).name), "
                + "which a has"
        }
        return "\(describe(argument)) should be what packing makes of one matrix, whole and unchanged"
    }

    private static func overflow(
        _ argument: Argument, _ diagnosis: ck_diagnosis, _ describe: (Argument) -> String
    ) -> String {
        switch argument {
        case .query, .key, .value, .newKey, .newValue, .output, .lse, .weights, .mask, .bias, .a, .b, .c:
            "\(describe(argument)) has more elements, or reaches further, than memory can hold"
        case .workspace: "the scratch memory of this call is larger than memory can hold"
        default:
            "it is \(diagnosis.actual), too large by itself or with the other sizes; the limit is \(diagnosis.expected)"
        }
    }

    private static func axis(_ dimension: Int32) -> String {
        switch dimension {
        case 0: "batch"
        case 1: "head"
        case 2: "row"
        default: "column"
        }
    }
}

extension KernelError.Reason {
    fileprivate init(_ status: ck_status) {
        self =
            switch status {
            case .CK_NEGATIVE_SIZE: .negativeSize
            case .CK_HEADS_NOT_MULTIPLE: .headsNotMultiple
            case .CK_SMALL_STRIDE: .strideTooSmall
            case .CK_NULL_POINTER, .CK_SHORT_SPAN: .spanTooShort
            case .CK_SIZE_OVERFLOW: .sizeOverflow
            case .CK_OVERLAP: .overlap
            case .CK_NOT_FINITE: .notFinite
            case .CK_OK, .CK_BAD_VALUE: .invalidValue
            case .CK_BAD_KEY_LENGTH: .invalidKeyLength
            case .CK_BAD_THREADS: .invalidThreadCount
            case .CK_ISA_UNAVAILABLE: .instructionSetUnavailable
            case .CK_SMALL_WORKSPACE: .workspaceTooSmall
            case .CK_OUT_OF_MEMORY: .outOfMemory
            case .CK_BAD_DTYPE: .wrongElementType
            case .CK_BAD_PACKED: .packedMismatch
            case .CK_BAD_PAGE: .invalidPage
            case .CK_SHARED_PAGE: .sharedPage
            case .CK_BAD_LENGTH: .invalidLength
            case .CK_NOT_FUSED: .notFused
            case .CK_BAD_INDEX: .invalidIndex
            }
    }
}

extension KernelError.Argument {
    fileprivate init(_ argument: ck_argument) {
        self =
            switch argument {
            case .CK_ARG_BATCH: .batch
            case .CK_ARG_HEADS: .heads
            case .CK_ARG_KV_HEADS: .kvHeads
            case .CK_ARG_SEQLEN_Q: .queryLength
            case .CK_ARG_SEQLEN_K: .keyLength
            case .CK_ARG_HEAD_DIM: .headDim
            case .CK_ARG_VALUE_DIM: .valueDim
            case .CK_ARG_Q: .query
            case .CK_ARG_K: .key
            case .CK_ARG_V: .value
            case .CK_ARG_O: .output
            case .CK_ARG_LSE: .lse
            case .CK_ARG_WEIGHTS: .weights
            case .CK_ARG_MASK: .mask
            case .CK_ARG_BIAS: .bias
            case .CK_ARG_KV_LENGTHS: .keyLengths
            case .CK_ARG_CAUSAL: .causality
            case .CK_ARG_QUERY_OFFSET: .queryOffset
            case .CK_ARG_SCALE: .scale
            case .CK_ARG_M: .m
            case .CK_ARG_N: .n
            case .CK_ARG_K_SIZE: .k
            case .CK_ARG_A: .a
            case .CK_ARG_B: .b
            case .CK_ARG_C: .c
            case .CK_ARG_ALPHA: .alpha
            case .CK_ARG_BETA: .beta
            case .CK_ARG_KERNEL, .CK_ARG_NONE: .kernel
            case .CK_ARG_THREADS: .threads
            case .CK_ARG_ISA: .instructionSet
            case .CK_ARG_WORKSPACE: .workspace
            case .CK_ARG_ROW_SCALE: .rowScale
            case .CK_ARG_COLUMN_SCALE: .columnScale
            case .CK_ARG_EPILOGUE_BIAS: .bias
            case .CK_ARG_ACTIVATION: .activation
            case .CK_ARG_RESIDUAL: .residual
            // A packed matrix stands where `b` does.
            case .CK_ARG_PACKED_B: .b
            case .CK_ARG_PAGES: .pages
            case .CK_ARG_NEW_K: .newKey
            case .CK_ARG_NEW_V: .newValue
            case .CK_ARG_ALIGNMENT: .alignment
            case .CK_ARG_WINDOW_LEFT: .windowLeft
            case .CK_ARG_WINDOW_RIGHT: .windowRight
            case .CK_ARG_QUERY_LENGTHS: .queryLengths
            case .CK_ARG_PREFIX_LENGTHS: .prefixLengths
            case .CK_ARG_QUERY_SEGMENTS: .querySegments
            case .CK_ARG_KEY_SEGMENTS: .keySegments
            case .CK_ARG_BLOCK_MASK: .blocks
            case .CK_ARG_SOFTCAP: .softcap
            case .CK_ARG_HEAD_SCALES: .headScales
            case .CK_ARG_ALIBI_SLOPES: .alibiSlopes
            case .CK_ARG_SINKS: .sinks
            case .CK_ARG_STATES, .CK_ARG_STATE_O, .CK_ARG_STATE_LSE: .states
            case .CK_ARG_MAP_QUERIES: .mapQueries
            case .CK_ARG_MAP_KEYS: .mapKeys
            case .CK_ARG_COLUMN_MASS: .columnMass
            case .CK_ARG_ENTROPY: .entropy
            case .CK_ARG_TOP_COUNT: .topCount
            case .CK_ARG_TOP_WEIGHTS: .topWeights
            case .CK_ARG_TOP_KEYS: .topKeys
            case .CK_ARG_POOL: .cell
            case .CK_ARG_POOLED: .heatMap
            case .CK_ARG_ROWS: .rows
            case .CK_ARG_COLUMNS: .columns
            case .CK_ARG_X: .x
            case .CK_ARG_Y: .y
            case .CK_ARG_COPY: .copy
            case .CK_ARG_NORM_SCALE: .normScale
            case .CK_ARG_NORM_SHIFT: .normShift
            case .CK_ARG_EPSILON: .epsilon
            case .CK_ARG_ROTATED: .rotated
            case .CK_ARG_COSINES: .cosines
            case .CK_ARG_SINES: .sines
            case .CK_ARG_POSITIONS: .positions
            case .CK_ARG_TABLE: .table
            case .CK_ARG_IDS: .ids
            case .CK_ARG_POSITION_TABLE: .positionTable
            case .CK_ARG_ADDED: .added
            case .CK_ARG_OFFSETS: .offsets
            case .CK_ARG_INDICES: .indices
            case .CK_ARG_PROBABILITY: .probability
            case .CK_ARG_KV_STARTS: .keyStarts
            case .CK_ARG_K_SCALES: .keyScales
            case .CK_ARG_V_SCALES: .valueScales
            case .CK_ARG_ARITHMETIC: .arithmetic
            }
    }
}
