import AttentionKernels
import TestSupport
import Testing

/// Epilogues of products in Swift: each part reaches the kernel that it is meant for, from tensors and from spans.
@Suite struct MatmulEpilogueTests {
    /// Whole numbers, so that every sum is exact and the parts can be told apart.
    struct Fixture {
        let a: Tensor
        let b: Tensor
        let epilogue: MatmulEpilogue
        let expected: Tensor

        init(activation: Activation = .relu, batch: Int = 2) throws {
            let (a, b) = (
                try MatmulTests.integers([batch, 7, 9], seed: 61), try MatmulTests.integers([9, 5], seed: 62)
            )
            let rowScale = try Tensor(shape: [7]) { Float($0 % 3) + 1 }
            let columnScale = try Tensor(shape: [5]) { Float($0 % 2) * 2 - 1 }
            let bias = try Tensor(shape: [5]) { Float($0) * 3 - 7 }
            let residual = try MatmulTests.integers([batch, 7, 5], seed: 63)
            (self.a, self.b) = (a, b)
            epilogue = MatmulEpilogue(
                rowScale: rowScale, columnScale: columnScale, bias: bias, activation: activation, residual: residual)
            let product = try matmul(a, b)
            expected = try Tensor(shape: [batch, 7, 5]) { index in
                let (i, j) = (index / 5 % 7, index % 5)
                let sum = 2 * rowScale[i] * columnScale[j] * product.elements[index] + bias[j]
                return (activation == .relu ? max(sum, 0) : sum) + residual.elements[index]
            }
        }
    }

    @Test(arguments: AttentionKernel.allCases)
    func appliesEveryPart(kernel: AttentionKernel) throws {
        for activation in [Activation.none, .relu] {
            let fixture = try Fixture(activation: activation)
            #expect(isMostlyNonzero(fixture.expected.elements))
            let (a, b, epilogue) = (fixture.a, fixture.b, fixture.epilogue)
            #expect(try matmul(a, b, alpha: 2, epilogue: epilogue, kernel: kernel) == fixture.expected)
            let packed = try PackedMatrix(b)
            #expect(try matmul(a, packed: packed, alpha: 2, epilogue: epilogue, kernel: kernel) == fixture.expected)
            var output = try Tensor(shape: [2, 7, 5]) { _ in .nan }
            try matmul(a, b, into: &output, alpha: 2, epilogue: epilogue, kernel: kernel)
            #expect(output == fixture.expected)
            let residual = try #require(epilogue.residual as? any StridedTensor<Float>).view
            let span = GuardedBuffer(count: 70)
            let residualTensor = try residual.contiguous()
            try matmul(
                MatrixInput(a.span, MatrixLayout(batch: 2, rows: 7, columns: 9)),
                MatrixInput(b.span, MatrixLayout(batch: 2, rows: 9, columns: 5, batchStride: 0)),
                into: MatrixOutput(span.mutableSpan(), MatrixLayout(batch: 2, rows: 7, columns: 5)), alpha: 2,
                epilogue: EpilogueInput(
                    rowScale: epilogue.rowScale?.span, columnScale: epilogue.columnScale?.span,
                    bias: epilogue.bias?.span, activation: activation,
                    residual: MatrixInput(residualTensor.span, MatrixLayout(batch: 2, rows: 7, columns: 5))),
                kernel: kernel)
            #expect((0..<70).map { span[$0] } == fixture.expected.elements)
        }
    }

    @Test func repeatsAResidualOfRankTwoOverTheBatch() throws {
        let a = try MatmulTests.integers([3, 4, 6], seed: 64)
        let b = try MatmulTests.integers([6, 5], seed: 65)
        let residual = try MatmulTests.integers([5, 4], seed: 66)
        let result = try matmul(a, b, epilogue: MatmulEpilogue(residual: residual.transposed(0, 1)))
        let bare = try matmul(a, b)
        for index in 0..<60 {
            #expect(result.elements[index] == bare.elements[index] + residual[index % 5, index / 5 % 4])
        }
    }

