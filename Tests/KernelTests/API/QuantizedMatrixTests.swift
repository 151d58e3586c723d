import AttentionKernels
import Synchronization
import TestSupport
import Testing

/// Quantised weights: what their blocks mean, products with them in every way, quantising, and errors.
@Suite struct QuantizedMatrixTests {
    /// Random blocks of plausible weights.
    static func blocks(_ format: QuantizedFormat, rows: Int, columns: Int, seed: UInt64 = 91) throws -> [UInt8] {
        var random = SeededRandom(seed: seed)
        var bytes: [UInt8] = []
        for _ in 0..<columns * rows / 32 {
            for value in [random.normal() / 16, random.normal()].prefix(format == .q4_1 ? 2 : 1) {
                let bits = Float16(value).bitPattern
                bytes += [UInt8(truncatingIfNeeded: bits), UInt8(truncatingIfNeeded: bits >> 8)]
            }
            bytes += (0..<(format == .q8_0 ? 32 : 16)).map { _ in UInt8(truncatingIfNeeded: random.next() >> 5) }
        }
        #expect(try format.byteCount(rows: rows, columns: columns) == bytes.count)
        return bytes
    }

    static func matrix(_ format: QuantizedFormat, rows: Int, columns: Int, seed: UInt64 = 91) throws -> QuantizedMatrix
    {
        let bytes = try blocks(format, rows: rows, columns: columns, seed: seed)
        return try QuantizedMatrix(bytes: bytes.span.bytes, format, rows: rows, columns: columns)
    }

    /// The weights by the definition of the format.
    static func weight(_ bytes: [UInt8], _ format: QuantizedFormat, column: Int, row: Int, rows: Int) -> Float {
        let start = (column * rows / 32 + row / 32) * format.blockByteCount
        func half(_ at: Int) -> Float {
            Float(Float16(bitPattern: UInt16(bytes[start + at]) | UInt16(bytes[start + at + 1]) << 8))
        }
        let place = row % 32
        if format == .q8_0 { return half(0) * Float(Int8(bitPattern: bytes[start + 2 + place])) }
        let byte = bytes[start + (format == .q4_1 ? 4 : 2) + place % 16]
        let nibble = Float(place < 16 ? byte & 15 : byte >> 4)
        return format == .q4_0 ? half(0) * (nibble - 8) : half(0) * nibble + half(2)
    }

    @Test(arguments: QuantizedFormat.allCases) func dequantises(format: QuantizedFormat) throws {
        let (rows, columns) = (96, 5)
        let bytes = try Self.blocks(format, rows: rows, columns: columns)
        let matrix = try QuantizedMatrix(bytes: bytes.span.bytes, format, rows: rows, columns: columns)
        #expect(matrix.rows == rows && matrix.columns == columns && matrix.quantization == format)
        #expect(matrix.byteCount == bytes.count && matrix.bytes.withUnsafeBytes { Array($0) } == bytes)
        let all = try matrix.dequantized()
        #expect(all.shape == [columns, rows])
        var one = [Float](repeating: .nan, count: rows)
        for column in 0..<columns {
            var span = one.mutableSpan
            try matrix.dequantizeColumn(column, into: &span)
            for row in 0..<rows {
                let expected = Self.weight(bytes, format, column: column, row: row, rows: rows)
                #expect(all[column, row] == expected && one[row] == expected)
            }
        }
    }

