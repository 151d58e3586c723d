import CKernels

/// The column of the largest element of each row, the first of equals; NaN is less than everything.
///
/// - Parameters:
///   - x: `[rows, columns]`, of any ``TensorElement``, with a column at least.
///   - indices: one for each row.
///   - execution: threads and instruction set.
/// - Throws: ``KernelError`` if an argument is wrong; then nothing has been written.
/// - Complexity: O(*rows · columns*).
public func argmax(
    _ x: MatrixInput, into indices: inout MutableSpan<Int>, execution: Execution = .shared
) throws(KernelError) {
    let input = x.place
    var problem = ck_argmax_problem()
    (problem.rows, problem.columns) = (Int64(input.rows), Int64(input.columns))
    problem.x = try ck_rows(.x, input)
    problem.indices = indices.withUnsafeMutableBufferPointer {
        UnsafeMutableRawPointer($0.baseAddress)?.assumingMemoryBound(to: Int64.self)
    }
    problem.indices_count = Int64(indices.count)
    try execution.runLayer(
        { ck_argmax(&problem, $0, &$1) },
        describe: { $0 == .x ? input.fullText : $0 == .indices ? "[\(problem.indices_count)]" : $0.rawValue })
}

/// The softmax of each row, `y = exp(factor x) / sum of exp(factor x)`, or its natural logarithm.
///
/// - Parameters:
///   - x: `[rows, columns]` of `Float`; nil for `y` in place. A row of minus infinity gives 0, or minus infinity.
///   - factor: of the elements, finite: the reciprocal of a temperature.
///   - logarithm: whether to give the logarithm.
///   - y: `[rows, columns]` of `Float`.
///   - execution: threads and instruction set.
/// - Throws: ``KernelError`` if an argument is wrong; then nothing has been written.
/// - Complexity: O(*rows · columns*).
public func softmax(
    _ x: MatrixInput?, factor: Float = 1, logarithm: Bool = false, into y: consuming MatrixOutput,
    execution: Execution = .shared
) throws(KernelError) {
    let output = y.place
    let input: MatrixPlace = if let x { x.place } else { output }
    try requireSize(.y, output, rows: input.rows, columns: input.columns)
    var problem = ck_softmax_problem()
    (problem.rows, problem.columns) = (Int64(input.rows), Int64(input.columns))
    problem.x = try ck_rows(.x, input)
    problem.y = try ck_rows(.y, output)
    problem.factor = factor
    problem.logarithm = logarithm
    try execution.runLayer(
        { ck_softmax(&problem, $0, &$1) },
        describe: { argument in
            switch argument {
            case .x: input.fullText
            case .y: output.fullText
            case .scale: "\(factor)"
            default: argument.rawValue
            }
        })
}
