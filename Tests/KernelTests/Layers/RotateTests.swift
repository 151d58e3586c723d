import AttentionKernels
import TestSupport
import Testing

/// Rotary positions against double precision on every instruction set.
struct RotateTests {
    private struct Case {
        let rows: LayerRows
        let heads, turning, rotated, width: Int
        let positions: [Int]
        let cosines, sines: Tensor

        init(_ heads: Int, _ width: Int, rotated: Int, turning: Int, rows: Int = 9) throws {
            var random = SeededRandom(seed: UInt64(heads * width + rotated))
            self.rows = LayerRows(rows, heads * width, seed: 4)
            (self.heads, self.turning, self.rotated, self.width) = (heads, turning, rotated, width)
            positions = (0..<rows).map { $0 * 5 % 7 }
            cosines = try random.normalTensor([7, rotated / 2])
            sines = try random.normalTensor([7, rotated / 2])
        }

        func oracle(interleaved: Bool) -> [Double] {
            (0..<rows.rows).flatMap { row in
                let x = rows.row(row)
                var y = x
                for head in 0..<turning {
                    for pair in 0..<rotated / 2 {
                        let a = head * width + (interleaved ? 2 * pair : pair)
                        let b = interleaved ? a + 1 : a + rotated / 2
                        let (c, s) = (Double(cosines[positions[row], pair]), Double(sines[positions[row], pair]))
                        (y[a], y[b]) = (x[a] * c - x[b] * s, x[a] * s + x[b] * c)
                    }
                }
                return y
            }
        }
    }

    @Test(arguments: Configuration.all, [false, true])
    func agreesWithDoublePrecision(configuration: Configuration, interleaved: Bool) throws {
        for (heads, width, rotated, turning) in [
            (3, 64, 64, 2), (1, 10, 6, 1), (4, 32, 32, 4), (2, 34, 34, 1), (2, 8, 0, 2),
        ] {
            let sample = try Case(heads, width, rotated: rotated, turning: turning)
            let table = MatrixLayout(rows: 7, columns: rotated / 2)
            var (inPlace, beside) = (sample.rows, LayerRows(9, heads * width, seed: 5))
            let gaps = beside.gaps
            let inPlaceLayout = inPlace.layout
            var span = inPlace.elements.mutableSpan
            try rotate(
                nil, heads: heads, rotatedHeads: turning, rotated: rotated, interleaved: interleaved,
                cosines: MatrixInput(sample.cosines.span, table), sines: MatrixInput(sample.sines.span, table),
                positions: sample.positions.span, into: MatrixOutput(&span, inPlaceLayout),
                execution: configuration.execution)
            let besideLayout = beside.layout
            var other = beside.elements.mutableSpan
            try rotate(
                MatrixInput(sample.rows.elements.span, sample.rows.layout), heads: heads, rotatedHeads: turning,
                rotated: rotated, interleaved: interleaved, cosines: MatrixInput(sample.cosines.span, table),
                sines: MatrixInput(sample.sines.span, table), positions: sample.positions.span,
                into: MatrixOutput(&other, besideLayout), execution: configuration.execution)
            #expect(ulps(inPlace.dense, sample.oracle(interleaved: interleaved)) < 2)
            #expect(bits(inPlace.dense) == bits(beside.dense))
            #expect(inPlace.gaps == sample.rows.gaps && beside.gaps == gaps)
        }
    }

    @Test func bothPairingsHaveTheSameBits() throws {
        let sample = try Case(1, 32, rotated: 32, turning: 1)
        let order = (0..<32).map { $0 % 2 == 0 ? $0 / 2 : 16 + $0 / 2 }
        let halves = (0..<9).flatMap { row in
            (0..<32).map { c in sample.rows.dense[row * 32 + order.firstIndex(of: c)!] }
        }
        let layout = MatrixLayout(rows: 9, columns: 32)
        let table = MatrixLayout(rows: 7, columns: 16)
        var (one, two) = (
            try Tensor(shape: [9, 32], elements: sample.rows.dense), try Tensor(shape: [9, 32], elements: halves)
        )
        try rotate(
            nil, heads: 1, interleaved: true, cosines: MatrixInput(sample.cosines.span, table),
            sines: MatrixInput(sample.sines.span, table), positions: sample.positions.span,
            into: MatrixOutput(one.mutableSpan, layout))
        try rotate(
            nil, heads: 1, interleaved: false, cosines: MatrixInput(sample.cosines.span, table),
            sines: MatrixInput(sample.sines.span, table), positions: sample.positions.span,
            into: MatrixOutput(two.mutableSpan, layout))
        let back = (0..<9).flatMap { row in (0..<32).map { two[row, order[$0]] } }
        #expect(bits(back) == bits(one.elements))
    }

    @Test func errorsNameTheArgument() throws {
        var x = try Tensor(shape: [2, 12])
        let table = try Tensor(shape: [3, 3])
        func failure(heads: Int, rotated: Int?, positions: [Int], turning: Int? = nil) -> KernelError? {
            do throws(KernelError) {
                try rotate(
                    nil, heads: heads, rotatedHeads: turning, rotated: rotated, interleaved: true,
                    cosines: MatrixInput(table.span, MatrixLayout(rows: 3, columns: 3)),
                    sines: MatrixInput(table.span, MatrixLayout(rows: 3, columns: 3)), positions: positions.span,
                    into: MatrixOutput(x.mutableSpan, MatrixLayout(rows: 2, columns: 12)))
            } catch { return error }
            return nil
        }
        #expect(failure(heads: 2, rotated: 6, positions: [0, 2]) == nil)
        #expect(failure(heads: 5, rotated: 6, positions: [0, 2])?.argument == .heads)
        #expect(failure(heads: 2, rotated: 4, positions: [0, 2])?.argument == .cosines)
        #expect(failure(heads: 2, rotated: 7, positions: [0, 2])?.argument == .rotated)
        #expect(failure(heads: 2, rotated: 6, positions: [0, 2], turning: 3)?.argument == .heads)
        let outside = failure(heads: 2, rotated: 6, positions: [0, 3])
        #expect(outside?.reason == .invalidIndex && outside?.argument == .positions)
        #expect(outside?.description == "positions: element 1 is 3; it should be in 0 ..< 3")
        #expect(failure(heads: 2, rotated: 6, positions: [0])?.reason == .spanTooShort)
    }
}