    /// In files' order and packed, copied and borrowed, a row alone and many: the bits of the dequantised product.
    @Test(arguments: QuantizedFormat.allCases, KernelConfiguration.all.filter { $0.configuration.threads == 2 })
    func givesTheBitsOfTheWeights(format: QuantizedFormat, run: KernelConfiguration) throws {
        let (rows, columns) = (544, 70)
        let matrix = try Self.matrix(format, rows: rows, columns: columns)
        let weights = try matrix.dequantized()
        let packed = try PackedMatrix(matrix, execution: run.execution)
        #expect(packed.format == matrix.format && packed.format.rawValue == format.rawValue)
        var random = SeededRandom(seed: 92)
        let a = try random.normalTensor([40, rows])
        let bias = MatmulEpilogue(bias: try random.normalTensor([columns]), activation: .silu)
        for count in [1, 2, 5, 40] {
            let x = try a.slice(0, 0..<count)
            let expected = try matmul(
                x, weights, transposeB: true, epilogue: bias, kernel: run.kernel, execution: run.execution)
            #expect(isMostlyNonzero(expected.elements))
            let results = [
                try matmul(x, packed: matrix, epilogue: bias, kernel: run.kernel, execution: run.execution),
                try matmul(x, packed: packed, epilogue: bias, kernel: run.kernel, execution: run.execution),
            ]
            for result in results { #expect(bits(result) == bits(expected), "\(count) rows") }
            let input = MatrixInput(quantized: matrix.bytes, format, rows: rows, columns: columns)
            var output = try Tensor(shape: [count, columns])
            try matmul(
                MatrixInput(a.span, MatrixLayout(rows: count, columns: rows)), input,
                into: MatrixOutput(output.mutableSpan, MatrixLayout(rows: count, columns: columns)),
                kernel: run.kernel, execution: run.execution)
            #expect(
                bits(output)
                    == bits(try matmul(x, weights, transposeB: true, kernel: run.kernel, execution: run.execution)))
        }
    }

    /// Left factors of 16 bits: as with the weights dequantised, which pairs of BFloat16 take rounded. Few rows and many
    /// have the same bits.
    @Test(arguments: QuantizedFormat.allCases, Configuration.instructionSets)
    func multipliesLeftFactorsOf16Bits(format: QuantizedFormat, run: Configuration) throws {
        func check<Element: TensorElement>(_: Element.Type) throws {
            let (rows, columns) = (1120, 70)
            let matrix = try Self.matrix(format, rows: rows, columns: columns)
            let weights = try matrix.dequantized()
            let packed = try PackedMatrix(matrix, execution: run.execution)
            let isPaired = Element.dataType == .bfloat16 && run.instructionSet == .avx512bf16
            var random = SeededRandom(seed: 95)
            let a = try TypedTensor<Element>(random.normalTensor([33, rows]))
            var expected = try Tensor(shape: [33, columns])
            if isPaired {
                let rounded = try TypedTensor<BFloat16>(weights)
                try matmul(a, rounded, into: &expected, transposeB: true, execution: run.execution)
            } else {
                try matmul(a, weights, into: &expected, transposeB: true, execution: run.execution)
            }
            #expect(isMostlyNonzero(expected.elements))
            for count in [1, 2, 3, 4, 5, 33] {
                for factor in [matrix, packed] as [any PackedFactor] {
                    var result = try Tensor(shape: [count, columns])
                    try matmul(a.slice(0, 0..<count), packed: factor, into: &result, execution: run.execution)
                    #expect(bits(result) == Array(bits(expected).prefix(count * columns)), "\(count) rows")
                }
            }
        }
        try check(BFloat16.self)
        try check(Float16.self)
    }

    @Test func oneMatrixServesABatch() throws {
        let matrix = try Self.matrix(.q4_0, rows: 64, columns: 9)
        var random = SeededRandom(seed: 93)
        let a = try random.normalTensor([3, 4, 64])
        let result = try matmul(a, packed: matrix)
        #expect(result.shape == [3, 4, 9])
        #expect(bits(result) == bits(try matmul(a, matrix.dequantized(), transposeB: true)))
        let input = MatrixInput(quantized: matrix.bytes, .q4_0, rows: 64, columns: 9)
        let plan = try explainMatmul(MatrixInput(a.span, MatrixLayout(batch: 3, rows: 4, columns: 64)), input)
        #expect(plan.batch == 3 && plan.n == 9)
        #expect(try explainMatmul(a, packed: matrix).batch == 3)
        #expect(try explainMatmul(a, packed: PackedMatrix(matrix)).readsPackedB)
    }

