import AttentionKernels
import CKernels
import TestSupport
import Testing

/// GEMM on 16-bit, int8 and quantised elements, on every ISA against the oracle.
@Suite struct GemmLowPrecisionTests {
    typealias Size = GemmCase.Size
    typealias Types = LowPrecisionCase.Types

    static let isas: [ck_isa] = (0..<ck_isa_count()).map { ck_isa_at($0) }
    /// Those whose sums of f32 have the same bits.
    static let withFMA = isas.filter { $0 != .CK_ISA_PORTABLE }

    static let floats: [ck_dtype] = [.CK_F32, .CK_BF16, .CK_F16]
    static let quantised: [ck_dtype] = [.CK_Q8_0, .CK_Q4_0, .CK_Q4_1]
    static let sizes: [Size] = [
        Size(1, 1, 1), Size(1, 65, 33), Size(2, 15, 3), Size(3, 65, 64), Size(17, 15, 31), Size(17, 65, 0),
        Size(5, 130, 257), Size(50, 70, 1100),
    ]
    static let quantisedSizes: [Size] = [
        Size(1, 1, 32), Size(1, 65, 64), Size(2, 15, 32), Size(3, 65, 1056), Size(4, 130, 288), Size(17, 65, 0),
        Size(17, 15, 96), Size(50, 70, 1088),
    ]

    /// Plain and packed, on one thread and on three.
    private func expectRatio(_ gemm: LowPrecisionCase, below limit: Double) throws {
        let unpacked = gemm.problem
        for isa in Self.isas {
            gemm.problem = unpacked
            let expected = try gemm.run(isa: isa)
            #expect(try gemm.ratio(of: expected) < limit, "isa \(isa.rawValue)")
            #expect(try gemm.run(isa: isa, threads: 3) == expected, "threads change bits")
            try gemm.packB(isa: isa)
            #expect(try gemm.run(isa: isa, threads: 2) == expected, "packing changes bits")
            #expect(try gemm.ratio(of: expected) < limit, "the packed B is another")
        }
        gemm.problem = unpacked
    }

    @Test(arguments: sizes, [(false, false), (false, true), (true, false), (true, true)])
    func everyMixOfFloatTypesAgreesWithTheOracle(size: Size, transposes: (Bool, Bool)) throws {
        for a in Self.floats {
            for b in Self.floats where a != .CK_F32 || b != .CK_F32 {
                for (c, alpha, beta) in [(ck_dtype.CK_F32, Float(1), Float(0)), (.CK_BF16, 0.7, -1.3), (.CK_F16, 1, 1)]
                {
                    let gemm = LowPrecisionCase(
                        size, Types(a, b, c), transposedA: transposes.0, transposedB: transposes.1, alpha: alpha,
                        beta: beta)
                    try expectRatio(gemm, below: 16)
                    #expect(try gemm.ratio(of: try gemm.run(.CK_NAIVE)) < 16 + Double(size.k).squareRoot())
                }
            }
        }
    }

