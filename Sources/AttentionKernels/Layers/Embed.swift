import CKernels

/// Looks up rows of a table: `y[i] = factor * table[ids[i]] + positionTable[positions[i]] + added`.
///
/// - Parameters:
///   - ids: the row of the table for each row of `y`.
///   - table: `[tokens, columns]` of any ``TensorElement``, or quantised rows, as
///     ``MatrixInput/init(quantized:_:rows:columns:)`` with the width for its rows and the tokens for its columns.
///   - factor: of the table's elements, finite.
///   - positionTable: `[positions, columns]`; nil for none.
///   - positions: the position of each row, if there is a table of them.
///   - added: a number added to each column; nil for none.
///   - y: `[ids, columns]`, of any ``TensorElement``.
///   - execution: threads and instruction set.
/// - Throws: ``KernelError`` if an argument is wrong, such as an id that the table does not have; then nothing has been
///   written.
/// - Complexity: O(*ids · columns*).
public func embed(
    _ ids: Span<Int>, table: MatrixInput, factor: Float = 1, positionTable: MatrixInput? = nil,
    positions: Span<Int>? = nil, added: Span<Float>? = nil, into y: consuming MatrixOutput,
    execution: Execution = .shared
) throws(KernelError) {
    let (source, output) = (table.place, y.place)
    let (tableRows, width) = source.isQuantized ? (source.columns, source.rows) : (source.rows, source.columns)
    try requireSize(.y, output, rows: ids.count, columns: width)
    var problem = ck_embed_problem()
    (problem.rows, problem.columns, problem.table_rows) = (Int64(ids.count), Int64(width), Int64(tableRows))
    problem.table = try ck_rows(.table, source)
    problem.ids = ck_indices(ids)
    problem.factor = factor
    if let positionTable {
        let place = positionTable.place
        guard place.columns == width else {
            throw KernelError(.shapeMismatch, .positionTable, "shape \(place.shapeText) should have \(width) columns")
        }
        problem.position_rows = Int64(place.rows)
        problem.position_table = try ck_rows(.positionTable, place)
        if let positions { problem.positions = ck_indices(positions) }
    }
    problem.added = ck_vector(added)
    problem.y = try ck_rows(.y, output)
    try execution.runLayer(
        { ck_embed(&problem, $0, &$1) },
        describe: { argument in
            switch argument {
            case .table: source.fullText
            case .y: output.fullText
            case .scale: "\(factor)"
            case .positions: "[\(problem.positions.count)]"
            default: argument.rawValue
            }
        })
}
