import CKernels

/// The mean of each run of rows: `y[s]` is that of rows `offsets[s] ..< offsets[s + 1]`, of length 1 if asked for.
///
/// - Parameters:
///   - x: `[rows, columns]`, of any ``TensorElement``.
///   - offsets: where each run begins and the last ends, ascending; one more than there are rows of `y`.
///   - normalized: whether each mean is divided by its L2 norm (at least 1e-12).
///   - y: `[runs, columns]`, of any ``TensorElement``; the mean of an empty run is 0.
///   - execution: threads and instruction set.
/// - Throws: ``KernelError`` if an argument is wrong; then nothing has been written.
/// - Complexity: O(*rows · columns*).
public func meanPool(
    _ x: MatrixInput, offsets: Span<Int>, normalized: Bool, into y: consuming MatrixOutput,
    execution: Execution = .shared
) throws(KernelError) {
    let (input, output) = (x.place, y.place)
    try requireSize(.y, output, rows: max(offsets.count - 1, 0), columns: input.columns)
    var problem = ck_pool_problem()
    (problem.rows, problem.columns) = (Int64(input.rows), Int64(input.columns))
    problem.segments = Int64(output.rows)
    problem.x = try ck_rows(.x, input)
    problem.offsets = ck_indices(offsets)
    problem.unit = normalized
    problem.y = try ck_rows(.y, output)
    try execution.runLayer(
        { ck_pool(&problem, $0, &$1) },
        describe: { argument in
            switch argument {
            case .x: input.fullText
            case .y: output.fullText
            case .offsets: "[\(offsets.count)]"
            default: argument.rawValue
            }
        })
}