    /// Bytes that lie elsewhere are read there, and live as long as the matrix.
    @Test func borrowsBytesOfAnOwner() throws {
        let bytes = try Self.blocks(.q8_0, rows: 64, columns: 3)
        let counter = Counter()
        func borrowed() throws -> QuantizedMatrix {
            let owner = BlockOwner(bytes, counter)
            return try QuantizedMatrix(
                borrowing: UnsafeRawBufferPointer(owner.bytes), ownedBy: owner, .q8_0, rows: 64, columns: 3)
        }
        func multiply() throws {
            let matrix = try borrowed()
            let copy = try QuantizedMatrix(bytes: bytes.span.bytes, .q8_0, rows: 64, columns: 3)
            #expect(counter.freed.load(ordering: .relaxed) == 0)
            #expect(try matrix.dequantized() == copy.dequantized())
        }
        try multiply()
        #expect(counter.freed.load(ordering: .relaxed) == 1)
    }

    final class Counter: Sendable {
        let freed = Atomic(0)
    }

    /// Memory that counts its end.
    final class BlockOwner: @unchecked Sendable {
        let bytes: UnsafeMutableRawBufferPointer
        private let counter: Counter

        init(_ source: [UInt8], _ counter: Counter) {
            bytes = .allocate(byteCount: source.count, alignment: 32)
            bytes.copyBytes(from: source)
            self.counter = counter
        }

        deinit {
            bytes.deallocate()
            counter.freed.add(1, ordering: .relaxed)
        }
    }

    // MARK: Quantising

    /// Every weight is the nearest of its block's numbers, or as near: within half a step, and a little for `Float16`.
    @Test(arguments: QuantizedFormat.allCases) func quantisesToTheNearest(format: QuantizedFormat) throws {
        var random = SeededRandom(seed: 94)
        let weights = try random.normalTensor([40, 96])
        let matrix = try QuantizedMatrix(quantizing: weights, format, transposed: true)
        #expect(matrix.rows == 96 && matrix.columns == 40)
        let back = try matrix.dequantized()
        for column in 0..<40 {
            for block in 0..<3 {
                let places = block * 32..<(block + 1) * 32
                let values = places.map { weights[column, $0] }
                let (low, high) = (values.min()!, values.max()!)
                let largest = max(abs(low), abs(high))
                let step =
                    switch format {
                    case .q8_0: largest / 127
                    case .q4_0: largest / 8
                    case .q4_1: (high - low) / 15
                    }
                // The end opposite to the largest magnitude has 7 steps, not 8.
                let reach = format == .q4_0 ? 1 : Float(0.5)
                for place in places {
                    let error = abs(back[column, place] - weights[column, place])
                    #expect(error <= step * reach + largest * 0x1p-10, "\(format) \(error / step)")
                }
            }
        }
    }

