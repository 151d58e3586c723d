import CKernels
import Testing

/// Windows, lengths, segments, blocks and score options at their edges, and identities that they must keep.
@Suite struct ScoreRuleTests {
    typealias Shape = AttentionCase.Shape
    static let kernels = [ck_kernel.CK_NAIVE, ck_kernel.CK_BLOCKED, ck_kernel.CK_FUSED]
    static let shape = Shape(batch: 2, heads: 4, kvHeads: 2, queries: 90, keys: 300, headDim: 20, valueDim: 12)

    private func expectOracle(_ attention: AttentionCase, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let oracle = try attention.oracle()
        let naive = try attention.run(ck_kernel.CK_NAIVE)
        for kernel in Self.kernels {
            for isa in Isas.all {
                let result = try attention.run(kernel, isa: isa, threads: 2)
                #expect(
                    largestError(result.output, oracle.output) <= bound(naive.output, oracle.output),
                    sourceLocation: sourceLocation)
                #expect(
                    largestError(result.lse, oracle.lse) <= bound(naive.lse, oracle.lse), sourceLocation: sourceLocation
                )
            }
        }
    }

    static let windows: [(Int64, Int64)] = [
        (0, 0), (0, 3), (1, 0), (17, 0), (500, 0), (0, 500), (.max, .max), (.max, 0), (0, .max),
    ]

    @Test(arguments: windows, [Int64.min, -40, 0, 211, .max])
    func anyWindowAtAnyOffset(window: (Int64, Int64), offset: Int64) throws {
        for causal in [ck_causal.CK_CAUSAL_NONE, .CK_CAUSAL_OFFSET] {
            let attention = AttentionCase(Shape(queries: 70, keys: 260, headDim: 8, valueDim: 8))
            attention.problem.window = ck_window(
                bounds_left: true, bounds_right: true, left: window.0, right: window.1)
            attention.problem.alignment = .CK_CAUSAL_OFFSET
            attention.problem.causal = causal
            attention.problem.query_offset = offset
            try expectOracle(attention)
        }
    }

    /// A window far inside long keys, over several chunks: the bits of each row alone, and few of the keys.
    @Test func aWindowInLongKeys() throws {
        let attention = AttentionCase(
            Shape(heads: 2, kvHeads: 1, queries: 200, keys: 5000, headDim: 16, valueDim: 16), masking: .bottomRight)
        attention.problem.window = ck_window(bounds_left: true, bounds_right: false, left: 130, right: 0)
        try expectOracle(attention)
        let bits = try attention.run(.CK_FUSED, threads: 2)
        for i in stride(from: 0, to: 200, by: 13) {
            let row = (bits.output[i * 16..<(i + 1) * 16] + [bits.lse[i]]).map(\.bitPattern)
            #expect(try firstDifference(attention.alone(0, 0, i, threads: 3), row) == nil)
        }
    }

    /// Rules that change nothing change no bit of `fused`.
    @Test func rulesThatRestrictNothing() throws {
        let attention = AttentionCase(Self.shape, masking: .bottomRight)
        let plain = try Isas.all.map { try attention.run(.CK_FUSED, isa: $0, threads: 2).bits }
        let ids = [Int32](repeating: 7, count: 300)
        let lengths: [Int64] = [90, 90]
        let bytes = [UInt8](repeating: 1, count: 2)
        let none: [Float] = [-.infinity]
        try ids.withUnsafeBufferPointer { ids in
            try lengths.withUnsafeBufferPointer { lengths in
                try bytes.withUnsafeBufferPointer { bytes in
                    try none.withUnsafeBufferPointer { none in
                        attention.problem.q_segments = ck_segment_ids(
                            data: ids.baseAddress, count: 300, batch_stride: 0)
                        attention.problem.k_segments = attention.problem.q_segments
                        attention.problem.query_lengths = ck_lengths(data: lengths.baseAddress, count: 2)
                        attention.problem.scores.sinks = ck_head_values(data: none.baseAddress, count: 1)
                        attention.problem.window = ck_window(
                            bounds_left: true, bounds_right: true, left: 300, right: 300)
                        attention.problem.block_mask = ck_block_mask(
                            query_block: 90, key_block: 150,
                            blocks: ck_score_operand(
                                data: bytes.baseAddress, count: 2, offset: 0, batch_stride: 0, head_stride: 0,
                                row_stride: 0, column_stride: 1))
                        for (isa, expected) in zip(Isas.all, plain) {
                            let bits = try attention.run(.CK_FUSED, isa: isa, threads: 2).bits
                            #expect(firstDifference(bits, expected) == nil)
                        }
                    }
                }
            }
        }
    }

    /// A sink far above every score takes the whole softmax; one far below changes nothing.
    @Test(arguments: [Float(-1e4), -20, 0, 20, 1e4]) func sinksOfAnySize(sink: Float) throws {
        let attention = AttentionCase(Shape(heads: 2, kvHeads: 1, queries: 33, keys: 1500, headDim: 8, valueDim: 8))
        let values = attention.allocate(Float.self, 1)
        values[0] = sink
        attention.problem.scores.sinks = ck_head_values(data: values, count: 1)
        try expectOracle(attention)
        let lse = try attention.run(.CK_FUSED, threads: 3).lse
        #expect(lse.allSatisfy { $0 >= sink })
    }

    /// Rows without keys: their sink is their lse, except beyond the query lengths.
    @Test func rowsWithoutKeys() throws {
        let attention = AttentionCase(
            Shape(queries: 20, keys: 0, headDim: 4, valueDim: 4), masking: [.sinks, .queryLengths])
        for kernel in Self.kernels {
            for isa in Isas.all {
                let result = try attention.run(kernel, isa: isa)
                #expect(result.output.allSatisfy { $0 == 0 })
                #expect(result.lse[..<15].allSatisfy { abs($0 - 2) < 1e-6 })
                #expect(result.lse[15...].allSatisfy { $0 == -.infinity })
            }
        }
    }

    /// A cap far above the scores leaves them; one far below makes every key nearly equal.
    @Test(arguments: [Float(1e-3), 0.5, 30, 1e6]) func capsOfAnySize(cap: Float) throws {
        let attention = AttentionCase(Self.shape, masking: .bottomRight, scale: 2)
        attention.problem.scores.softcap = cap
        try expectOracle(attention)
    }

    /// Rows of any length come to the same after normalisation; a zero row scores 0.
    @Test func normalisedRows() throws {
        let attention = AttentionCase(Self.shape, masking: .normalize, scale: 8)
        let expected = try attention.run(.CK_FUSED).output.map(Double.init)
        for j in 0..<300 { for c in 0..<20 { attention.row(\.k, 0, 0, j)[c] *= Float(j % 7 + 1) } }
        #expect(largestError(try attention.run(.CK_FUSED).output, expected) < 2e-6)
        for c in 0..<20 { attention.row(\.k, 0, 0, 5)[c] = 0 }
        for c in 0..<20 { attention.row(\.q, 0, 0, 3)[c] = 0 }
        try expectOracle(attention)
    }

    @Test(arguments: [Float.nan, .infinity]) func visibleKeysPropagate(value: Float) throws {
        for rules: AttentionCase.Masking in [.softcap, .normalize, .alibi, .sinks, [.window, .softcap]] {
            let attention = AttentionCase(
                Shape(queries: 30, keys: 30, headDim: 8, valueDim: 8), masking: [.topLeft, rules])
            attention.row(\.k, 0, 0, 20)[3] = .nan
            attention.row(\.v, 0, 0, 10)[2] = value
            for kernel in Self.kernels {
                for isa in Isas.all {
                    let output = try attention.run(kernel, isa: isa).output
                    #expect((0..<10).allSatisfy { output[$0 * 8 + 2].isFinite })
                    #expect(!output[10 * 8 + 2].isFinite)
                    #expect((0..<20).allSatisfy { output[$0 * 8].isFinite })
                    #expect(output[20 * 8].isNaN)
                }
            }
        }
    }
}