    @Test(arguments: sizes, [(false, false), (false, true), (true, false), (true, true)])
    func int8IsExact(size: Size, transposes: (Bool, Bool)) throws {
        for beta: Float in [0, 1] {
            let gemm = LowPrecisionCase(
                size, Types(.CK_I8, .CK_I8, .CK_I32), transposedA: transposes.0, transposedB: transposes.1, beta: beta)
            let expected = try gemm.run(.CK_NAIVE)
            for isa in Self.isas {
                for threads in [1, 3] { #expect(try gemm.run(isa: isa, threads: threads) == expected) }
            }
            let unpacked = gemm.problem
            for isa in Self.isas {
                gemm.problem = unpacked
                try gemm.packB(isa: isa)
                #expect(try gemm.run(isa: isa, threads: 2) == expected)
                #expect(try gemm.run(.CK_NAIVE, isa: isa) == expected, "naive reads the packed B otherwise")
            }
        }
    }

    /// The naive kernel's own sums are held against the oracle where they fit a double.
    @Test func int8NaiveAgreesWithTheOracle() throws {
        let gemm = LowPrecisionCase(Size(9, 11, 300), Types(.CK_I8, .CK_I8, .CK_I32))
        #expect(try gemm.ratio(of: try gemm.run(.CK_NAIVE)) == 0)
    }

    @Test(arguments: [ck_dtype.CK_F32, .CK_BF16]) func int8TakesScales(c: ck_dtype) throws {
        let gemm = LowPrecisionCase(Size(50, 70, 2500), Types(.CK_I8, .CK_I8, c), alpha: 0x1p-10, beta: 0.5)
        let rowScales = (0..<50).map { Float($0 + 1) / 32 }
        let columnScales = (0..<70).map { Float($0 + 3) / 64 }
        try rowScales.withUnsafeBufferPointer { rows in
            try columnScales.withUnsafeBufferPointer { columns in
                gemm.problem.epilogue.row_scale = ck_vector(data: rows.baseAddress, count: 50)
                gemm.problem.epilogue.column_scale = ck_vector(data: columns.baseAddress, count: 70)
                try expectRatio(gemm, below: 16)
            }
        }
    }

    @Test(arguments: quantisedSizes, quantised) func quantisedWeightsAgreeWithTheOracle(size: Size, b: ck_dtype) throws
    {
        for (a, c) in [(ck_dtype.CK_F32, ck_dtype.CK_F32), (.CK_F16, .CK_BF16), (.CK_F16, .CK_F32)] {
            try expectRatio(LowPrecisionCase(size, Types(a, b, c), alpha: 0.7, beta: 1), below: 16)
        }
        // Weights rounded to bf16 where pairs of that are multiplied: half a unit of 2^-8 each.
        try expectRatio(LowPrecisionCase(size, Types(.CK_BF16, b, .CK_BF16), alpha: 0.7, beta: 1), below: 0x1p14 + 16)
    }

    /// All but VDPBF16PS, which rounds its own way: f32 sums of the same chains.
    @Test(arguments: [
        Types(.CK_F32, .CK_BF16, .CK_F32), Types(.CK_F16, .CK_F16, .CK_F16), Types(.CK_F32, .CK_Q4_0, .CK_F32),
        Types(.CK_F32, .CK_Q4_1, .CK_F32), Types(.CK_F32, .CK_Q8_0, .CK_BF16), Types(.CK_I8, .CK_I8, .CK_F32),
    ]) func sameBitsOnEveryFMAInstructionSet(types: Types) throws {
        for size in [Size(3, 130, 1088), Size(70, 90, 1088)] {
            let gemm = LowPrecisionCase(size, types, alpha: 0x1p-4)
            let expected = try gemm.run(isa: Self.withFMA[0])
            for isa in Self.withFMA { #expect(try gemm.run(isa: isa, threads: 2) == expected) }
        }
    }

    @Test(arguments: [
        Types(.CK_BF16, .CK_BF16, .CK_F32), Types(.CK_BF16, .CK_BF16, .CK_BF16), Types(.CK_F16, .CK_F16, .CK_F16),
        Types(.CK_F32, .CK_F16, .CK_F32), Types(.CK_F32, .CK_Q4_0, .CK_F32), Types(.CK_F32, .CK_Q4_1, .CK_F16),
        Types(.CK_F32, .CK_Q8_0, .CK_F32), Types(.CK_BF16, .CK_Q8_0, .CK_F32), Types(.CK_BF16, .CK_Q4_0, .CK_BF16),
        Types(.CK_BF16, .CK_Q4_1, .CK_F32), Types(.CK_I8, .CK_I8, .CK_F32),
    ]) func aRowAloneHasTheSameBits(types: Types) throws {
        let gemm = LowPrecisionCase(Size(75, 90, 1312), types, alpha: 0x1p-4)
        try gemm.expectRowsAloneHaveTheSameBits(on: Self.isas)
    }

    @Test func typesThatAreNotTakenAreRefused() {
        func status(_ types: Types, k: Int = 32, _ change: (inout ck_gemm_problem) -> Void = { _ in }) -> [UInt32] {
            let gemm = LowPrecisionCase(Size(2, 2, k), types)
            change(&gemm.problem)
            var options = ck_options_default()
            var diagnosis = ck_diagnosis()
            let status = ck_gemm(.CK_FUSED, &gemm.problem, &options, &diagnosis)
            return [status.rawValue, diagnosis.argument.rawValue]
        }
        func refused(_ status: ck_status, _ argument: ck_argument) -> [UInt32] { [status.rawValue, argument.rawValue] }
        #expect(status(Types(.CK_I32, .CK_F32, .CK_F32)) == refused(.CK_BAD_DTYPE, .CK_ARG_A))
        #expect(status(Types(.CK_Q4_0, .CK_F32, .CK_F32)) == refused(.CK_BAD_DTYPE, .CK_ARG_A))
        #expect(status(Types(.CK_I8, .CK_F32, .CK_I32)) == refused(.CK_BAD_DTYPE, .CK_ARG_B))
        #expect(status(Types(.CK_F32, .CK_I8, .CK_F32)) == refused(.CK_BAD_DTYPE, .CK_ARG_B))
        #expect(status(Types(.CK_I8, .CK_Q8_0, .CK_F32)) == refused(.CK_BAD_DTYPE, .CK_ARG_B))
        #expect(status(Types(.CK_F32, .CK_F32, .CK_I32)) == refused(.CK_BAD_DTYPE, .CK_ARG_C))
        #expect(status(Types(.CK_I8, .CK_I8, .CK_I8)) == refused(.CK_BAD_DTYPE, .CK_ARG_C))
        #expect(status(Types(.CK_F32, .CK_Q4_1, .CK_F32), k: 40) == refused(.CK_BAD_VALUE, .CK_ARG_K_SIZE))
        let integers = Types(.CK_I8, .CK_I8, .CK_I32)
        #expect(status(integers) { $0.alpha = 2 } == refused(.CK_BAD_VALUE, .CK_ARG_ALPHA))
        #expect(status(integers) { $0.beta = 0.5 } == refused(.CK_BAD_VALUE, .CK_ARG_BETA))
        #expect(
            status(integers) { $0.epilogue.activation = .CK_ACTIVATION_RELU }
                == refused(.CK_BAD_VALUE, .CK_ARG_ACTIVATION))
    }

    /// A B packed for products with f32 is not one for products of pairs of bf16.
    @Test func aPackedMatrixServesItsOwnTypes() throws {
        let gemm = LowPrecisionCase(Size(4, 20, 64), Types(.CK_F32, .CK_Q4_0, .CK_F32))
        try gemm.packB(isa: Self.isas[0])
        gemm.problem.b.dtype = .CK_Q4_1
        var options = ck_options_default()
        options.isa = Self.isas[0]
        var diagnosis = ck_diagnosis()
        #expect(ck_gemm(.CK_FUSED, &gemm.problem, &options, &diagnosis) == .CK_BAD_PACKED)
        #expect(diagnosis.argument == .CK_ARG_PACKED_B)
    }
}
