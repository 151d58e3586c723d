import AttentionKernels
import TestSupport
import Testing

/// Both norms against double precision on every instruction set, in place and beside, with a rounded copy.
struct NormalizeTests {
    static func oracle(
        _ x: LayerRows, _ norm: Norm, scale: [Float], shift: [Float]?, epsilon: Double
    ) -> [Double] {
        (0..<x.rows).flatMap { index in
            let row = x.row(index)
            let mean = norm == .rms ? 0 : row.reduce(0, +) / Double(row.count)
            let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(row.count)
            return row.indices.map { column in
                (row[column] - mean) / (variance + epsilon).squareRoot() * Double(scale[column])
                    + Double(shift?[column] ?? 0)
            }
        }
    }

    @Test(arguments: Norm.allCases, Configuration.all)
    func agreesWithDoublePrecision(norm: Norm, configuration: Configuration) throws {
        for (rows, columns) in layerShapes where columns > 1 || norm == .rms {
            let x = LayerRows(rows, columns, seed: 7)
            var random = SeededRandom(seed: 8)
            let (scale, shift) = (random.normals(columns), random.normals(columns))
            var y = LayerRows(rows, columns, seed: 9)
            let gaps = y.gaps
            let yLayout = y.layout
            var span = y.elements.mutableSpan
            try normalize(
                MatrixInput(x.elements.span, x.layout), norm, scale: scale.span, shift: shift.span, epsilon: 1e-5,
                into: MatrixOutput(&span, yLayout), execution: configuration.execution)
            let oracle = Self.oracle(x, norm, scale: scale, shift: shift, epsilon: 1e-5)
            #expect(ulps(y.dense, oracle) < 6, "\(rows) x \(columns)")
            #expect(y.gaps == gaps)
        }
    }

    @Test(arguments: Norm.allCases)
    func bitsDoNotDependOnOtherRowsThreadsOrInstructionSet(norm: Norm) throws {
        let x = LayerRows(97, 384, seed: 3)
        let scale = [Float](repeating: 1.5, count: 384)
        var results: [[Float]] = []
        for configuration in Configuration.all where configuration.instructionSet != .portable {
            var y = x
            let yLayout = y.layout
            var span = y.elements.mutableSpan
            try normalize(
                nil, norm, scale: scale.span, epsilon: 1e-6, into: MatrixOutput(&span, yLayout),
                execution: configuration.execution)
            results.append(y.dense)
        }
        for result in results { #expect(bits(result) == bits(results[0])) }
        var alone = [Float](repeating: 0, count: 384)
        let row = Array(x.dense[50 * 384..<51 * 384])
        var span = alone.mutableSpan
        let layout = MatrixLayout(rows: 1, columns: 384)
        try normalize(
            MatrixInput(row.span, layout), norm, scale: scale.span, epsilon: 1e-6, into: MatrixOutput(&span, layout))
        if let first = results.first, InstructionSet.available[0] != .portable {
            #expect(bits(alone) == bits(Array(first[50 * 384..<51 * 384])))
        }
    }

    @Test func aCopyIsTheResultRounded() throws {
        let x = LayerRows(5, 40, seed: 1)
        let layout = MatrixLayout(rows: 5, columns: 40)
        var (y, copy) = (try Tensor(shape: [5, 40]), try TypedTensor<BFloat16>(shape: [5, 40]))
        try normalize(
            MatrixInput(x.elements.span, x.layout), .layer, epsilon: 1e-5, into: MatrixOutput(y.mutableSpan, layout),
            copy: MatrixOutput(copy.mutableSpan, layout))
        #expect(copy.elements == y.elements.map { BFloat16($0) })
        var (twin, half) = (try Tensor(shape: [5, 40]), try TypedTensor<Float16>(shape: [5, 40]))
        try normalize(
            MatrixInput(x.elements.span, x.layout), .layer, epsilon: 1e-5, into: MatrixOutput(half.mutableSpan, layout),
            copy: MatrixOutput(twin.mutableSpan, layout))
        #expect(twin == y && half.elements == y.elements.map { Float16($0) })
        try normalize(
            MatrixInput(x.elements.span, x.layout), .layer, epsilon: 1e-5, into: MatrixOutput(y.mutableSpan, layout),
            copy: MatrixOutput(twin.mutableSpan, layout))
        #expect(twin == y)
        #expect(isMostlyNonzero(y.elements))
    }

    @Test func errorsNameTheArgument() throws {
        let x = try Tensor(shape: [4, 8])
        var y = try Tensor(shape: [4, 7])
        let three = [Float](repeating: 1, count: 3)
        let layout = MatrixLayout(rows: 4, columns: 8)
        func failure(_ body: () throws(KernelError) -> Void) -> KernelError? {
            do throws(KernelError) { try body() } catch { return error }
            return nil
        }
        let shape = failure { () throws(KernelError) in
            try normalize(
                MatrixInput(x.span, layout), .rms, epsilon: 0,
                into: MatrixOutput(y.mutableSpan, MatrixLayout(rows: 4, columns: 7)))
        }
        #expect(shape?.reason == .shapeMismatch && shape?.argument == .y)
        #expect(shape?.description == "y: shape [1, 4, 7] should be [1, 4, 8]")
        var z = x
        let scale = failure { () throws(KernelError) in
            try normalize(nil, .rms, scale: three.span, epsilon: 0, into: MatrixOutput(z.mutableSpan, layout))
        }
        #expect(scale?.reason == .spanTooShort && scale?.argument == .normScale)
        let epsilon = failure { () throws(KernelError) in
            try normalize(nil, .rms, epsilon: -1, into: MatrixOutput(z.mutableSpan, layout))
        }
        #expect(epsilon?.argument == .epsilon && epsilon?.description.contains("-1") == true)
        let short = failure { () throws(KernelError) in
            try normalize(nil, .rms, epsilon: 0, into: MatrixOutput(z.mutableSpan, MatrixLayout(rows: 5, columns: 8)))
        }
        #expect(short?.reason == .spanTooShort)
        let tight = failure { () throws(KernelError) in
            try normalize(
                nil, .rms, epsilon: 0,
                into: MatrixOutput(z.mutableSpan, MatrixLayout(rows: 4, columns: 8, rowStride: 4)))
        }
        #expect(tight?.reason == .strideTooSmall)
    }
}
