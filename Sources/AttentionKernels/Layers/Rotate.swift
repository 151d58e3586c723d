import CKernels

/// Turns pairs of columns of each head by the angles of the row's position, in place or into other memory.
///
/// ```
/// (a, b) -> (a cos - b sin, a sin + b cos)
/// ```
///
/// Rotary position embedding (Su and others 2021, section 3.2.2). A row is `heads` heads of `width` columns; the first
/// `rotatedHeads` of them turn, such as queries and keys of a packed projection, and all else is copied.
///
/// - Parameters:
///   - x: `[rows, heads * width]`, of any ``TensorElement``; nil to turn `y` in place.
///   - heads: the heads of a row.
///   - rotatedHeads: how many of them turn; nil for all.
///   - rotated: how many of the columns of a head turn, even; nil for all.
///   - interleaved: whether pairs are neighbours `(2c, 2c + 1)`; else `(c, c + rotated / 2)`.
///   - cosines: `[positions, rotated / 2]`, the cosine of each pair's angle at each position.
///   - sines: the same of sines.
///   - positions: the position of each row.
///   - y: `[rows, heads * width]`, of any ``TensorElement``.
///   - execution: threads and instruction set.
/// - Throws: ``KernelError`` if an argument is wrong; then nothing has been written.
/// - Complexity: O(*rows · heads · width*).
public func rotate(
    _ x: MatrixInput?, heads: Int, rotatedHeads: Int? = nil, rotated: Int? = nil, interleaved: Bool,
    cosines: MatrixInput, sines: MatrixInput, positions: Span<Int>, into y: consuming MatrixOutput,
    execution: Execution = .shared
) throws(KernelError) {
    let output = y.place
    let input: MatrixPlace = if let x { x.place } else { output }
    try requireSize(.y, output, rows: input.rows, columns: input.columns)
    guard heads > 0, input.columns % heads == 0 else {
        throw KernelError(
            .shapeMismatch, .heads, "they are \(heads); they should divide the \(input.columns) columns of x")
    }
    let width = input.columns / heads
    let turning = rotated ?? width
    let (cosine, sine) = (cosines.place, sines.place)
    guard cosine.columns == turning / 2 else {
        throw KernelError(
            .shapeMismatch, .cosines, "shape \(cosine.shapeText) should have \(turning / 2) columns, one for each pair")
    }
    try requireSize(.sines, sine, rows: cosine.rows, columns: cosine.columns)
    var problem = ck_rotate_problem()
    (problem.rows, problem.heads, problem.width) = (Int64(input.rows), Int64(heads), Int64(width))
    problem.rotated_heads = Int64(rotatedHeads ?? heads)
    problem.rotated = Int64(turning)
    problem.interleaved = interleaved
    problem.x = try ck_rows(.x, input)
    problem.y = try ck_rows(.y, output)
    problem.table_rows = Int64(cosine.rows)
    problem.cosines = try ck_rows(.cosines, cosine)
    problem.sines = try ck_rows(.sines, sine)
    problem.positions = ck_indices(positions)
    try execution.runLayer(
        { ck_rotate(&problem, $0, &$1) },
        describe: { argument in
            switch argument {
            case .x: input.fullText
            case .y: output.fullText
            case .cosines: cosine.fullText
            case .sines: sine.fullText
            case .positions: "[\(positions.count)]"
            default: argument.rawValue
            }
        })
}
