import CKernels
import Testing

/// The contract: a row's bits depend on its own query, on the keys it sees and their absolute index only.
@Suite struct DeterminismTests {
    typealias Shape = AttentionCase.Shape

    static let shape = Shape(batch: 2, heads: 4, kvHeads: 2, queries: 150, keys: 1300, headDim: 40, valueDim: 24)
    static let maskings: [AttentionCase.Masking] = [
        [], .bottomRight, [.topLeft, .keyLengths], .keep, [.bottomRight, .drop, .bias, .keyLengths],
        [.bottomRight, .window, .sinks], [.topLeft, .prefix, .segments, .queryLengths], [.blocks, .alibi, .sinks],
        [.bottomRight, .softcap, .normalize, .headScales],
        [.bottomRight, .window, .alibi, .softcap, .headScales, .keyStarts, .sinks, .bias], [.topLeft, .alibi],
        [.window, .segments, .blocks, .softcap, .alibi, .bias, .sinks],
    ]

    @Test(arguments: maskings) func sameBitsOnEveryFMAInstructionSetAndThreadCount(
        masking: AttentionCase.Masking
    ) throws {
        let attention = AttentionCase(Self.shape, masking: masking)
        for kernel in [ck_kernel.CK_BLOCKED, ck_kernel.CK_FUSED] {
            let expected = try attention.run(kernel, isa: Isas.withFMA.first ?? ck_isa.CK_ISA_PORTABLE).bits
            for isa in Isas.withFMA {
                for threads in 1...(2 * usableCores) {
                    #expect(
                        try firstDifference(attention.run(kernel, isa: isa, threads: threads).bits, expected) == nil)
                }
            }
        }
    }

    @Test(arguments: maskings) func portableDoesNotDependOnThreads(masking: AttentionCase.Masking) throws {
        let attention = AttentionCase(Self.shape, masking: masking)
        let expected = try attention.run(ck_kernel.CK_FUSED, isa: ck_isa.CK_ISA_PORTABLE).bits
        #expect(
            try firstDifference(
                attention.run(ck_kernel.CK_FUSED, isa: ck_isa.CK_ISA_PORTABLE, threads: 3).bits, expected) == nil)
    }

    @Test(arguments: maskings) func sameBitsInEveryLayout(masking: AttentionCase.Masking) throws {
        let results = try AttentionCase.Layout.allCases.map {
            try AttentionCase(Self.shape, masking: masking, layout: $0, seed: 5).run(ck_kernel.CK_FUSED, threads: 2)
                .bits
        }
        for result in results { #expect(firstDifference(result, results[0]) == nil) }
    }

    /// Prefill equals decode: each row of a batched, grouped, causal call against the same row alone.
    @Test(arguments: maskings, Isas.all) func aRowAloneHasTheSameBits(
        masking: AttentionCase.Masking, isa: ck_isa
    ) throws {
        let attention = AttentionCase(Self.shape, masking: masking, layout: .bshd, seed: 9)
        let whole = try attention.run(ck_kernel.CK_FUSED, isa: isa, threads: usableCores)
        let width = Self.shape.valueDim
        var row = 0
        try attention.forEachRow { b, h, i in
            defer { row += 1 }
            guard (b + h + i) % 7 == 0 else { return }
            let expected = (whole.output[row * width..<(row + 1) * width] + [whole.lse[row]]).map(\.bitPattern)
            let alone = try attention.alone(b, h, i, isa: isa, threads: 1 + i % 3)
            #expect(firstDifference(alone, expected) == nil, "row \(b) \(h) \(i)")
        }
    }

    /// The first rows of a causal call do not change when the call grows.
    @Test func aLongerCausalCallKeepsItsRows() throws {
        let long = AttentionCase(
            Shape(queries: 2100, keys: 2100, headDim: 32, valueDim: 16), masking: .topLeft, seed: 4)
        let expected = try long.run(ck_kernel.CK_FUSED, threads: 2).output
        for length in [1, 63, 64, 65, 1023, 1024, 1025, 2048] {
            let short = AttentionCase(
                Shape(queries: length, keys: length, headDim: 32, valueDim: 16), masking: .topLeft)
            for i in 0..<length {
                short.row(\.q, 0, 0, i).update(from: long.row(\.q, 0, 0, i), count: 32)
                short.row(\.k, 0, 0, i).update(from: long.row(\.k, 0, 0, i), count: 32)
                short.row(\.v, 0, 0, i).update(from: long.row(\.v, 0, 0, i), count: 16)
            }
            let bits = try short.run(ck_kernel.CK_FUSED).output.map(\.bitPattern)
            #expect(firstDifference(bits, expected[..<(length * 16)].map(\.bitPattern)) == nil, "length \(length)")
        }
    }

    @Test func twoHundredFiftyRepeats() throws {
        let attention = AttentionCase(
            Shape(heads: 3, kvHeads: 1, queries: 70, keys: 1100, headDim: 32, valueDim: 32), masking: .bottomRight)
        let expected = try attention.run(ck_kernel.CK_FUSED, threads: usableCores + 1).bits
        for _ in 0..<250 {
            #expect(
                try firstDifference(attention.run(ck_kernel.CK_FUSED, threads: usableCores + 1).bits, expected) == nil)
        }
    }

    /// Large and moving maxima: the running maximum moves in mid-block, at different keys for each row.
    @Test(arguments: [Float(0.05), 3, 40]) func movingMaximaKeepTheBits(scale: Float) throws {
        let attention = AttentionCase(
            Shape(heads: 2, kvHeads: 1, queries: 90, keys: 1200, headDim: 24, valueDim: 20), masking: .bottomRight,
            scale: scale, seed: 8)
        for j in 0..<1200 { for c in 0..<24 { attention.row(\.k, 0, 0, j)[c] *= Float(j % 97) / 30 } }
        let expected = try attention.run(ck_kernel.CK_FUSED, isa: Isas.all[0])
        for isa in Isas.withFMA {
            #expect(
                try firstDifference(attention.run(ck_kernel.CK_FUSED, isa: isa, threads: 2).bits, expected.bits) == nil)
        }
        for i in stride(from: 0, to: 90, by: 11) {
            let row = (expected.output[(90 + i) * 20..<(90 + i + 1) * 20] + [expected.lse[90 + i]]).map(\.bitPattern)
            #expect(try firstDifference(attention.alone(0, 1, i, threads: 2), row) == nil)
        }
    }
}