    /// By hand: the largest number decides.
    @Test func quantisesKnownNumbers() throws {
        let ramp = try Tensor(shape: [32, 1]) { Float($0) - 16 }
        let matrix = try QuantizedMatrix(quantizing: ramp, .q4_0)
        let bytes = matrix.bytes.withUnsafeBytes { Array($0) }
        // d = -16 / -8 = 2; q = round(w / 2) + 8, half up.
        #expect(Array(bytes.prefix(2)) == [0, 0x40])
        let expected: [Int] = (0..<32).map { min(Int((Float($0) - 16) / 2 + 8.5), 15) }
        #expect((0..<16).map { Int(bytes[2 + $0] & 15) } == Array(expected[..<16]))
        #expect((0..<16).map { Int(bytes[2 + $0] >> 4) } == Array(expected[16...]))
        let zeros = try Tensor(shape: [64, 2])
        for format in QuantizedFormat.allCases {
            #expect(try QuantizedMatrix(quantizing: zeros, format).dequantized().elements.allSatisfy { $0 == 0 })
        }
        let halves = try TypedTensor<BFloat16>(ramp)
        #expect(
            try QuantizedMatrix(quantizing: halves, .q8_0).dequantized()
                == QuantizedMatrix(quantizing: ramp, .q8_0).dequantized())
    }

    // MARK: Errors

    @Test func refusesBytesThatDoNotFit() throws {
        let bytes = [UInt8](repeating: 0, count: 36)
        expectError(.elementCountMismatch, .b, "36 bytes", "54") {
            _ = try QuantizedMatrix(bytes: bytes.span.bytes, .q4_0, rows: 32, columns: 3)
        }
        expectError(.invalidValue, .k, "40", "multiple of 32") {
            _ = try QuantizedMatrix(bytes: bytes.span.bytes, .q4_0, rows: 40, columns: 1)
        }
        expectError(.negativeSize, .n, "-1") {
            _ = try QuantizedMatrix(bytes: bytes.span.bytes, .q4_0, rows: 32, columns: -1)
        }
        expectError(.negativeSize, .k, "-32") { _ = try QuantizedFormat.q8_0.byteCount(rows: -32, columns: 1) }
        expectError(.sizeOverflow, .b, "memory") {
            _ = try QuantizedFormat.q8_0.byteCount(rows: 1 << 40, columns: 1 << 40)
        }
        let odd = [UInt8](repeating: 0, count: 40)
        let x = try Tensor(shape: [2, 32])
        expectError(.invalidValue, .b, "odd address") {
            for first in 0...1 { try Self.multiply(x, odd.span.bytes.extracting(first..<first + 18), rows: 32) }
        }
        expectError(.spanTooShort, .b, "has 2", "needs 3") { try Self.multiply(x, odd.span.bytes, columns: 3) }
        let ragged = try Tensor(shape: [2, 40])
        expectError(.invalidValue, .k, "40", "multiple of 32") { try Self.multiply(ragged, odd.span.bytes, rows: 40) }
    }

    private static func multiply(_ x: Tensor, _ blocks: RawSpan, rows: Int = 32, columns: Int = 1) throws {
        var output = try Tensor(shape: [2, columns])
        try matmul(
            MatrixInput(x.span, MatrixLayout(rows: 2, columns: x.shape[1])),
            MatrixInput(quantized: blocks, .q4_0, rows: rows, columns: columns),
            into: MatrixOutput(output.mutableSpan, MatrixLayout(rows: 2, columns: columns)))
    }

    @Test func refusesWhatCannotBeQuantised() throws {
        expectError(.invalidValue, .k, "33", "multiple of 32") {
            _ = try QuantizedMatrix(quantizing: Tensor(shape: [33, 2]), .q8_0)
        }
        expectError(.wrongRank, .b, "rank 3") { _ = try QuantizedMatrix(quantizing: Tensor(shape: [2, 32, 2]), .q8_0) }
        for (value, format) in [(Float.nan, QuantizedFormat.q8_0), (.infinity, .q4_0), (1e30, .q4_1)] {
            let spoiled = try Tensor(shape: [32, 7]) { $0 == 7 * 9 + 5 ? value : 1 }
            expectError(.notFinite, .b, "column 5") { _ = try QuantizedMatrix(quantizing: spoiled, format) }
        }
    }

    @Test func refusesWrongProducts() throws {
        let matrix = try Self.matrix(.q4_1, rows: 64, columns: 5)
        expectError(.shapeMismatch, .b, "64 rows", "32 columns") {
            _ = try matmul(Tensor(shape: [2, 32]), packed: matrix)
        }
        expectError(.wrongElementType, .b, "Int8") {
            _ = try matmul(TypedTensor<Int8>(shape: [2, 64]), packed: matrix)
        }
        var short = [Float](repeating: 0, count: 63)
        var span = short.mutableSpan
        expectError(.elementCountMismatch, .k, "63", "64") { try matrix.dequantizeColumn(0, into: &span) }
        expectError(.invalidValue, .n, "column 5", "0 ..< 5") { try matrix.dequantizeColumn(5, into: &span) }
        expectError(.invalidValue, .n, "column -1") { try matrix.dequantizeColumn(-1, into: &span) }
    }

    @Test func emptyMatrices() throws {
        let nothing: [UInt8] = []
        let none = try QuantizedMatrix(bytes: nothing.span.bytes, .q8_0, rows: 32, columns: 0)
        #expect(try matmul(Tensor(shape: [3, 32]), packed: none).shape == [3, 0])
        #expect(none.bytes.byteCount == 0)
        let flat = try QuantizedMatrix(bytes: nothing.span.bytes, .q4_0, rows: 0, columns: 2)
        #expect(try matmul(Tensor(shape: [3, 0]), packed: flat).elements == [0, 0, 0, 0, 0, 0])
        #expect(try PackedMatrix(flat).columns == 2)
    }

    /// In borrowed memory and as tensors, packed and as files hold them, one by one and as a batch: the same bits, within
    /// 2⁻¹⁴ of the product of floats.
    @Test(arguments: QuantizedFormat.allCases, KernelConfiguration.all.filter { $0.configuration.threads == 2 })
    func multipliesByIntegers(format: QuantizedFormat, run: KernelConfiguration) throws {
        let (rows, columns) = (544, 70)
        let matrix = try Self.matrix(format, rows: rows, columns: columns)
        let packed = try PackedMatrix(matrix, execution: run.execution)
        var random = SeededRandom(seed: 93)
        let a = try random.normalTensor([3, 7, rows])
        let execution = run.execution
        let expected = try matmul(
            a, packed: packed, arithmetic: .integer16, kernel: run.kernel, execution: execution)
        let floats = try matmul(a, packed: packed, kernel: run.kernel, execution: execution)
        #expect(expected != floats && isMostlyNonzero(expected.elements))
        // The terms of a sum are some 1 in size, as random signs add up: 23 times that.
        let largest = floats.elements.reduce(0) { max($0, $1.magnitude) }
        for (x, y) in zip(expected.elements, floats.elements) { #expect(abs(x - y) <= 0x1p-14 * largest) }
        var output = try Tensor(shape: [3, 7, columns])
        try matmul(
            a, packed: matrix, into: &output, arithmetic: .integer16, kernel: run.kernel, execution: execution)
        #expect(output == expected)
        for batch in 0..<3 {
            let one = try a.slice(0, batch..<batch + 1)
            let y = try matmul(one, packed: packed, arithmetic: .integer16, kernel: run.kernel, execution: execution)
            #expect(y.elements == Array(expected.elements[batch * 7 * columns..<(batch + 1) * 7 * columns]))
        }
        let layout = MatrixLayout(batch: 3, rows: 7, columns: rows)
        let byteCount = try matmulWorkspaceByteCount(
            MatrixInput(a.span, layout), packed: matrix, arithmetic: .integer16, kernel: run.kernel,
            execution: execution)
        var spans = try Tensor(shape: [3, 7, columns])
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 64)
        defer { scratch.deallocate() }
        try matmul(
            MatrixInput(a.span, layout), packed: matrix,
            into: MatrixOutput(spans.mutableSpan, MatrixLayout(batch: 3, rows: 7, columns: columns)),
            arithmetic: .integer16, kernel: run.kernel, workspace: MutableRawSpan(_unsafeBytes: scratch),
            execution: execution)
        #expect(spans == expected)
    }

    @Test func integersAreForQuantizedWeights() throws {
        let (a, b) = (try Tensor(shape: [2, 64]), try Tensor(shape: [64, 3]))
        let packed = try PackedMatrix(b)
        expectError(.wrongElementType, .arithmetic, "integer16", "not quantized") {
            _ = try matmul(a, packed: packed, arithmetic: .integer16)
        }
        let plan = try explainMatmul(
            a, packed: Self.matrix(.q4_1, rows: 64, columns: 3), arithmetic: .integer16)
        #expect(plan.arithmetic == .integer16 && plan.path == .tiles && plan.kBlock == 1024)
        #expect(plan.description.contains("integers of 16 bits") && plan.description.contains("in the type they have"))
        #expect(try explainMatmul(a, packed: packed).arithmetic == .float)
    }
}
