import AttentionKernels
import CKernels
import Testing

/// Masks at their limits: whole blocks and whole rows hidden, the largest and smallest numbers of a bias, offsets beyond
/// 32 bits.
@Suite struct AttentionMaskEdgeTests {
    typealias Shape = AttentionCase.Shape
    static let kernels = [ck_kernel.CK_NAIVE, ck_kernel.CK_BLOCKED, ck_kernel.CK_FUSED]

    /// Which blocks of 128 keys a mask hides; 300 keys are three of them.
    enum Hidden: CaseIterable, Sendable {
        case first, last, allButFirst, allButLast, all, everySecondRow

        func hides(_ query: Int, _ key: Int) -> Bool {
            switch self {
            case .first: key < 128
            case .last: key >= 256
            case .allButFirst: key >= 128
            case .allButLast: key < 256
            case .all: true
            case .everySecondRow: query % 2 == 0
            }
        }
    }

    /// A case of 300 keys whose hidden slots are hidden by a boolean mask or by a bias of `floor`.
    private static func attention(_ hidden: Hidden, queries: Int, floor: Float?) -> AttentionCase {
        let attention = AttentionCase(
            Shape(heads: 2, kvHeads: 1, queries: queries, keys: 300, headDim: 24, valueDim: 20), seed: 3)
        func operand(_ data: UnsafeRawPointer) -> ck_score_operand {
            ck_score_operand(
                data: data, count: Int64(queries * 300), offset: 0, batch_stride: 0, head_stride: 0, row_stride: 300,
                column_stride: 1)
        }
        let bytes = attention.allocate(UInt8.self, queries * 300)
        let floats = attention.allocate(Float.self, queries * 300)
        for i in 0..<queries * 300 {
            let hides = hidden.hides(i / 300, i % 300)
            bytes[i] = hides ? 1 : 0
            floats[i] = hides ? floor ?? 0 : 0
        }
        if floor == nil {
            (attention.problem.mask_kind, attention.problem.mask) = (.CK_MASK_DROP, operand(bytes))
        } else {
            attention.problem.bias = operand(floats)
        }
        return attention
    }

    /// Few rows and many, on every kernel and ISA: what is hidden as a boolean, or by -inf, has no part in a row, and rows
    /// that see nothing are zeros.
    @Test(arguments: Hidden.allCases, [1, 3, 90]) func hiddenBlocks(hidden: Hidden, queries: Int) throws {
        for floor in [nil, -Float.infinity] {
            let attention = Self.attention(hidden, queries: queries, floor: floor)
            let oracle = try attention.oracle()
            let naive = try attention.run(ck_kernel.CK_NAIVE)
            for kernel in Self.kernels {
                for isa in Isas.all {
                    let result = try attention.run(kernel, isa: isa, threads: 2)
                    let label: Comment = "kernel \(kernel) \(isa.name)"
                    #expect(largestError(result.output, oracle.output) <= bound(naive.output, oracle.output), label)
                    for row in 0..<2 * queries {
                        let isEmpty = (0..<300).allSatisfy { hidden.hides(row % queries, $0) }
                        #expect((result.lse[row] == -.infinity) == isEmpty, label)
                        let output = result.output[row * 20..<(row + 1) * 20]
                        #expect(output.allSatisfy { ($0 == 0) == isEmpty }, label)
                    }
                }
            }
        }
    }

    /// The lowest finite number hides a key as well as -inf does where another key is without it.
    @Test(arguments: [Hidden.first, .last, .allButFirst, .allButLast], [1, 3, 90])
    func theLowestNumberHides(hidden: Hidden, queries: Int) throws {
        let lowest = Self.attention(hidden, queries: queries, floor: -.greatestFiniteMagnitude)
        let infinite = Self.attention(hidden, queries: queries, floor: -.infinity)
        for kernel in Self.kernels {
            for isa in Isas.all {
                let expected = try infinite.run(kernel, isa: isa, threads: 2)
                let result = try lowest.run(kernel, isa: isa, threads: 2)
                let oracle = expected.output.map(Double.init)
                #expect(largestError(result.output, oracle) <= 1e-6, "kernel \(kernel) \(isa.name)")
            }
        }
    }

    /// +inf is no weight: the rows it is added to are NaN, and no other row changes a bit.
    @Test(arguments: [3, 90]) func plusInfinityStaysInItsRow(queries: Int) throws {
        let attention = Self.attention(.first, queries: queries, floor: 0)
        for kernel in Self.kernels {
            for isa in Isas.all {
                let bias = AttentionCase.floats(UnsafeMutableRawPointer(mutating: attention.problem.bias.data))
                bias[300 + 150] = 0
                let clean = try attention.run(kernel, isa: isa, threads: 2)
                bias[300 + 150] = .infinity
                let result = try attention.run(kernel, isa: isa, threads: 2)
                for row in 0..<2 * queries {
                    let range = row * 20..<(row + 1) * 20
                    if row % queries == 1 {
                        #expect(result.output[range].allSatisfy { $0.isNaN }, "kernel \(kernel) \(isa.name)")
                    } else {
                        #expect(result.output[range] == clean.output[range], "kernel \(kernel) \(isa.name)")
                    }
                }
            }
        }
    }

    /// Dot products beyond the range of f16, of q and k within it.
    @Test func f16ScoresDoNotOverflow() throws {
        let attention = TypedAttentionCase(
            Shape(heads: 2, kvHeads: 1, queries: 40, keys: 200, headDim: 64, valueDim: 16), .uniform(.float16),
            scale: 1e-5
        ) { widened in
            for j in 0..<200 { for c in 0..<64 { widened.row(\.k, 0, 0, j)[c] *= 800 } }
            for h in 0..<2 { for i in 0..<40 { for c in 0..<64 { widened.row(\.q, 0, h, i)[c] *= 800 } } }
        }
        let dot = (0..<64).reduce(Float(0)) {
            $0 + attention.widened.row(\.q, 0, 0, 0)[$1] * attention.widened.row(\.k, 0, 0, 0)[$1]
        }
        #expect(abs(dot) > 65504)
        for isa in Isas.all {
            let result = try attention.run(ck_kernel.CK_FUSED, isa: isa, threads: 2)
            let expected = try attention.widenedResult(ck_kernel.CK_FUSED, isa: isa)
            #expect(result.output.allSatisfy { $0.isFinite })
            #expect(firstDifference(result.bits, expected.bits) == nil, "\(isa.name)")
        }
    }
}
