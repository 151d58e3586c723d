import CKernels
import Testing

/// Every kernel on every ISA and several thread counts against the oracle, over shapes around the block
/// sizes and every kind of mask. The bound is the naive path's own error, twice, as FlashAttention's tests
/// have it, plus 2 ulp of the largest value.
@Suite struct AttentionOracleTests {
    typealias Shape = AttentionCase.Shape

    static let shapes: [Shape] = [
        Shape(batch: 2, heads: 4, kvHeads: 2, queries: 70, keys: 70, headDim: 64, valueDim: 64),
        Shape(heads: 6, kvHeads: 2, queries: 33, keys: 131, headDim: 40, valueDim: 59),
        Shape(batch: 2, heads: 8, kvHeads: 2, queries: 2, keys: 1100, headDim: 72, valueDim: 40),
        Shape(heads: 3, kvHeads: 1, queries: 5, keys: 1100, headDim: 80, valueDim: 16),
        Shape(batch: 3, heads: 2, kvHeads: 2, queries: 129, keys: 127, headDim: 16, valueDim: 96),
        Shape(heads: 2, kvHeads: 2, queries: 239, keys: 1, headDim: 32, valueDim: 32),
        Shape(heads: 1, kvHeads: 1, queries: 799, keys: 3, headDim: 8, valueDim: 3),
        Shape(heads: 2, kvHeads: 1, queries: 20, keys: 65, headDim: 128, valueDim: 256),
        Shape(heads: 2, kvHeads: 1, queries: 20, keys: 64, headDim: 192, valueDim: 111),
    ]

    static let maskings: [AttentionCase.Masking] = [
        [], .topLeft, .bottomRight, .keep, .drop, .bias, .keyLengths, [.bottomRight, .keyLengths],
        [.topLeft, .keep, .bias, .keyLengths], [.bottomRight, .drop, .bias],
        .window, [.bottomRight, .queryLengths, .keyLengths], [.topLeft, .prefix], .segments, .blocks, .softcap,
        .normalize, .headScales, .alibi, .sinks, [.bottomRight, .window, .sinks, .softcap],
        [.topLeft, .segments, .blocks, .alibi, .bias],
        [.bottomRight, .window, .prefix, .queryLengths, .keyLengths, .sinks],
        .keyStarts, [.bottomRight, .window, .keyStarts, .keyLengths, .alibi, .sinks],
        [.normalize, .headScales, .softcap, .alibi, .keep, .bias, .sinks, .segments],
    ]

    @Test(arguments: shapes, maskings) func agreesWithTheOracle(shape: Shape, masking: AttentionCase.Masking) throws {
        let attention = AttentionCase(shape, masking: masking, layout: .padded, seed: 3)
        let oracle = try attention.oracle()
        // No test whose answer is mostly zero: at most the rows that see nothing.
        let zeros = oracle.output.count { $0 == 0 }
        try #require(masking != [] || zeros * 10 < oracle.output.count)
        let naive = try attention.run(ck_kernel.CK_NAIVE)
        let bounds = (bound(naive.output, oracle.output), bound(naive.lse, oracle.lse))
        for kernel in [ck_kernel.CK_NAIVE, ck_kernel.CK_BLOCKED, ck_kernel.CK_FUSED] {
            for isa in Isas.all {
                for threads in [1, 2, usableCores + 1] {
                    let result = try attention.run(kernel, isa: isa, threads: threads)
                    let label: Comment = "kernel \(kernel) \(isa.name) \(threads) threads"
                    #expect(largestError(result.output, oracle.output) <= bounds.0, label)
                    #expect(largestError(result.lse, oracle.lse) <= bounds.1, label)
                }
            }
        }
    }

    @Test(arguments: [1, 3, 8, 16, 32, 40, 59, 64, 65, 80, 96, 111, 128, 160, 192, 224, 256]) func anyHeadDim(d: Int)
        throws
    {
        let attention = AttentionCase(
            Shape(heads: 2, kvHeads: 1, queries: 40, keys: 90, headDim: d, valueDim: d), masking: .bottomRight)
        let oracle = try attention.oracle()
        let naive = try attention.run(ck_kernel.CK_NAIVE)
        for isa in Isas.all {
            let result = try attention.run(ck_kernel.CK_FUSED, isa: isa, threads: 2)
            #expect(largestError(result.output, oracle.output) <= bound(naive.output, oracle.output))
        }
    }

    @Test func accuracyAtTheReferenceShape() throws {
        let attention = AttentionCase(Shape(queries: 1024, keys: 1024, headDim: 64, valueDim: 64))
        let oracle = try attention.oracle()
        for isa in Isas.all {
            let result = try attention.run(ck_kernel.CK_FUSED, isa: isa, threads: usableCores)
            #expect(largestError(result.output, oracle.output) <= 4e-7)
        }
    }

    /// Weights asked for: each row sums to 1, or to 0 where it sees nothing, and equals the oracle's.
    @Test(arguments: [ck_kernel.CK_NAIVE, ck_kernel.CK_BLOCKED, ck_kernel.CK_FUSED]) func weights(kernel: ck_kernel)
        throws
    {
        let shape = Shape(batch: 2, heads: 2, kvHeads: 1, queries: 40, keys: 75, headDim: 32, valueDim: 32)
        let attention = AttentionCase(shape, masking: [.topLeft, .keep, .keyLengths])
        let count = 2 * 2 * 40 * 75
        let weights = UnsafeMutablePointer<Float>.allocate(capacity: count)
        defer { weights.deallocate() }
        for i in 0..<count { weights[i] = .nan }
        attention.problem.weights = ck_operand(
            data: weights, count: Int64(count), offset: 0, batch_stride: 2 * 40 * 75, head_stride: 40 * 75,
            row_stride: 75, dtype: .CK_F32)
        _ = try attention.run(kernel, threads: 2)
        var expected = [Double](repeating: 0, count: 75)
        attention.forEachRow { b, h, i in
            let row = AttentionCase.row(attention.problem.weights, b, h, i)
            ck_oracle_attention_row(&attention.problem, Int64(b), Int64(h), Int64(i), nil, nil, &expected, nil)
            let sum = (0..<75).reduce(0.0) { $0 + Double(row[$1]) }
            #expect(abs(sum - expected.reduce(0, +)) < 1e-5)
            #expect((0..<75).allSatisfy { abs(Double(row[$0]) - expected[$0]) < 1e-6 })
            #expect((0..<75).allSatisfy { (row[$0] == 0) == (expected[$0] == 0) })
        }
    }
}

func largestError(_ values: [Float], _ oracle: [Double]) -> Double {
    zip(values, oracle).reduce(0) { worst, pair in
        if Double(pair.0) == pair.1 { return worst }  // equal infinities
        let error = abs(Double(pair.0) - pair.1)
        return error.isNaN ? .infinity : max(worst, error)
    }
}

/// `2 * |naive - oracle| + 2 ulp(max |x|)`, and never less than 4 ulp: over a handful of elements the naive
/// path's error can be small by luck.
func bound(_ naive: [Float], _ oracle: [Double]) -> Double {
    let largest = oracle.filter(\.isFinite).map(abs).max() ?? 0
    let ulp = Double(Float(largest).ulp)
    return max(2 * largestError(naive, oracle) + 2 * ulp, 4 * ulp)
}
