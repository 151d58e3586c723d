import CKernels
import Testing

/// What only callers of the C interface can get wrong: null pointers, values no enumeration has, and counts that lie.
@Suite struct CErrorTests {
    /// One row of one head: every size is 1, every stride 1.
    static func withProblem(_ body: (inout ck_attention_problem) -> Void) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 8) { memory in
            memory.initialize(repeating: 1)
            func operand(_ index: Int) -> ck_operand {
                ck_operand(
                    data: memory.baseAddress.map { $0 + index }, count: 1, offset: 0, batch_stride: 1, head_stride: 1,
                    row_stride: 1, dtype: .CK_F32)
            }
            var problem = ck_attention_problem()
            (problem.batch, problem.heads, problem.kv_heads, problem.seqlen_q, problem.seqlen_k) = (1, 1, 1, 1, 1)
            (problem.head_dim, problem.value_dim, problem.scale) = (1, 1, 1)
            (problem.q, problem.k, problem.v, problem.o) = (operand(0), operand(1), operand(2), operand(3))
            body(&problem)
        }
    }

    static func forward(
        _ problem: inout ck_attention_problem, kernel: ck_kernel = .CK_FUSED, options: ck_options = ck_options_default()
    ) -> (status: ck_status, argument: ck_argument) {
        var diagnosis = ck_diagnosis()
        let status = withUnsafePointer(to: options) { ck_attention_forward(kernel, &problem, $0, &diagnosis) }
        return (status, diagnosis.argument)
    }

    /// An enumerator that the enumeration does not have, as a C caller may pass.
    static func unknown<Enumeration: RawRepresentable>(_: Enumeration.Type) -> Enumeration {
        unsafeBitCast(UInt32(77), to: Enumeration.self)
    }

    @Test func aWholeProblemRuns() {
        Self.withProblem { problem in
            #expect(Self.forward(&problem).status == .CK_OK)
            #expect(ck_attention_forward(.CK_NAIVE, &problem, [ck_options_default()], nil) == .CK_OK)
        }
    }

    @Test(arguments: [0, 1, 2].compactMap { ck_kernel(rawValue: $0) })
    func successLeavesTheDiagnosisAlone(kernel: ck_kernel) {
        Self.withProblem { problem in
            #expect(Self.forward(&problem, kernel: kernel) == (.CK_OK, .CK_ARG_NONE))
        }
    }

    @Test func nullPointersAreRefused() {
        let operands: [(WritableKeyPath<ck_attention_problem, ck_operand>, ck_argument)] = [
            (\.q, .CK_ARG_Q), (\.k, .CK_ARG_K), (\.v, .CK_ARG_V), (\.o, .CK_ARG_O), (\.lse, .CK_ARG_LSE),
            (\.weights, .CK_ARG_WEIGHTS),
        ]
        for (operand, argument) in operands {
            Self.withProblem { problem in
                problem[keyPath: operand] = ck_operand(
                    data: nil, count: 1, offset: 0, batch_stride: 1, head_stride: 1, row_stride: 1, dtype: .CK_F32)
                #expect(Self.forward(&problem) == (.CK_NULL_POINTER, argument))
            }
        }
        let scores = ck_score_operand(
            data: nil, count: 1, offset: 0, batch_stride: 1, head_stride: 1, row_stride: 1, column_stride: 1)
        Self.withProblem { problem in
            problem.bias = scores
            #expect(Self.forward(&problem) == (.CK_NULL_POINTER, .CK_ARG_BIAS))
        }
        Self.withProblem { problem in
            problem.mask = scores
            problem.mask_kind = .CK_MASK_KEEP
            #expect(Self.forward(&problem) == (.CK_NULL_POINTER, .CK_ARG_MASK))
        }
        Self.withProblem { problem in
            problem.kv_lengths_count = 1
            #expect(Self.forward(&problem) == (.CK_NULL_POINTER, .CK_ARG_KV_LENGTHS))
            problem.kv_lengths_count = 2
            #expect(Self.forward(&problem) == (.CK_SHORT_SPAN, .CK_ARG_KV_LENGTHS))
        }
    }

    @Test func unknownEnumeratorsAreRefused() {
        Self.withProblem { problem in
            #expect(Self.forward(&problem, kernel: Self.unknown(ck_kernel.self)) == (.CK_BAD_VALUE, .CK_ARG_KERNEL))
            var options = ck_options_default()
            options.isa = Self.unknown(ck_isa.self)
            #expect(Self.forward(&problem, options: options) == (.CK_ISA_UNAVAILABLE, .CK_ARG_ISA))
            problem.causal = Self.unknown(ck_causal.self)
            #expect(Self.forward(&problem) == (.CK_BAD_VALUE, .CK_ARG_CAUSAL))
            problem.causal = .CK_CAUSAL_NONE
            problem.mask_kind = Self.unknown(ck_mask_kind.self)
            #expect(Self.forward(&problem) == (.CK_BAD_VALUE, .CK_ARG_MASK))
        }
    }

    @Test(arguments: [0, -2, .min, CK_MAX_THREADS + 1, .max])
    func badThreadCountsAreRefused(threads: Int32) {
        var options = ck_options_default()
        options.threads = threads
        Self.withProblem { problem in
            #expect(Self.forward(&problem, options: options) == (.CK_BAD_THREADS, .CK_ARG_THREADS))
        }
        var probe = ck_probe()
        (probe.kind, probe.rounds) = (.CK_PROBE_FMA, 1000)
        #expect(ck_probe_run(&probe, &options) == 0)
    }

    @Test func productsCheckTheirPointersAndKernel() {
        let matrix = ck_matrix(
            data: nil, count: 1, offset: 0, batch_stride: 1, row_stride: 1, column_stride: 1, dtype: .CK_F32,
            pointers: nil)
        var problem = ck_gemm_problem()
        (problem.batch, problem.m, problem.n, problem.k, problem.alpha) = (1, 1, 1, 1, 1)
        (problem.a, problem.b, problem.c) = (matrix, matrix, matrix)
        var options = ck_options_default()
        var diagnosis = ck_diagnosis()
        var memory: [Float] = [1, 1, 1]
        let expected: [ck_argument] = [.CK_ARG_A, .CK_ARG_B, .CK_ARG_C]
        memory.withUnsafeMutableBufferPointer { memory in
            let operands: [WritableKeyPath<ck_gemm_problem, ck_matrix>] = [\.a, \.b, \.c]
            for (index, operand) in operands.enumerated() {
                #expect(ck_gemm(.CK_FUSED, &problem, &options, &diagnosis) == .CK_NULL_POINTER)
                #expect(diagnosis.argument == expected[index])
                problem[keyPath: operand].data = memory.baseAddress.map { UnsafeMutableRawPointer($0 + index) }
            }
            #expect(ck_gemm(Self.unknown(ck_kernel.self), &problem, &options, &diagnosis) == .CK_BAD_VALUE)
            #expect(diagnosis.argument == .CK_ARG_KERNEL)
            #expect(ck_gemm(.CK_FUSED, &problem, &options, nil) == .CK_OK)
        }
    }

    @Test func theOracleRefusesWhatTheKernelsRefuse() {
        var numbers = [0.0, 0.0]
        var diagnosis = ck_diagnosis()
        Self.withProblem { problem in
            problem.head_dim = -1
            #expect(
                ck_oracle_attention_row(&problem, 0, 0, 0, nil, nil, &numbers, &diagnosis) == .CK_NEGATIVE_SIZE)
            #expect(diagnosis.argument == .CK_ARG_HEAD_DIM)
        }
        var product = ck_gemm_problem()
        product.alpha = .nan
        #expect(ck_oracle_gemm_row(&product, 0, 0, &numbers, nil, &diagnosis) == .CK_NOT_FINITE)
        #expect(diagnosis.argument == .CK_ARG_ALPHA)
    }

    @Test func namesAndTextsAreThere() {
        #expect(ck_isa_named("sse9") == .CK_ISA_AUTO)
        for index in 0..<ck_isa_count() {
            #expect(ck_isa_named(ck_isa_name(ck_isa_at(index))) == ck_isa_at(index))
        }
        let texts = (0...16).compactMap { ck_status(rawValue: $0) }.map { String(cString: ck_status_text($0)) }
        #expect(Set(texts).count == 17 && !texts.contains(""))
    }

    @Test func wrongRulesAreRefused() {
        let bad: [(ck_status, ck_argument, (inout ck_attention_problem) -> Void)] = [
            (.CK_BAD_VALUE, .CK_ARG_ALIGNMENT, { $0.alignment = Self.unknown(ck_causal.self) }),
            (.CK_NEGATIVE_SIZE, .CK_ARG_WINDOW_LEFT, { ($0.window.bounds_left, $0.window.left) = (true, -1) }),
            (.CK_NEGATIVE_SIZE, .CK_ARG_WINDOW_RIGHT, { ($0.window.bounds_right, $0.window.right) = (true, .min) }),
            (.CK_BAD_VALUE, .CK_ARG_BLOCK_MASK, { $0.block_mask.query_block = 1 }),
            (.CK_BAD_VALUE, .CK_ARG_BLOCK_MASK, { ($0.block_mask.query_block, $0.block_mask.key_block) = (-1, -1) }),
            (.CK_SHORT_SPAN, .CK_ARG_BLOCK_MASK, { ($0.block_mask.query_block, $0.block_mask.key_block) = (1, 1) }),
            (.CK_NOT_FINITE, .CK_ARG_SOFTCAP, { $0.scores.softcap = .nan }),
            (.CK_BAD_VALUE, .CK_ARG_SOFTCAP, { $0.scores.softcap = -1 }),
            (.CK_SHORT_SPAN, .CK_ARG_HEAD_SCALES, { $0.scores.head_scales.count = 2 }),
            (.CK_NULL_POINTER, .CK_ARG_ALIBI_SLOPES, { $0.scores.alibi_slopes.count = 1 }),
            (.CK_NULL_POINTER, .CK_ARG_SINKS, { $0.scores.sinks.count = 1 }),
            (.CK_SHORT_SPAN, .CK_ARG_KEY_SEGMENTS, { $0.q_segments = Self.oneID }),
            (.CK_SHORT_SPAN, .CK_ARG_QUERY_SEGMENTS, { $0.k_segments = Self.oneID }),
            (.CK_NULL_POINTER, .CK_ARG_QUERY_LENGTHS, { $0.query_lengths.count = 1 }),
            (.CK_SHORT_SPAN, .CK_ARG_PREFIX_LENGTHS, { $0.prefix_lengths.count = 3 }),
        ]
        for (status, argument, spoil) in bad {
            Self.withProblem { problem in
                spoil(&problem)
                #expect(Self.forward(&problem) == (status, argument))
            }
        }
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity]) func valuesByHeadMustBeFinite(value: Float) {
        withUnsafePointer(to: value) { pointer in
            let values = ck_head_values(data: pointer, count: 1)
            let rules: [(ck_argument, WritableKeyPath<ck_attention_problem, ck_head_values>)] = [
                (.CK_ARG_HEAD_SCALES, \.scores.head_scales), (.CK_ARG_ALIBI_SLOPES, \.scores.alibi_slopes),
                (.CK_ARG_SINKS, \.scores.sinks),
            ]
            for (argument, path) in rules {
                Self.withProblem { problem in
                    problem[keyPath: path] = values
                    let isNoSink = argument == .CK_ARG_SINKS && value == -.infinity
                    #expect(Self.forward(&problem) == (isNoSink ? (.CK_OK, .CK_ARG_NONE) : (.CK_NOT_FINITE, argument)))
                }
            }
        }
    }

    @Test func alibiNeedsPositionsInReach() {
        withUnsafePointer(to: Float(1)) { slope in
            Self.withProblem { problem in
                problem.scores.alibi_slopes = ck_head_values(data: slope, count: 1)
                problem.causal = .CK_CAUSAL_OFFSET
                problem.query_offset = 1 << 30
                #expect(Self.forward(&problem).status == .CK_OK)
                problem.query_offset = 1 << 30 + 1
                #expect(Self.forward(&problem) == (.CK_BAD_VALUE, .CK_ARG_QUERY_OFFSET))
                problem.query_offset = .min
                #expect(Self.forward(&problem) == (.CK_BAD_VALUE, .CK_ARG_QUERY_OFFSET))
            }
        }
    }

    private static nonisolated(unsafe) let oneID: ck_segment_ids = {
        let memory = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
        memory.initialize(to: 0)
        return ck_segment_ids(data: memory, count: 1, batch_stride: 0)
    }()
}
