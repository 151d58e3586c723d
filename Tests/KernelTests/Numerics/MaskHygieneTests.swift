import CKernels
import Testing

/// NaN, Inf or garbage in a masked slot changes no bit of any output; in a visible slot it shows.
@Suite struct MaskHygieneTests {
    static let poisons: [Float] = [.nan, .infinity, -.infinity, .greatestFiniteMagnitude]
    static let kernels = [ck_kernel.CK_NAIVE, ck_kernel.CK_BLOCKED, ck_kernel.CK_FUSED]
    static let shape = AttentionCase.Shape(
        batch: 2, heads: 4, kvHeads: 2, queries: 70, keys: 200, headDim: 24, valueDim: 40)

    /// Keys beyond a sequence's length, for every query.
    @Test(arguments: poisons, kernels) func padding(poison: Float, kernel: ck_kernel) throws {
        for masking: AttentionCase.Masking in [.keyLengths, [.keyLengths, .bottomRight], [.keyLengths, .bias]] {
            let attention = AttentionCase(Self.shape, masking: masking)
            let clean = try Isas.all.map { try attention.run(kernel, isa: $0, threads: 2).bits }
            for b in 0..<2 {
                for j in Int(attention.problem.kv_lengths![b])..<200 { poisonKey(attention, b, j, poison) }
            }
            for (isa, expected) in zip(Isas.all, clean) {
                #expect(try firstDifference(attention.run(kernel, isa: isa, threads: 2).bits, expected) == nil)
            }
        }
    }

    /// A causal call in which the last keys are poisoned: only the rows that see them may change.
    @Test(arguments: poisons, kernels) func future(poison: Float, kernel: ck_kernel) throws {
        let shape = AttentionCase.Shape(heads: 2, kvHeads: 1, queries: 150, keys: 150, headDim: 24, valueDim: 40)
        for isa in Isas.all {
            let attention = AttentionCase(shape, masking: .topLeft)
            let clean = try attention.run(kernel, isa: isa)
            for j in 100..<150 { poisonKey(attention, 0, j, poison) }
            let poisoned = try attention.run(kernel, isa: isa)
            for head in 0..<2 {
                let rows = head * 150 * 40..<(head * 150 + 100) * 40
                #expect(
                    firstDifference(poisoned.output[rows].map(\.bitPattern), clean.output[rows].map(\.bitPattern))
                        == nil)
            }
            let changed = poisoned.output != clean.output
            #expect(changed, "the rows that see them must change")
        }
    }

    /// A random mask: keys that nobody sees are poisoned, and the bias wherever the mask hides it.
    @Test(arguments: poisons, kernels) func maskAndBias(poison: Float, kernel: ck_kernel) throws {
        let attention = AttentionCase(Self.shape, masking: [.keep, .bias], seed: 2)
        let mask = UnsafeMutablePointer(mutating: attention.problem.mask.data!.assumingMemoryBound(to: UInt8.self))
        let hidden = Set(stride(from: 3, to: 200, by: 5))
        for row in 0..<(2 * 70) { for j in hidden { mask[row * 200 + j] = 0 } }
        let clean = try Isas.all.map { try attention.run(kernel, isa: $0, threads: 2).bits }
        let bias = UnsafeMutablePointer(mutating: attention.problem.bias.data!.assumingMemoryBound(to: Float.self))
        for j in hidden {
            for b in 0..<2 { poisonKey(attention, b, j, poison) }
            for h in 0..<4 { bias[h * 200 + j] = poison }
        }
        for (isa, expected) in zip(Isas.all, clean) {
            #expect(try firstDifference(attention.run(kernel, isa: isa, threads: 2).bits, expected) == nil)
        }
    }

    static let rules: [AttentionCase.Masking] = [
        [.window], [.bottomRight, .window, .sinks, .keyLengths], [.window, .softcap, .normalize], [.segments, .alibi],
        [.blocks, .window, .alibi], [.topLeft, .prefix, .keyLengths], [.window, .queryLengths, .headScales, .sinks],
    ]

    /// Keys that no query sees by window, segments, blocks or prefix, and queries beyond their length.
    @Test(arguments: poisons, rules) func keysThatNobodySees(poison: Float, rules: AttentionCase.Masking) throws {
        let attention = AttentionCase(Self.shape, masking: rules, seed: 6)
        var seen = [Bool](repeating: false, count: 2 * 200)
        var weights = [Double](repeating: 0, count: 200)
        attention.forEachRow { b, h, i in
            ck_oracle_attention_row(&attention.problem, Int64(b), Int64(h), Int64(i), nil, nil, &weights, nil)
            for j in 0..<200 where weights[j] != 0 { seen[b * 200 + j] = true }
        }
        let hidden = seen.indices.filter { !seen[$0] }
        try #require(!hidden.isEmpty && hidden.count < 300 || rules.contains(.blocks))
        let clean = try Self.kernels.map { kernel in
            try Isas.all.map { try attention.run(kernel, isa: $0, threads: 2).bits }
        }
        for index in hidden { poisonKey(attention, index / 200, index % 200, poison) }
        if let lengths = attention.problem.query_lengths.data {
            attention.forEachRow { b, h, i in
                for c in 0..<24 where i >= lengths[b] { attention.row(\.q, b, h, i)[c] = poison }
            }
        }
        for (kernel, expected) in zip(Self.kernels, clean) {
            for (isa, bits) in zip(Isas.all, expected) {
                #expect(
                    try firstDifference(attention.run(kernel, isa: isa, threads: 2).bits, bits) == nil,
                    "\(kernel) \(isa.name)")
            }
        }
    }

    @Test(arguments: kernels, [Float.nan, .infinity]) func visibleValuesPropagate(kernel: ck_kernel, value: Float)
        throws
    {
        for isa in Isas.all {
            let attention = AttentionCase(.init(queries: 70, keys: 70, headDim: 16, valueDim: 16), masking: .topLeft)
            attention.row(\.v, 0, 0, 30)[7] = value
            let output = try attention.run(kernel, isa: isa).output
            #expect((0..<30).allSatisfy { output[$0 * 16 + 7].isFinite })
            #expect((30..<70).allSatisfy { !output[$0 * 16 + 7].isFinite })
            #expect((30..<70).allSatisfy { output[$0 * 16 + 6].isFinite })
            attention.row(\.k, 0, 0, 50)[3] = .nan
            let withKey = try attention.run(kernel, isa: isa).output
            #expect((50..<70).allSatisfy { withKey[$0 * 16 + 6].isNaN })
            #expect((0..<50).allSatisfy { withKey[$0 * 16 + 6].isFinite })
        }
    }

    private func poisonKey(_ attention: AttentionCase, _ b: Int, _ j: Int, _ poison: Float) {
        for h in 0..<attention.shape.kvHeads {
            for c in 0..<attention.shape.headDim { attention.row(\.k, b, h, j)[c] = poison }
            for c in 0..<attention.shape.valueDim { attention.row(\.v, b, h, j)[c] = poison }
        }
    }
}
