import AttentionKernels
import TestSupport
import Testing

/// The same numbers in another order of memory give the same bits, and nothing between or around them is read or written.
@Suite struct LayoutTests {
    /// How an operand lies in memory.
    enum Arrangement: String, CaseIterable, Sendable {
        case bhsd, bshd, padded, backwards

        func layout(batch: Int, heads: Int, length: Int, width: Int) -> AttentionLayout {
            switch self {
            case .bhsd: return .bhsd(batch: batch, heads: heads, length: length, width: width)
            case .bshd: return .bshd(batch: batch, length: length, heads: heads, width: width)
            case .padded:
                let rowStride = width + 5
                let headStride = length * rowStride + 3
                return AttentionLayout(
                    batch: batch, heads: heads, length: length, width: width, batchStride: heads * headStride + 7,
                    headStride: headStride, rowStride: rowStride, offset: 2)
            case .backwards:
                let forwards = AttentionLayout.bhsd(batch: batch, heads: heads, length: length, width: width)
                return AttentionLayout(
                    batch: batch, heads: heads, length: length, width: width, batchStride: -forwards.batchStride,
                    headStride: -forwards.headStride, rowStride: -width, offset: forwards.elementCount - width)
            }
        }
    }

    /// Memory for an arrangement: its highest index is not at its last element if it runs backwards.
    static func buffer(_ layout: AttentionLayout, _ elements: [Float], misalignment: Int) -> GuardedBuffer {
        let buffer = GuardedBuffer(count: (layout.positions.max() ?? -1) + 1, misalignment: misalignment)
        for (position, element) in zip(layout.positions, elements) { buffer[position] = element }
        return buffer
    }

    @Test(arguments: AttentionKernel.allCases, Arrangement.allCases)
    func givesTheSameBits(kernel: AttentionKernel, arrangement: Arrangement) throws {
        let sample = AttentionSample(
            batch: 2, heads: 4, kvHeads: 2, queryLength: 9, keyLength: 37, headDim: 20, valueDim: 11,
            causality: .bottomRight, seed: 21)
        let expected = try sample.run(kernel, returning: [.lse, .weights])
        for misalignment in [0, 1, 3] {
            let q = arrangement.layout(batch: 2, heads: 4, length: 9, width: 20)
            let k = arrangement.layout(batch: 2, heads: 2, length: 37, width: 20)
            let v = arrangement.layout(batch: 2, heads: 2, length: 37, width: 11)
            let o = arrangement.layout(batch: 2, heads: 4, length: 9, width: 11)
            let l = arrangement.layout(batch: 2, heads: 4, length: 9, width: 1)
            let w = arrangement.layout(batch: 2, heads: 4, length: 9, width: 37)
            let query = Self.buffer(q, sample.query, misalignment: misalignment)
            let key = Self.buffer(k, sample.key, misalignment: misalignment)
            let value = Self.buffer(v, sample.value, misalignment: misalignment)
            let output = Self.buffer(o, [], misalignment: misalignment)
            let lse = Self.buffer(l, [], misalignment: misalignment)
            let weights = Self.buffer(w, [], misalignment: misalignment)
            try kernel.forward(
                AttentionProblem(
                    query: AttentionInput(query.span, q), key: AttentionInput(key.span, k),
                    value: AttentionInput(value.span, v), causality: .bottomRight),
                into: AttentionOutput(output.mutableSpan(), o), lse: AttentionOutput(lse.mutableSpan(), l),
                weights: AttentionOutput(weights.mutableSpan(), w))
            #expect(bits(output.elements(o)) == bits(expected.output))
            #expect(bits(lse.elements(l)) == expected.lse.map(bits))
            #expect(bits(weights.elements(w)) == expected.weights.map(bits))
            #expect(output.isIntact(o) && lse.isIntact(l) && weights.isIntact(w))
        }
    }

