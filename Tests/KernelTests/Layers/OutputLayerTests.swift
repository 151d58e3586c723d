import AttentionKernels
import Foundation
import TestSupport
import Testing

/// Gate, pooling, softmax and the largest element against double precision; dropout against its own definition.
struct OutputLayerTests {
    @Test(arguments: Configuration.instructionSets, Activation.allCases)
    func gatesAgreeWithDoublePrecision(configuration: Configuration, activation: Activation) throws {
        for (rows, columns) in layerShapes {
            let x = LayerRows(rows, 2 * columns, seed: 1)
            var y = LayerRows(rows, columns, seed: 2)
            let yLayout = y.layout
            var span = y.elements.mutableSpan
            try gate(
                MatrixInput(x.elements.span, x.layout), activation, into: MatrixOutput(&span, yLayout),
                execution: configuration.execution)
            let oracle = (0..<rows).flatMap { index in
                let row = x.row(index)
                return (0..<columns).map { Self.value(activation, row[$0]) * row[columns + $0] }
            }
            #expect(ulps(y.dense, oracle) < 4, "\(rows) x \(columns)")
        }
    }

    private static func value(_ activation: Activation, _ x: Double) -> Double {
        switch activation {
        case .none: x
        case .relu: max(x, 0)
        case .gelu: x * (1 + erf(x / 2.0.squareRoot())) / 2
        case .geluTanh: x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x))) / 2
        case .silu: x / (1 + exp(-x))
        }
    }

    @Test(arguments: Configuration.all, [false, true])
    func meansAgreeWithDoublePrecision(configuration: Configuration, normalized: Bool) throws {
        let x = LayerRows(120, 50, seed: 6)
        let offsets = [0, 1, 1, 8, 120]
        var y = LayerRows(4, 50, seed: 7)
        let yLayout = y.layout
        var span = y.elements.mutableSpan
        try meanPool(
            MatrixInput(x.elements.span, x.layout), offsets: offsets.span, normalized: normalized,
            into: MatrixOutput(&span, yLayout), execution: configuration.execution)
        let oracle = (0..<4).flatMap { run in
            let rows = offsets[run]..<offsets[run + 1]
            let mean = (0..<50).map { c in
                rows.reduce(0.0) { $0 + Double(x.elements[$1 * x.stride + c]) } / Double(max(rows.count, 1))
            }
            let norm = normalized ? max(mean.reduce(0) { $0 + $1 * $1 }.squareRoot(), 1e-12) : 1
            return mean.map { $0 / norm }
        }
        #expect(ulps(y.dense, oracle) < 4)
    }

    @Test(arguments: Configuration.all, [false, true])
    func softmaxAgreesWithDoublePrecision(configuration: Configuration, logarithm: Bool) throws {
        for (rows, columns) in layerShapes {
            var x = LayerRows(rows, columns, seed: 8)
            x.elements = x.elements.map { $0 * 20 }
            if columns > 4 { x.elements[2] = -.infinity }
            let oracle = (0..<rows).flatMap { row in
                let scores = x.row(row).map { $0 * 0.5 }
                let largest = scores.max() ?? 0
                let sum = scores.reduce(0) { $0 + exp($1 - largest) }
                return scores.map { logarithm ? $0 - largest - log(sum) : exp($0 - largest) / sum }
            }
            let xLayout = x.layout
            var span = x.elements.mutableSpan
            try softmax(
                nil, factor: 0.5, logarithm: logarithm, into: MatrixOutput(&span, xLayout),
                execution: configuration.execution)
            let finite = zip(x.dense, oracle).filter { $1.isFinite }
            #expect(ulps(finite.map(\.0), finite.map(\.1)) < 8, "\(rows) x \(columns)")
            #expect(zip(x.dense, oracle).allSatisfy { $1.isFinite || Double($0) == $1 })
        }
    }

    /// Scores of thousands that differ by little, which single precision holds exactly here.
    @Test(arguments: Configuration.instructionSets)
    func theLogarithmOfLargeScoresKeepsItsDigits(configuration: Configuration) throws {
        let scores = (0..<100).map { Double($0 * 37 % 100) / 256 }
        let expected = scores.map { score in score - log(scores.reduce(0) { $0 + exp($1) }) }
        for offset in [-20_000.0, 20_000] {
            var x = try Tensor(shape: [1, 100]) { Float(scores[$0] + offset) }
            try softmax(
                nil, logarithm: true, into: MatrixOutput(x.mutableSpan, MatrixLayout(rows: 1, columns: 100)),
                execution: configuration.execution)
            #expect(ulps(x.elements, expected) < 4)
        }
    }

    @Test func aRowWithoutHopeHasNoProbability() throws {
        for (logarithm, expected) in [(false, Float(0)), (true, -Float.infinity)] {
            var x = try Tensor(shape: [2, 5]) { $0 < 5 ? -.infinity : 1 }
            try softmax(
                nil, logarithm: logarithm, into: MatrixOutput(x.mutableSpan, MatrixLayout(rows: 2, columns: 5)))
            #expect(x.elements.prefix(5).allSatisfy { $0 == expected })
            #expect(x.elements.suffix(5).allSatisfy { $0.isFinite && $0 != 0 })
        }
    }

    @Test(arguments: Configuration.all)
    func theLargestIsTheFirstOfEquals(configuration: Configuration) throws {
        var random = SeededRandom(seed: 11)
        for columns in [1, 2, 15, 16, 17, 100, 4097] {
            // Few values, so that equals are frequent; NaN and infinities among them.
            var rows = (0..<12).map { _ in random.smallIntegers(columns) }
            rows[1] = [Float](repeating: -.infinity, count: columns)
            rows[2] = [Float](repeating: .nan, count: columns)
            rows[3][columns / 2] = .nan
            rows[4][columns - 1] = .infinity
            rows[5] = [Float](repeating: .nan, count: columns - 1) + [-.infinity]
            let elements = rows.flatMap { $0 }
            var indices = [Int](repeating: -1, count: 12)
            var span = indices.mutableSpan
            try argmax(
                MatrixInput(elements.span, MatrixLayout(rows: 12, columns: columns)), into: &span,
                execution: configuration.execution)
            let expected = rows.map { row in
                row.indices.filter { !row[$0].isNaN }.reduce(nil as Int?) { best, index in
                    best.map { row[index] > row[$0] ? index : $0 } ?? index
                } ?? 0
            }
            #expect(indices == expected, "\(columns)")
        }
    }

    @Test func dropoutIsAFunctionOfSeedAndNumber() throws {
        let x = try Tensor(shape: [64, 100]) { _ in 1 }
        func dropped(_ seed: UInt64, counter: UInt64, rows: Int, _ configuration: Configuration) throws -> [Float] {
            var y = try Tensor(shape: [rows, 100])
            let layout = MatrixLayout(rows: rows, columns: 100)
            try dropout(
                MatrixInput(x.span, layout), probability: 0.25, seed: seed, counter: counter,
                into: MatrixOutput(y.mutableSpan, layout), execution: configuration.execution)
            return y.elements
        }
        let first = try dropped(1, counter: 0, rows: 64, Configuration.all[0])
        for configuration in Configuration.all {
            #expect(try dropped(1, counter: 0, rows: 64, configuration) == first)
            // Rows apart, and across the place where the lower half of the counter wraps.
            #expect(try dropped(1, counter: 3200, rows: 32, configuration) == Array(first[3200...]))
            let wrapping = try dropped(1, counter: 0xFFFF_FFE0, rows: 1, configuration)
            #expect(try wrapping == dropped(1, counter: 0xFFFF_FFE0, rows: 1, Configuration.all[0]))
        }
        #expect(Set(first) == [0, 1 / 0.75])
        let share = Double(first.count { $0 == 0 }) / 6400
        // Four standard deviations of the mean of 6400 draws.
        #expect((share - 0.25).magnitude < 0.022)
        let other = try dropped(2, counter: 0, rows: 64, Configuration.all[0])
        let equal = Double(zip(first, other).count { $0 == $1 }) / 6400
        #expect((equal - 0.625).magnitude < 0.025)
    }

    @Test func errorsNameTheArgument() throws {
        let x = try Tensor(shape: [4, 6])
        let whole = MatrixLayout(rows: 4, columns: 6)
        func failure(_ body: () throws(KernelError) -> Void) -> KernelError? {
            do throws(KernelError) { try body() } catch { return error }
            return nil
        }
        var y = try Tensor(shape: [4, 6])
        let half = failure { () throws(KernelError) in
            try gate(MatrixInput(x.span, whole), .silu, into: MatrixOutput(y.mutableSpan, whole))
        }
        #expect(half?.argument == .x && half?.reason == .shapeMismatch)
        let falling = [0, 3, 2]
        let pool = failure { () throws(KernelError) in
            try meanPool(
                MatrixInput(x.span, whole), offsets: falling.span, normalized: false,
                into: MatrixOutput(y.mutableSpan, MatrixLayout(rows: 2, columns: 6)))
        }
        #expect(pool?.description == "offsets: element 2 is 2, less than the one before it, 3")
        let temperature = failure { () throws(KernelError) in
            try softmax(nil, factor: .infinity, into: MatrixOutput(y.mutableSpan, whole))
        }
        #expect(temperature?.reason == .notFinite && temperature?.argument == .scale)
        let certain = failure { () throws(KernelError) in
            try dropout(nil, probability: 1, seed: 0, into: MatrixOutput(y.mutableSpan, whole))
        }
        #expect(certain?.argument == .probability && certain?.description.contains("less than 1") == true)
        var few = [0, 0]
        var indices = few.mutableSpan
        let count = failure { () throws(KernelError) in try argmax(MatrixInput(x.span, whole), into: &indices) }
        #expect(count?.argument == .indices && count?.reason == .spanTooShort)
        var none = try Tensor(shape: [2, 0])
        let empty = failure { () throws(KernelError) in
            try argmax(MatrixInput(none.span, MatrixLayout(rows: 2, columns: 0)), into: &indices)
        }
        #expect(empty?.argument == .columns)
        none = x
    }
}
