import AttentionKernels
import CKernels
import Testing

/// Operands in bf16 and f16, alone and mixed, on every ISA. Where the inputs are widened, a result is the f32
/// kernel's on the widened inputs, rounded once; where the bf16 dot product runs it has a bound of its own.
@Suite struct AttentionElementTypeTests {
    typealias Shape = AttentionCase.Shape
    typealias Types = TypedAttentionCase.Types

    static let kernels = [ck_kernel.CK_NAIVE, ck_kernel.CK_BLOCKED, ck_kernel.CK_FUSED]
    static let maskings: [AttentionCase.Masking] = [[], [.bottomRight, .keyLengths], [.topLeft, .drop, .bias]]
    static let shape = Shape(heads: 2, kvHeads: 1, queries: 35, keys: 141, headDim: 43, valueDim: 29)

    /// Half an ulp of the output type beyond what the computation in f32 may err by; and with probabilities in
    /// bf16, whose relative error is at most 2^-8 in P V and in l, 2^-7 of the largest |V|.
    @Test(arguments: Types.all) func everyCombinationAgreesWithTheOracle(types: Types) throws {
        for masking in Self.maskings {
            let attention = TypedAttentionCase(Self.shape, types, masking: masking, layout: .padded, seed: 11)
            let oracle = try attention.widened.oracle()
            let naive = try attention.widened.run(ck_kernel.CK_NAIVE)
            let largest = oracle.output.reduce(0) { max($0, abs($1)) }
            for kernel in Self.kernels {
                for isa in Isas.all {
                    let result = try attention.run(kernel, isa: isa, threads: 2)
                    let dot = kernel == ck_kernel.CK_FUSED && types.usesDot(isa)
                    let allowed = bound(naive.output, oracle.output) + (dot ? largest * 0x1p-6 : 0)
                    let worst = zip(result.output, oracle.output).map { value, exact in
                        abs(Double(value) - exact) - (types.o == .float32 ? 0 : types.o.ulp(exact) * 0.5001)
                    }
                    #expect(worst.allSatisfy { $0 <= allowed }, "\(isa.name) \(kernel): \(worst.max() ?? 0)")
                    let lseBound = bound(naive.lse, oracle.lse) + (dot ? 0x1p-8 : 0)
                    #expect(largestError(result.lse, oracle.lse) <= lseBound, "\(isa.name) \(kernel)")
                }
            }
        }
    }

    /// Groups, and whole blocks, that a mask hides from every row between others that it does not, with fewer
    /// columns than a tile's exp2 takes to finish.
    @Test(arguments: DataType.allCases, [7, 256]) func hiddenKeysBetweenOthers(type: DataType, run: Int) throws {
        for shape in [
            Shape(batch: 2, heads: 4, kvHeads: 1, queries: 58, keys: 110, headDim: 40, valueDim: 128),
            Shape(heads: 2, kvHeads: 2, queries: 70, keys: 1200, headDim: 3, valueDim: 9),
        ] {
            let attention = TypedAttentionCase(shape, .uniform(type), masking: .keep, seed: 3) { attention in
                guard let mask = attention.problem.mask.data?.assumingMemoryBound(to: UInt8.self) else { return }
                let columns = UnsafeMutablePointer(mutating: mask)
                for i in 0..<Int(attention.problem.mask.count) {
                    columns[i] = (i % shape.keys / run) % 2 == 1 || i % shape.keys == 0 ? 1 : 0
                }
            }
            let oracle = try attention.widened.oracle()
            let naive = try attention.widened.run(ck_kernel.CK_NAIVE)
            let largest = oracle.output.reduce(0) { max($0, abs($1)) }
            for isa in Isas.all {
                let result = try attention.run(ck_kernel.CK_FUSED, isa: isa, threads: 2)
                let rounding = type == .float32 ? 0 : type.ulp(largest)
                let dot = attention.types.usesDot(isa) ? largest * 0x1p-6 : 0
                let allowed = bound(naive.output, oracle.output) + rounding + dot
                #expect(largestError(result.output, oracle.output) <= allowed, "\(isa.name) \(shape)")
            }
        }
    }

