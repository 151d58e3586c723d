import AttentionKernels
import TestSupport
import Testing

/// Tables of every type, and what is added to their rows.
struct EmbedTests {
    private static let ids = [4, 0, 4, 2, 5]

    @Test(arguments: Configuration.instructionSets)
    func sumsOfTablesAgreeWithDoublePrecision(configuration: Configuration) throws {
        for columns in [1, 7, 16, 70] {
            let (table, positionTable) = (LayerRows(6, columns, seed: 1), LayerRows(9, columns, seed: 2))
            let positions = [8, 0, 3, 3, 1]
            var random = SeededRandom(seed: 3)
            let added = random.normals(columns)
            var y = LayerRows(5, columns, seed: 4)
            let gaps = y.gaps
            let yLayout = y.layout
            var span = y.elements.mutableSpan
            try embed(
                Self.ids.span, table: MatrixInput(table.elements.span, table.layout), factor: 1.25,
                positionTable: MatrixInput(positionTable.elements.span, positionTable.layout),
                positions: positions.span, added: added.span, into: MatrixOutput(&span, yLayout),
                execution: configuration.execution)
            let oracle = (0..<5).flatMap { row in
                let (token, position) = (table.row(Self.ids[row]), positionTable.row(positions[row]))
                return (0..<columns).map { 1.25 * token[$0] + position[$0] + Double(added[$0]) }
            }
            #expect(ulps(y.dense, oracle) <= 2)
            #expect(y.gaps == gaps)
        }
    }

    @Test(arguments: QuantizedFormat.allCases, InstructionSet.available)
    func quantizedRowsAreTheirExactValues(format: QuantizedFormat, instructionSet: InstructionSet) throws {
        var random = SeededRandom(seed: 5)
        let source = try random.normalTensor([6, 96])
        let matrix = try QuantizedMatrix(quantizing: source, format, transposed: true)
        let table = try matrix.dequantized()
        var y = try Tensor(shape: [5, 96])
        try embed(
            Self.ids.span, table: MatrixInput(quantized: matrix.bytes, format, rows: 96, columns: 6),
            into: MatrixOutput(y.mutableSpan, MatrixLayout(rows: 5, columns: 96)),
            execution: Execution(instructionSet: instructionSet))
        for (row, id) in Self.ids.enumerated() {
            for c in 0..<96 { #expect(y[row, c] == table[id, c]) }
        }
    }

    @Test func rowsOf16BitsAreWidened() throws {
        let table = try TypedTensor<BFloat16>(shape: [6, 20]) { BFloat16(Float($0) / 7) }
        var y = try Tensor(shape: [5, 20])
        try embed(
            Self.ids.span, table: MatrixInput(table.span, MatrixLayout(rows: 6, columns: 20)),
            into: MatrixOutput(y.mutableSpan, MatrixLayout(rows: 5, columns: 20)))
        #expect(y.elements == Self.ids.flatMap { id in (0..<20).map { Float(table[id, $0]) } })
    }

    @Test func errorsNameTheArgument() throws {
        let table = try Tensor(shape: [6, 4])
        var y = try Tensor(shape: [2, 4])
        func failure(_ ids: [Int], factor: Float = 1, width: Int = 4, positions: [Int]? = nil) -> KernelError? {
            do throws(KernelError) {
                let input = MatrixInput(table.span, MatrixLayout(rows: 6, columns: 4))
                try embed(
                    ids.span, table: input, factor: factor, positionTable: positions == nil ? nil : input,
                    positions: positions?.span,
                    into: MatrixOutput(y.mutableSpan, MatrixLayout(rows: 2, columns: width)))
            } catch { return error }
            return nil
        }
        #expect(failure([5, 0]) == nil)
        let outside = failure([5, 6])
        #expect(outside?.reason == .invalidIndex && outside?.argument == .ids)
        #expect(outside?.description == "ids: element 1 is 6; it should be in 0 ..< 6")
        #expect(failure([-1, 0])?.argument == .ids)
        #expect(failure([1, 0, 2])?.argument == .y)
        #expect(failure([1, 0], width: 2)?.argument == .y)
        #expect(failure([1, 0], factor: .nan)?.reason == .notFinite)
        #expect(failure([1, 0], positions: [0])?.argument == .positions)
        #expect(failure([1, 0], positions: [0, 9])?.argument == .positions)
    }
}
