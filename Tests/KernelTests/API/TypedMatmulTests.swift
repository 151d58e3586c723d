import AttentionKernels
import TestSupport
import Testing

/// Products of matrices of any element types, from tensors, views and spans, against sums in double precision.
@Suite struct TypedMatmulTests {
    /// Normal numbers of a type, and what they are in double precision.
    static func random<Element: TensorElement>(
        _: Element.Type, _ shape: [Int], seed: UInt64
    ) throws -> TypedTensor<Element> {
        var random = SeededRandom(seed: seed)
        return try TypedTensor<Element>(random.normalTensor(shape))
    }

    static func integers(_ shape: [Int], seed: UInt64) throws -> TypedTensor<Int8> {
        var random = SeededRandom(seed: seed)
        return try TypedTensor(shape: shape) { _ in Int8(truncatingIfNeeded: random.next() >> 9) }
    }

    /// The distance of two neighbours of the type around a number.
    static func ulp(_ type: DataType, _ value: Double) -> Double {
        switch type {
        case .float32: max(value.magnitude, 0x1p-126).ulp * 0x1p29
        case .bfloat16: max(value.magnitude, 0x1p-126).ulp * 0x1p45
        case .float16: max(value.magnitude, 0x1p-14).ulp * 0x1p42
        }
    }

    /// A product in double precision, and what bounds the error of sums in `Float`: netlib's 16 units of |A| |B|, and one
    /// more for each term where they are added one by one.
    struct Reference {
        var values: [Double] = []
        var bounds: [Double] = []

        init(_ a: TypedTensor<some TensorElement>, _ b: TypedTensor<some TensorElement>, alpha: Double) {
            let (m, k, n) = (a.shape[0], a.shape[1], b.shape[1])
            let (x, y) = (a.elements.map { Double($0.floatValue) }, b.elements.map { Double($0.floatValue) })
            for i in 0..<m {
                for j in 0..<n {
                    var (sum, magnitude) = (0.0, 0.0)
                    for l in 0..<k {
                        let term = x[i * k + l] * y[l * n + j]
                        sum += term
                        magnitude += term.magnitude
                    }
                    values.append(alpha * sum)
                    bounds.append((16 + Double(k)) * 0x1p-24 * abs(alpha) * magnitude)
                }
            }
        }

        /// The largest error in ulps of the product's type, beyond what sums in `Float` may cost.
        func excess<C: TensorElement>(_ product: TypedTensor<C>) -> Double {
            let numbers = product.elements
            return values.indices.reduce(0) { worst, index in
                let error = abs(Double(numbers[index].floatValue) - values[index]) - bounds[index]
                return max(worst, error / ulp(C.dataType, values[index]))
            }
        }
    }

    /// A product of every instruction set and kernel, plain, packed and by other strides.
    static func check<A: TensorElement, B: TensorElement>(_: A.Type, _: B.Type) throws {
        for (m, k, n) in [(1, 70, 33), (7, 600, 21)] {
            let left = try random(A.self, [m, k], seed: 3)
            let right = try random(B.self, [k, n], seed: 4)
            let reference = Reference(left, right, alpha: 0.5)
            for run in KernelConfiguration.all where run.configuration.threads == 2 {
                try check(left, right, reference, Float.self, run)
                try check(left, right, reference, BFloat16.self, run)
                try check(left, right, reference, Float16.self, run)
            }
        }
    }

    private static func check<A: TensorElement, B: TensorElement, C: TensorElement>(
        _ left: TypedTensor<A>, _ right: TypedTensor<B>, _ reference: Reference, _: C.Type, _ run: KernelConfiguration
    ) throws {
        var output = try TypedTensor<C>(shape: [left.shape[0], right.shape[1]])
        try matmul(left, right, into: &output, alpha: 0.5, kernel: run.kernel, execution: run.execution)
        #expect(isMostlyNonzero(output.elements.map(\.floatValue)))
        #expect(reference.excess(output) < 0.51, "\(A.self) \(B.self) \(C.self) \(run)")
        let packed = try PackedMatrix(right, for: A.self, execution: run.execution)
        #expect(packed.format == B.format)
        var again = try TypedTensor<C>(shape: output.shape)
        try matmul(left, packed: packed, into: &again, alpha: 0.5, kernel: run.kernel, execution: run.execution)
        #expect(again == output, "packing changes bits")
        let stored = try right.transposed(0, 1).contiguous()
        let viewed = try left.transposed(0, 1).contiguous().transposed(0, 1)
        try matmul(
            viewed, stored, into: &again, transposeB: true, alpha: 0.5, kernel: run.kernel, execution: run.execution)
        #expect(again == output, "strides change bits")
    }