    /// A bias of 16 bits is its exact f32 value, wherever it is read.
    @Test(arguments: [DataType.bfloat16, .float16]) func biasOfAnyType(type: DataType) throws {
        for (queries, layout) in [(35, AttentionCase.Layout.padded), (2, .bhsd)] {
            let shape = Shape(batch: 2, heads: 4, kvHeads: 2, queries: queries, keys: 141, headDim: 43, valueDim: 29)
            let attention = TypedAttentionCase(
                shape, .uniform(.float32), masking: [.bottomRight, .bias, .keep], layout: layout)
            attention.storeBias(type)
            let oracle = try attention.widened.oracle()
            let naive = try attention.widened.run(ck_kernel.CK_NAIVE)
            for kernel in Self.kernels {
                for isa in Isas.all {
                    let result = try attention.run(kernel, isa: isa, threads: 2)
                    #expect(
                        try firstDifference(result.bits, attention.widened.run(kernel, isa: isa).bits) == nil,
                        "\(isa.name)")
                    #expect(largestError(result.output, oracle.output) <= bound(naive.output, oracle.output))
                }
            }
        }
        let attention = TypedAttentionCase(Self.shape, .uniform(.float32), masking: .bias)
        attention.problem.bias_dtype = .CK_I8
        var diagnosis = ck_diagnosis()
        #expect(
            ck_attention_forward(.CK_FUSED, &attention.problem, [ck_options_default()], &diagnosis) == .CK_BAD_DTYPE)
        #expect(diagnosis.argument == .CK_ARG_BIAS)
    }

    @Test(arguments: Types.all) func widenedInputsGiveTheBitsOfTheF32Kernel(types: Types) throws {
        for masking in Self.maskings {
            let attention = TypedAttentionCase(Self.shape, types, masking: masking, layout: .bshd, seed: 4)
            for kernel in Self.kernels {
                for isa in Isas.all where kernel != ck_kernel.CK_FUSED || !types.usesDot(isa) {
                    let result = try attention.run(kernel, isa: isa, threads: 2)
                    #expect(
                        try firstDifference(result.bits, attention.widenedResult(kernel, isa: isa).bits) == nil,
                        "\(isa.name)")
                }
            }
            // Where probabilities stay in f32, the bf16 dot product is not used.
            attention.problem.f32_probabilities = true
            for isa in Isas.all where types.usesDot(isa) {
                let result = try attention.run(ck_kernel.CK_FUSED, isa: isa, threads: 2)
                #expect(
                    try firstDifference(result.bits, attention.widenedResult(ck_kernel.CK_FUSED, isa: isa).bits) == nil)
            }
        }
    }

    static let rules: [AttentionCase.Masking] = [
        [.window, .segments], [.bottomRight, .prefix, .queryLengths, .keyLengths], [.blocks, .alibi, .sinks],
        [.softcap, .normalize, .headScales, .bottomRight], [.window, .blocks, .bias, .softcap],
        [.keyStarts, .alibi, .drop],
    ]

    /// Windows, segments and score options: the bits of the widened inputs; by the bf16 dot product within its bound
    /// of the oracle, in panels of many rows and in a call of few.
    @Test(arguments: [DataType.bfloat16, .float16], Self.rules) func rulesOnEveryType(
        type: DataType, masking: AttentionCase.Masking
    ) throws {
        for queries in [70, 2] {
            let shape = Shape(batch: 2, heads: 4, kvHeads: 2, queries: queries, keys: 141, headDim: 43, valueDim: 29)
            let attention = TypedAttentionCase(shape, .uniform(type), masking: masking, layout: .padded, seed: 6)
            let oracle = try attention.widened.oracle()
            let naive = try attention.widened.run(ck_kernel.CK_NAIVE)
            let largest = oracle.output.reduce(0) { max($0, abs($1)) }
            for kernel in Self.kernels {
                for isa in Isas.all {
                    let result = try attention.run(kernel, isa: isa, threads: 2)
                    guard kernel == ck_kernel.CK_FUSED && attention.types.usesDot(isa) else {
                        #expect(
                            try firstDifference(result.bits, attention.widenedResult(kernel, isa: isa).bits) == nil,
                            "\(isa.name)")
                        continue
                    }
                    let allowed = bound(naive.output, oracle.output) + type.ulp(largest) + largest * 0x1p-6
                    #expect(largestError(result.output, oracle.output) <= allowed, "\(isa.name) \(queries)")
                    #expect(largestError(result.lse, oracle.lse) <= bound(naive.lse, oracle.lse) + 0x1p-8)
                }
            }
        }
    }

    /// The bf16 dot product takes rules too: its probabilities of 16 bits show, and `f32_probabilities` takes them away.
    @Test(arguments: Self.rules) func rulesStayOnTheDotProduct(masking: AttentionCase.Masking) throws {
        for queries in [70, 2] {
            let shape = Shape(heads: 4, kvHeads: 2, queries: queries, keys: 141, headDim: 43, valueDim: 29)
            let types = Types(q: .bfloat16, k: .bfloat16, v: .bfloat16, o: .float32)
            let attention = TypedAttentionCase(shape, types, masking: masking, seed: 6)
            for isa in Isas.all where types.usesDot(isa) {
                let widened = try attention.widenedResult(ck_kernel.CK_FUSED, isa: isa)
                // Two queries of a first document in a window at the end see nothing.
                let seesKeys = widened.output.contains { $0 != 0 }
                #expect(seesKeys || (queries == 2 && masking == [.window, .segments]))
                if seesKeys {
                    #expect(try attention.run(ck_kernel.CK_FUSED, isa: isa).bits != widened.bits, "\(isa.name)")
                }
                attention.problem.f32_probabilities = true
                #expect(
                    try firstDifference(attention.run(ck_kernel.CK_FUSED, isa: isa).bits, widened.bits) == nil,
                    "\(isa.name)")
                attention.problem.f32_probabilities = false
            }
        }
    }

    /// A row that sees one key returns that row of V: every conversion, on every ISA, bit for bit.
    @Test(arguments: DataType.allCases, DataType.allCases) func oneKeyConvertsItsValue(v: DataType, o: DataType) throws
    {
        let bits = (0..<2).flatMap { half in (0..<4096).map { UInt32($0) << 20 | (half == 0 ? 0x8000 : 0x7_1FFF) } }
        let special: [Float] = [
            .nan, .infinity, -.infinity, 0, 65504, 65519.996, 65520, -65520, 0x1p-14, 0x1.ffcp-15, 0x1p-24, 0x1p-25,
            0x1.8p-25, 0x1.004p0, 0x1.00cp0, 0x1.01p0, 0x1.03p0, 0x1.fffffep127, 0x1p-133, 0x1p-134, 0x1.8p-134,
        ]
        let values = special + bits.map(Float.init(bitPattern:))
        let types = Types(q: .float16, k: .bfloat16, v: v, o: o)
        let shape = Shape(queries: 3, keys: 1, headDim: 2, valueDim: values.count)
        let attention = TypedAttentionCase(shape, types) { attention in
            for (c, value) in values.enumerated() { attention.row(\.v, 0, 0, 0)[c] = value }
        }
        // + 0: the kernels return no -0.
        let expected = values.map { o.rounded(v.rounded($0) + 0) }
        for kernel in Self.kernels {
            for isa in Isas.all {
                let output = try attention.run(kernel, isa: isa).output
                let wrong = (0..<values.count).filter { c in
                    output[c] != expected[c] && !(output[c].isNaN && expected[c].isNaN)
                }
                let first = wrong.first.map { "\(values[$0]) became \(output[$0]), not \(expected[$0])" }
                #expect(wrong.isEmpty, "\(isa.name) \(kernel): \(first ?? "")")
            }
        }
    }

    @Test(arguments: [DataType.bfloat16, .float16], Self.maskings + Self.rules) func aRowDependsOnNothingElse(
        type: DataType, masking: AttentionCase.Masking
    ) throws {
        let shape = Shape(batch: 2, heads: 4, kvHeads: 2, queries: 75, keys: 1300, headDim: 40, valueDim: 24)
        for isa in Isas.all {
            // With the bf16 dot product, where the ISA has one, and without.
            for keepsFloats in [false, true] {
                let attention = TypedAttentionCase(shape, .uniform(type), masking: masking, layout: .bshd, seed: 9)
                attention.problem.f32_probabilities = keepsFloats
                let whole = try attention.run(ck_kernel.CK_FUSED, isa: isa)
                for threads in [2, 2 * usableCores] {
                    #expect(
                        try firstDifference(
                            attention.run(ck_kernel.CK_FUSED, isa: isa, threads: threads).bits, whole.bits) == nil)
                }
                let padded = TypedAttentionCase(shape, .uniform(type), masking: masking, layout: .padded, seed: 9)
                padded.problem.f32_probabilities = keepsFloats
                #expect(
                    try firstDifference(padded.run(ck_kernel.CK_FUSED, isa: isa, threads: 2).bits, whole.bits) == nil)
                var row = 0
                try attention.widened.forEachRow { b, h, i in
                    defer { row += 1 }
                    guard (b + h + i) % 11 == 0 else { return }
                    let output = whole.output[row * shape.valueDim..<(row + 1) * shape.valueDim]
                    let alone = try attention.alone(b, h, i, isa: isa, threads: 1 + i % 3)
                    #expect(
                        firstDifference(alone.bits, (output + [whole.lse[row]]).map(\.bitPattern)) == nil,
                        "row \(b) \(h) \(i) \(isa.name) \(keepsFloats)")
                }
            }
        }
    }

    /// NaN, Inf or garbage in keys and values that a row must not see changes no bit of it.
    @Test(arguments: [DataType.bfloat16, .float16], [Float.nan, .infinity, -.infinity, 60000])
    func maskedSlotsAreNeverRead(type: DataType, poison: Float) throws {
        let shape = Shape(batch: 2, heads: 4, kvHeads: 2, queries: 70, keys: 201, headDim: 23, valueDim: 41)
        for masking: AttentionCase.Masking in [
            .keyLengths, [.topLeft], [.keyLengths, .bottomRight], .keep, [.drop, .bias],
            [.keyLengths, .window, .segments, .alibi], [.keep, .blocks, .softcap, .normalize],
        ] {
            for isa in Isas.all {
                let clean = try Self.typed(shape, type, masking, poison: nil).run(
                    ck_kernel.CK_FUSED, isa: isa, threads: 2)
                let poisoned = Self.typed(shape, type, masking, poison: poison)
                let result = try poisoned.run(ck_kernel.CK_FUSED, isa: isa, threads: 2)
                // With a causal mask the last rows do see the last keys.
                let rows = masking == [.topLeft] ? 60 : 70
                for head in 0..<(2 * 4) {
                    let range = head * 70 * 41..<(head * 70 + rows) * 41
                    #expect(
                        firstDifference(result.output[range].map(\.bitPattern), clean.output[range].map(\.bitPattern))
                            == nil, "\(isa.name) \(masking)")
                }
            }
        }
    }

    /// A case in which keys that the masking hides from every row, or under a causal mask from the first 60, hold `poison`.
    private static func typed(
        _ shape: Shape, _ type: DataType, _ masking: AttentionCase.Masking, poison: Float?
    ) -> TypedAttentionCase {
        TypedAttentionCase(shape, .uniform(type), masking: masking, seed: 6) { attention in
            let hidden = hideKeys(attention, masking)
            guard let poison else { return }
            for b in 0..<shape.batch {
                for j in hidden(b) {
                    for h in 0..<shape.kvHeads {
                        for c in 0..<shape.headDim { attention.row(\.k, b, h, j)[c] = poison }
                        for c in 0..<shape.valueDim { attention.row(\.v, b, h, j)[c] = poison }
                    }
                }
            }
        }
    }

    /// Masks out the same keys for every row where there is a mask, and says which keys of a sequence are hidden.
    private static func hideKeys(_ attention: AttentionCase, _ masking: AttentionCase.Masking) -> (Int) -> [Int] {
        let keys = attention.shape.keys
        if masking.contains(.keyLengths) {
            let lengths = (0..<attention.shape.batch).map { Int(attention.problem.kv_lengths![$0]) }
            return { Array(lengths[$0]..<keys) }
        }
        if masking == [.topLeft] { return { _ in Array(60..<keys) } }
        let hidden = Array(stride(from: 3, to: keys, by: 5))
        let mask = UnsafeMutablePointer(mutating: attention.problem.mask.data!.assumingMemoryBound(to: UInt8.self))
        for row in 0..<(attention.shape.batch * attention.shape.queries) {
            for j in hidden { mask[row * keys + j] = masking.contains(.keep) ? 0 : 1 }
        }
        return { _ in hidden }
    }
}