    /// Each activation has its own enumerator in C: 1 tells them all apart.
    @Test func activationsAreTheOnesTheyAreCalled() throws {
        let one = try Tensor(shape: [1, 1], elements: [1])
        let minus = try Tensor(shape: [1, 1], elements: [-1])
        let expected: [Activation: (Double, Double)] = [
            .none: (1, -1), .relu: (1, 0), .gelu: (0.8413447460685429, -0.15865525393145705),
            .geluTanh: (0.8411919906082768, -0.15880800939172324), .silu: (0.7310585786300049, -0.2689414213699951),
        ]
        for activation in Activation.allCases {
            let (up, down) = try #require(expected[activation])
            for kernel in AttentionKernel.allCases {
                let epilogue = MatmulEpilogue(activation: activation)
                let right = try matmul(one, one, epilogue: epilogue, kernel: kernel)[0, 0]
                let left = try matmul(one, minus, epilogue: epilogue, kernel: kernel)[0, 0]
                #expect(abs(Double(right) - up) < 2e-7 && abs(Double(left) - down) < 1e-7, "\(activation) \(kernel)")
            }
        }
    }

    @Test func aResidualThatSharesTheOutputsMemoryIsReadAsItWas() throws {
        let a = try MatmulTests.integers([6, 6], seed: 67)
        var output = try MatmulTests.integers([6, 6], seed: 68)
        let before = output
        try matmul(a, a, into: &output, epilogue: MatmulEpilogue(residual: output))
        let product = try matmul(a, a)
        #expect(output.elements == zip(product.elements, before.elements).map { $0 + $1 })
    }

    @Test func refusesPartsThatDoNotFit() throws {
        let (a, b) = (try Tensor(shape: [2, 7, 9]), try Tensor(shape: [9, 5]))
        func expectError(
            _ reason: KernelError.Reason, _ argument: KernelError.Argument, _ words: String, _ epilogue: MatmulEpilogue
        ) {
            KernelTests.expectError(reason, argument, words) { _ = try matmul(a, b, epilogue: epilogue) }
        }
        let (five, seven) = (try Tensor(shape: [5]), try Tensor(shape: [7]))
        expectError(.spanTooShort, .rowScale, "7", MatmulEpilogue(rowScale: five))
        expectError(.spanTooShort, .columnScale, "5", MatmulEpilogue(columnScale: seven))
        expectError(.spanTooShort, .bias, "needs 5", MatmulEpilogue(bias: seven))
        expectError(.spanTooShort, .bias, "has 0", MatmulEpilogue(bias: try Tensor(shape: [0])))
        expectError(.wrongRank, .bias, "[1, 5]", MatmulEpilogue(bias: try Tensor(shape: [1, 5])))
        expectError(.shapeMismatch, .residual, "[2, 7, 5]", MatmulEpilogue(residual: try Tensor(shape: [7, 4])))
        expectError(.shapeMismatch, .residual, "[3, 7, 5]", MatmulEpilogue(residual: try Tensor(shape: [3, 7, 5])))
        expectError(.wrongRank, .residual, "rank 1", MatmulEpilogue(residual: five))
    }

    @Test func anEmptyProductTakesEmptyVectors() throws {
        let epilogue = MatmulEpilogue(bias: try Tensor(shape: [0]), activation: .silu)
        #expect(try matmul(Tensor(shape: [3, 4]), Tensor(shape: [4, 0]), epilogue: epilogue).shape == [3, 0])
        // With nothing to sum the epilogue still speaks.
        let bias = MatmulEpilogue(bias: try Tensor(shape: [2], elements: [3, -4]), activation: .relu)
        let sums = try matmul(Tensor(shape: [2, 0]), Tensor(shape: [0, 2]), epilogue: bias)
        #expect(sums.elements == [3, 0, 3, 0])
    }
}
