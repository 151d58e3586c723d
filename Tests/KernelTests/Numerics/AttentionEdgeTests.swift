import CKernels
import Testing

/// Empty inputs, extreme logits, and identities that hold exactly.
@Suite struct AttentionEdgeTests {
    typealias Shape = AttentionCase.Shape
    static let kernels = [ck_kernel.CK_NAIVE, ck_kernel.CK_BLOCKED, ck_kernel.CK_FUSED]

    @Test func noKeysGiveZeros() throws {
        let attention = AttentionCase(
            Shape(batch: 2, heads: 2, kvHeads: 1, queries: 5, keys: 0, headDim: 8, valueDim: 6))
        for kernel in Self.kernels {
            for isa in Isas.all {
                let result = try attention.run(kernel, isa: isa)
                #expect(result.output.allSatisfy { $0 == 0 } && result.output.count == 2 * 2 * 5 * 6)
                #expect(result.lse.allSatisfy { $0 == -.infinity })
            }
        }
    }

    @Test(arguments: [
        Shape(batch: 0, queries: 4, keys: 4, headDim: 8, valueDim: 8),
        Shape(queries: 0, keys: 4, headDim: 8, valueDim: 8),
        Shape(heads: 0, kvHeads: 0, queries: 4, keys: 4, headDim: 8, valueDim: 8),
        Shape(queries: 4, keys: 4, headDim: 8, valueDim: 0),
    ]) func emptyOutputsAreLegal(shape: Shape) throws {
        let attention = AttentionCase(shape)
        for kernel in Self.kernels { #expect(try attention.run(kernel).output.isEmpty) }
    }

    /// Without head dimensions every score is 0, so each row is the mean of V.
    @Test func noHeadDimensionsGiveTheMean() throws {
        let attention = AttentionCase(Shape(queries: 3, keys: 50, headDim: 0, valueDim: 5), scale: 1)
        let oracle = try attention.oracle().output
        for kernel in Self.kernels {
            for isa in Isas.all {
                let output = try attention.run(kernel, isa: isa).output
                #expect(largestError(output, oracle) < 3e-7)
            }
        }
    }

    /// A negative offset leaves the first rows without a key: zeros and -inf there, on every kernel and ISA.
    @Test func rowsThatSeeNothing() throws {
        let attention = AttentionCase(Shape(heads: 2, queries: 40, keys: 20, headDim: 8, valueDim: 8))
        (attention.problem.kv_heads, attention.problem.k.head_stride, attention.problem.v.head_stride) = (1, 0, 0)
        attention.problem.causal = ck_causal.CK_CAUSAL_BOTTOM_RIGHT
        for kernel in Self.kernels {
            for isa in Isas.all {
                let result = try attention.run(kernel, isa: isa, threads: 2)
                for head in 0..<2 {
                    #expect(result.lse[head * 40..<head * 40 + 20].allSatisfy { $0 == -.infinity })
                    #expect(result.output[head * 320..<head * 320 + 160].allSatisfy { $0.bitPattern == 0 })
                    #expect(result.lse[head * 40 + 20..<head * 40 + 40].allSatisfy { $0.isFinite })
                }
            }
        }
    }

    @Test(arguments: [Int64.min, -1000, -1, 0, 1, 1000, .max]) func anyQueryOffset(offset: Int64) throws {
        let attention = AttentionCase(Shape(queries: 30, keys: 70, headDim: 16, valueDim: 16))
        attention.problem.causal = ck_causal.CK_CAUSAL_OFFSET
        attention.problem.query_offset = offset
        let oracle = try attention.oracle()
        for kernel in Self.kernels {
            for isa in Isas.all {
                let result = try attention.run(kernel, isa: isa)
                #expect(largestError(result.output, oracle.output) < 1e-6)
                #expect(largestError(result.lse, oracle.lse) < 2e-6)
            }
        }
    }

    /// Logits of every size and sign: scale 0, negative, and such that scores reach +-88 and +-1e4.
    @Test(arguments: [Float(0), -0.5, 20, 2500, 1e-30]) func extremeLogits(scale: Float) throws {
        let attention = AttentionCase(
            Shape(heads: 2, kvHeads: 2, queries: 40, keys: 300, headDim: 16, valueDim: 16), scale: scale)
        let oracle = try attention.oracle()
        let naive = try attention.run(ck_kernel.CK_NAIVE)
        for kernel in [ck_kernel.CK_BLOCKED, ck_kernel.CK_FUSED] {
            for isa in Isas.all {
                let result = try attention.run(kernel, isa: isa, threads: 2)
                #expect(largestError(result.output, oracle.output) <= bound(naive.output, oracle.output))
                #expect(largestError(result.lse, oracle.lse) <= bound(naive.lse, oracle.lse))
            }
        }
    }

    /// Equal keys: equal logits however large, so the output is the mean of V.
    @Test(arguments: [Float(1), 1e4, 1e12, -1e12]) func equalLogits(scale: Float) throws {
        let attention = AttentionCase(Shape(queries: 20, keys: 400, headDim: 16, valueDim: 16), scale: scale)
        for j in 0..<400 { for c in 0..<16 { attention.row(\.k, 0, 0, j)[c] = Float(c) - 7.5 } }
        var mean = [Double](repeating: 0, count: 16)
        for j in 0..<400 { for c in 0..<16 { mean[c] += Double(attention.row(\.v, 0, 0, j)[c]) / 400 } }
        for kernel in Self.kernels {
            for isa in Isas.all {
                let output = try attention.run(kernel, isa: isa).output
                #expect(largestError(output, (0..<20).flatMap { _ in mean }) < 4e-7)
            }
        }
    }

    /// The maximum of each row lies in the last block, or falls from the first, and differs by hundreds.
    @Test(arguments: [true, false]) func risingAndFallingMaxima(rising: Bool) throws {
        let attention = AttentionCase(Shape(queries: 30, keys: 1500, headDim: 8, valueDim: 8), scale: 1)
        for i in 0..<30 { attention.row(\.q, 0, 0, i)[0] = 1 }
        for j in 0..<1500 { attention.row(\.k, 0, 0, j)[0] = Float(rising ? j : 1500 - j) / 2 }
        let oracle = try attention.oracle()
        let naive = try attention.run(ck_kernel.CK_NAIVE)
        for isa in Isas.all {
            let result = try attention.run(ck_kernel.CK_FUSED, isa: isa, threads: 2)
            #expect(largestError(result.output, oracle.output) <= bound(naive.output, oracle.output))
            #expect(largestError(result.lse, oracle.lse) <= bound(naive.lse, oracle.lse))
        }
    }

    /// One key far above the others: the output is that row of V, exactly.
    @Test func oneHotSelectsAValue() throws {
        let attention = AttentionCase(Shape(queries: 25, keys: 1100, headDim: 4, valueDim: 9), scale: 1)
        for j in 0..<1100 { for c in 0..<4 { attention.row(\.k, 0, 0, j)[c] = j == 777 ? 1000 : 0 } }
        for i in 0..<25 { for c in 0..<4 { attention.row(\.q, 0, 0, i)[c] = 1 } }
        let expected = (0..<9).map { attention.row(\.v, 0, 0, 777)[$0] }
        for kernel in Self.kernels {
            for isa in Isas.all {
                let output = try attention.run(kernel, isa: isa).output
                #expect(
                    firstDifference(output.map(\.bitPattern), (0..<25).flatMap { _ in expected }.map(\.bitPattern))
                        == nil)
            }
        }
    }

    @Test func constantValuesComeBack() throws {
        let attention = AttentionCase(Shape(queries: 33, keys: 700, headDim: 16, valueDim: 5), masking: .keep)
        for j in 0..<700 { for c in 0..<5 { attention.row(\.v, 0, 0, j)[c] = 0.7 } }
        for kernel in Self.kernels {
            for isa in Isas.all {
                // The naive sum over 500 keys errs more than the blocked ones.
                let tolerance: Float = kernel == .CK_NAIVE ? 4e-6 : 4e-7
                let output = try attention.run(kernel, isa: isa).output
                #expect(output.allSatisfy { abs($0 - 0.7) < tolerance })
            }
        }
    }

    @Test func aVeryLongRow() throws {
        let attention = AttentionCase(Shape(queries: 1, keys: 131_072, headDim: 8, valueDim: 4))
        let oracle = try attention.oracle()
        let single = try attention.run(ck_kernel.CK_FUSED)
        #expect(try attention.run(ck_kernel.CK_FUSED, threads: usableCores).bits == single.bits)
        #expect(largestError(single.output, oracle.output) < 1e-7)
        #expect(largestError(single.lse, oracle.lse) < 2e-6)
    }
}