    @Test func everyMixOfFloatTypes() throws {
        func forEachB(_ a: (some TensorElement).Type) throws {
            try Self.check(a, Float.self)
            try Self.check(a, BFloat16.self)
            try Self.check(a, Float16.self)
        }
        try forEachB(Float.self)
        try forEachB(BFloat16.self)
        try forEachB(Float16.self)
    }

    /// A new tensor has the elements of the first factor, as that of attention has the query's.
    @Test func theResultHasTheElementsOfA() throws {
        let a = try Self.random(BFloat16.self, [2, 5, 8], seed: 5)
        let b = try Self.random(Float16.self, [8, 6], seed: 6)
        let product = try matmul(a, b)
        #expect(product.shape == [2, 5, 6])
        var wide = try Tensor(shape: [2, 5, 6])
        try matmul(a, b, into: &wide)
        #expect(product == (try TypedTensor<BFloat16>(wide)))
        #expect(try matmul(pairs: [b], [b], transposeA: true)[0] == matmul(b, b, transposeA: true))
        #expect(try matmul(a, packed: PackedMatrix(b, for: BFloat16.self)) == product)
    }

    @Test func spansOfAnyElements() throws {
        let a = try Self.random(Float16.self, [4, 7], seed: 7)
        let b = try Self.random(BFloat16.self, [5, 7], seed: 8)
        var expected = try TypedTensor<Float16>(shape: [4, 5])
        try matmul(a, b, into: &expected, transposeB: true)
        var elements = [Float16](repeating: 9, count: 20)
        let (aLayout, bLayout) = (MatrixLayout(rows: 4, columns: 7), MatrixLayout(rows: 5, columns: 7))
        var span = elements.mutableSpan
        try matmul(
            MatrixInput(a.span, aLayout), MatrixInput(b.span, bLayout, transposed: true),
            into: MatrixOutput(&span, MatrixLayout(rows: 4, columns: 5)))
        #expect(elements == expected.elements)
        // An output of 16 bits waits in scratch memory between blocks of k.
        let long = try TypedTensor<BFloat16>(shape: [20, 1300])
        let (input, layout) = (
            MatrixInput(long.span, MatrixLayout(rows: 20, columns: 1300)), MatrixLayout(rows: 20, columns: 20)
        )
        let other = MatrixInput(long.span, MatrixLayout(rows: 20, columns: 1300), transposed: true)
        let same = try matmulWorkspaceByteCount(input, other, into: layout)
        #expect(try matmulWorkspaceByteCount(input, other, into: layout, as: BFloat16.self) == same)
        #expect(try explainMatmul(input, other, as: Float16.self).workspaceByteCount >= same)
        #expect(
            try explainMatmul(long, long, transposeB: true, as: Float.self).operandByteCount == 2 * 2 * 20 * 1300 + 4
                * 400)
        #expect(try explainMatmul(long, long, transposeB: true).operandByteCount == 2 * 2 * 20 * 1300 + 2 * 400)
    }

    @Test func residualsOfAnyFloatType() throws {
        let (a, b) = (try MatmulTests.integers([6, 8], seed: 9), try MatmulTests.integers([8, 5], seed: 10))
        let residual = try TypedTensor<BFloat16>(MatmulTests.integers([6, 5], seed: 11))
        let result = try matmul(a, b, epilogue: MatmulEpilogue(residual: residual))
        let bare = try matmul(a, b)
        #expect(result.elements == zip(bare.elements, residual.elements).map { $0 + Float($1) })
    }

    // MARK: Int8

    @Test(arguments: AttentionKernel.allCases, Configuration.instructionSets)
    func int8IsExact(kernel: AttentionKernel, configuration: Configuration) throws {
        for (m, k, n) in [(1, 70, 33), (6, 41, 13), (17, 600, 9)] {
            let (a, b) = (try Self.integers([m, k], seed: 12), try Self.integers([k, n], seed: 13))
            let expected = try TypedTensor<Int32>(shape: [m, n]) { index in
                (0..<k).reduce(Int32(0)) { $0 + Int32(a[index / n, $1]) * Int32(b[$1, index % n]) }
            }
            let product: TypedTensor<Int32> = try matmul(a, b, kernel: kernel, execution: configuration.execution)
            #expect(product == expected)
            let stored = try b.transposed(0, 1).contiguous()
            let packed = try PackedMatrix(stored, transposed: true, execution: configuration.execution)
            #expect(packed.format == .int8)
            #expect(
                try matmul(a, packed: packed, kernel: kernel, execution: configuration.execution) == expected)
            var sum = expected
            try matmul(a, b, into: &sum, beta: 1, kernel: kernel, execution: configuration.execution)
            #expect(sum.elements == expected.elements.map { 2 * $0 })
        }
    }

    /// Factors of rows and columns make numbers of it again: within half an ulp and one more rounding of each factor.
    @Test(arguments: AttentionKernel.allCases) func int8WithScales(kernel: AttentionKernel) throws {
        let (a, b) = (try Self.integers([9, 50], seed: 14), try Self.integers([12, 50], seed: 15))
        let integers = try matmul(a, b, transposeB: true)
        var random = SeededRandom(seed: 16)
        let (rows, columns) = (try random.normalTensor([9]), try random.normalTensor([12]))
        let bias = try Tensor(shape: [12])
        let epilogue = MatmulEpilogue(rowScale: rows, columnScale: columns, bias: bias)
        var wide = try Tensor(shape: [9, 12])
        try matmul(a, b, into: &wide, transposeB: true, alpha: 0.5, epilogue: epilogue, kernel: kernel)
        var half = try TypedTensor<Float16>(shape: [9, 12])
        try matmul(a, b, into: &half, transposeB: true, alpha: 0.5, epilogue: epilogue, kernel: kernel)
        for index in 0..<108 {
            let (i, j) = (index / 12, index % 12)
            let exact = 0.5 * Double(rows[i]) * Double(columns[j]) * Double(integers[i, j])
            #expect(abs(Double(wide[i, j]) - exact) <= 2 * Self.ulp(.float32, exact))
            #expect(half[i, j] == Float16(wide[i, j]))
        }
    }

    // MARK: Errors

    @Test func elementsThatHaveNoProduct() throws {
        let integers = try Self.integers([4, 4], seed: 17)
        let floats = try MatmulTests.integers([4, 4], seed: 18)
        let sums = try TypedTensor<Int32>(shape: [4, 4])
        expectError(.wrongElementType, .a, "Int8") { _ = try matmul(sums, floats) }
        expectError(.wrongElementType, .b, "Int8, as those of a") { _ = try matmul(integers, floats) }
        expectError(.wrongElementType, .b, "BFloat16") { _ = try matmul(floats, integers) }
        var wrong = try TypedTensor<Int8>(shape: [4, 4])
        expectError(.wrongElementType, .c, "Int32, Float") { try matmul(integers, integers, into: &wrong) }
        var int32 = sums
        expectError(.wrongElementType, .c, "Float, BFloat16") { try matmul(floats, floats, into: &int32) }
        expectError(.wrongElementType, .b, "Int8") { _ = try PackedMatrix(floats, for: Int8.self) }
        expectError(.wrongElementType, .a, "Int8") { _ = try PackedMatrix(floats, for: Int32.self) }
        expectError(.wrongElementType, .b, "quantized") { _ = try PackedMatrix(sums, for: Float.self) }
    }

    @Test func integersTakeNoFactorsAndNoEpilogue() throws {
        let a = try Self.integers([4, 4], seed: 19)
        var c = try TypedTensor<Int32>(shape: [4, 4])
        expectError(.invalidValue, .alpha, "0.5", "0 or 1") { try matmul(a, a, into: &c, alpha: 0.5) }
        expectError(.invalidValue, .beta, "2.0", "0 or 1") { try matmul(a, a, into: &c, beta: 2) }
        let vector = try Tensor(shape: [4])
        for (argument, epilogue) in [
            (KernelError.Argument.rowScale, MatmulEpilogue(rowScale: vector)),
            (.columnScale, MatmulEpilogue(columnScale: vector)), (.bias, MatmulEpilogue(bias: vector)),
            (.activation, MatmulEpilogue(activation: .relu)),
            (.residual, MatmulEpilogue(residual: try Tensor(shape: [4, 4]))),
        ] {
            expectError(.invalidValue, argument, "none", "Int32") { try matmul(a, a, into: &c, epilogue: epilogue) }
        }
        #expect(c.elements.allSatisfy { $0 == 0 })
    }
}
