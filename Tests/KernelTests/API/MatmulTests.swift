import AttentionKernels
import TestSupport
import Testing

/// Products of tensors: transpositions, views and repeated matrices are read in place and mean what they say.
@Suite struct MatmulTests {
    static let kernels = AttentionKernel.allCases

    /// `alpha * A B + beta * C` in plain loops over whole numbers, exact in any order.
    static func product(
        _ a: Tensor, _ b: Tensor, _ c: Tensor? = nil, alpha: Float = 1, beta: Float = 0
    ) throws -> Tensor {
        let (m, k, n) = (a.shape[0], a.shape[1], b.shape[1])
        return try Tensor(shape: [m, n]) { index in
            let (i, j) = (index / n, index % n)
            let sum = (0..<k).reduce(Float(0)) { $0 + a[i, $1] * b[$1, j] }
            return alpha * sum + (c.map { beta * $0[i, j] } ?? 0)
        }
    }

    static func integers(_ shape: [Int], seed: UInt64) throws -> Tensor {
        var random = SeededRandom(seed: seed)
        return try Tensor(shape: shape, elements: random.smallIntegers(shape.reduce(1, *)))
    }

    @Test(arguments: kernels)
    func readsFactorsTransposed(kernel: AttentionKernel) throws {
        let a = try Self.integers([37, 21], seed: 1)
        let b = try Self.integers([21, 43], seed: 2)
        let (aTurned, bTurned) = (try a.transposed(0, 1), try b.transposed(0, 1))
        let expected = try Self.product(a, b)
        #expect(isMostlyNonzero(expected.elements))
        #expect(try matmul(a, b, kernel: kernel) == expected)
        // Stored transposed, and read so by a flag, by a view, or by both at once.
        let (aStored, bStored) = (try aTurned.contiguous(), try bTurned.contiguous())
        #expect(try matmul(aStored, b, transposeA: true, kernel: kernel) == expected)
        #expect(try matmul(a, bStored, transposeB: true, kernel: kernel) == expected)
        #expect(try matmul(aStored, bStored, transposeA: true, transposeB: true, kernel: kernel) == expected)
        #expect(try matmul(aStored.transposed(0, 1), bStored.transposed(0, 1), kernel: kernel) == expected)
        #expect(try matmul(aTurned, bTurned, transposeA: true, transposeB: true, kernel: kernel) == expected)
    }

    @Test(arguments: kernels)
    func scalesAndAdds(kernel: AttentionKernel) throws {
        let a = try Self.integers([9, 12], seed: 3)
        let b = try Self.integers([12, 5], seed: 4)
        let c = try Self.integers([9, 5], seed: 5)
        #expect(try matmul(a, b, alpha: -2, kernel: kernel) == Self.product(a, b, alpha: -2))
        var output = c
        try matmul(a, b, into: &output, alpha: 2, beta: 3)
        #expect(output == (try Self.product(a, b, c, alpha: 2, beta: 3)))
        var borrowed = c
        try matmul(
            MatrixInput(a.span, MatrixLayout(rows: 9, columns: 12)),
            MatrixInput(b.span, MatrixLayout(rows: 12, columns: 5)),
            into: MatrixOutput(borrowed.mutableSpan, MatrixLayout(rows: 9, columns: 5)), alpha: 2, beta: 3,
            kernel: kernel)
        #expect(borrowed == output)
    }

    @Test(arguments: kernels)
    func repeatsOneMatrixOverABatch(kernel: AttentionKernel) throws {
        let a = try Self.integers([3, 6, 8], seed: 6)
        let b = try Self.integers([8, 7], seed: 7)
        let result = try matmul(a, b, kernel: kernel)
        #expect(result.shape == [3, 6, 7])
        for batch in 0..<3 {
            let matrix = try Tensor(shape: [6, 8], elements: Array(a.elements[batch * 48..<(batch + 1) * 48]))
            #expect(Array(result.elements[batch * 42..<(batch + 1) * 42]) == (try Self.product(matrix, b).elements))
        }
        let one = try Self.integers([1, 2, 6], seed: 8)
        #expect(try matmul(one, a, kernel: kernel).shape == [3, 2, 8])
        #expect(try matmul(b, a, transposeA: true, transposeB: true, kernel: kernel).shape == [3, 7, 6])
    }

    @Test(arguments: kernels)
    func readsAnyStrides(kernel: AttentionKernel) throws {
        let whole = try Self.integers([40, 30], seed: 10)
        let skipping = try whole.strided(shape: [9, 10], strides: [60, 3], offset: 4)
        let backwards = try whole.strided(shape: [10, 7], strides: [-30, -2], offset: 1199)
        let row = try whole.strided(shape: [10, 7], strides: [0, 1], offset: 31)
        let column = try whole.strided(shape: [9, 10], strides: [30, 0], offset: 7)
        for (a, b) in [(skipping, backwards), (skipping, row), (column, backwards)] {
            #expect(try matmul(a, b, kernel: kernel) == Self.product(a.contiguous(), b.contiguous()))
        }
    }

    /// An output by columns, by a transposed layout.
    @Test(arguments: kernels)
    func writesTransposedOutputs(kernel: AttentionKernel) throws {
        let (a, b) = (try Self.integers([6, 9], seed: 11), try Self.integers([9, 4], seed: 12))
        var output = try Tensor(shape: [4, 6])
        try matmul(
            MatrixInput(a.span, MatrixLayout(rows: 6, columns: 9)),
            MatrixInput(b.span, MatrixLayout(rows: 9, columns: 4)),
            into: MatrixOutput(output.mutableSpan, MatrixLayout(rows: 4, columns: 6).transposed), kernel: kernel)
        #expect(try output.transposed(0, 1).contiguous() == Self.product(a, b))
    }

    @Test(arguments: kernels)
    func readsPartsOfMatrices(kernel: AttentionKernel) throws {
        let whole = try Self.integers([20, 30], seed: 9)
        let a = try whole.slice(0, 3..<12).slice(1, 5..<16)
        let b = try whole.slice(0, 1..<12).slice(1, 20..<29)
        #expect(try matmul(a, b, kernel: kernel) == Self.product(a.contiguous(), b.contiguous()))
        // One column and one row have no neighbour along the other dimension.
        let column = try whole.slice(1, 4..<5)
        let row = try whole.slice(0, 2..<3)
        #expect(try matmul(column, row, kernel: kernel) == Self.product(column.contiguous(), row.contiguous()))
        let down = try whole.transposed(0, 1).slice(0, 4..<5)
        let across = try whole.transposed(0, 1).slice(1, 2..<3)
        #expect(try matmul(across, down, kernel: kernel) == Self.product(across.contiguous(), down.contiguous()))
    }
}