    /// Query, key and value as parts of one projection `[batch, length, heads + 2 * kvHeads, width]`.
    @Test(arguments: AttentionKernel.allCases)
    func readsPackedProjections(kernel: AttentionKernel) throws {
        let sample = AttentionSample(batch: 2, heads: 6, kvHeads: 3, queryLength: 13, headDim: 16, seed: 22)
        func layout(_ part: AttentionLayout.PackedPart) -> AttentionLayout {
            .packedQKV(batch: 2, length: 13, heads: 6, kvHeads: 3, width: 16, part: part)
        }
        let packed = GuardedBuffer(count: 2 * 13 * 12 * 16)
        let parts = [(layout(.query), sample.query), (layout(.key), sample.key), (layout(.value), sample.value)]
        for (layout, elements) in parts {
            for (position, element) in zip(layout.positions, elements) { packed[position] = element }
        }
        #expect(parts.map(\.0.positions).joined().sorted() == Array(0..<packed.count))
        let o = AttentionLayout.bshd(batch: 2, length: 13, heads: 6, width: 16)
        let output = GuardedBuffer(count: o.elementCount)
        try kernel.forward(
            AttentionProblem(
                query: AttentionInput(packed.span, layout(.query)), key: AttentionInput(packed.span, layout(.key)),
                value: AttentionInput(packed.span, layout(.value))),
            into: AttentionOutput(output.mutableSpan(), o))
        #expect(bits(output.elements(o)) == bits(try sample.run(kernel).output))
    }

    /// One head of keys and values repeated by a head stride of 0, and one sequence by a batch stride of 0.
    @Test(arguments: AttentionKernel.allCases)
    func repeatsInputsByStrideZero(kernel: AttentionKernel) throws {
        let one = AttentionSample(batch: 3, heads: 4, kvHeads: 1, queryLength: 6, headDim: 8, seed: 23)
        let shared = Array(one.key[..<48])
        var layout = AttentionLayout.bhsd(batch: 3, heads: 4, length: 6, width: 8)
        let queryLayout = layout
        (layout.batchStride, layout.headStride) = (0, 0)
        let output = GuardedBuffer(count: queryLayout.elementCount)
        try kernel.forward(
            AttentionProblem(
                query: AttentionInput(one.query.span, queryLayout), key: AttentionInput(shared.span, layout),
                value: AttentionInput(shared.span, layout)),
            into: AttentionOutput(output.mutableSpan(), queryLayout))
        let written = (0..<12).flatMap { _ in shared }
        let expected = try kernel.forward(
            query: Tensor(shape: [3, 4, 6, 8], elements: one.query),
            key: Tensor(shape: [3, 4, 6, 8], elements: written), value: Tensor(shape: [3, 4, 6, 8], elements: written))
        #expect(bits(output.elements(queryLayout)) == bits(expected))
    }

    @Test func countsItsElements() {
        #expect(AttentionLayout.bhsd(batch: 2, heads: 3, length: 4, width: 5).elementCount == 120)
        #expect(AttentionLayout.bshd(batch: 2, length: 4, heads: 3, width: 5).elementCount == 120)
        #expect(AttentionLayout.bhsd(batch: 0, heads: 3, length: 4, width: 5).elementCount == 0)
        #expect(AttentionLayout.bhsd(batch: .max, heads: .max, length: 2, width: 2).elementCount == .max)
        #expect(MatrixLayout(rows: 3, columns: 4, rowStride: 10, offset: 2).elementCount == 26)
        #expect(MatrixLayout(batch: 2, rows: 0, columns: 4).elementCount == 0)
        #expect(MatrixLayout(rows: 3, columns: 4, columnStride: 2).elementCount == 23)
        let byColumns = MatrixLayout(batch: 2, rows: 3, columns: 4, rowStride: 1, columnStride: 3)
        #expect(byColumns.batchStride == 12 && byColumns.elementCount == 24)
        #expect(byColumns.transposed == MatrixLayout(batch: 2, rows: 4, columns: 3))
        #expect(MatrixLayout(rows: .max, columns: 2, rowStride: .min).elementCount == 2)
        let packed = AttentionLayout.packedQKV(batch: 1, length: 2, heads: 4, kvHeads: 2, width: 8, part: .value)
        #expect(packed.offset == 48 && packed.heads == 2 && packed.rowStride == 64 && packed.elementCount == 128)
    }
}
