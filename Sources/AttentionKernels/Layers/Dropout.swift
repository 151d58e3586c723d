import CKernels

/// Sets elements to 0 at random and scales the others up: `y = x / (1 - probability)` where an element is kept (Srivastava
/// and others 2014).
///
/// Which are kept follows from `seed` and the element's number, `counter + row * columns + column`, alone: the same on any
/// number of threads, on every instruction set, for rows together or apart, and again in the backward pass.
///
/// - Parameters:
///   - x: `[rows, columns]`, of any ``TensorElement``; nil for `y` in place.
///   - probability: of an element to be dropped, 0 or more and less than 1.
///   - seed: chooses the mask.
///   - counter: the number of the first element.
///   - y: `[rows, columns]`, of any ``TensorElement``.
///   - execution: threads and instruction set.
/// - Throws: ``KernelError`` if an argument is wrong; then nothing has been written.
/// - Complexity: O(*rows · columns*).
public func dropout(
    _ x: MatrixInput?, probability: Float, seed: UInt64, counter: UInt64 = 0, into y: consuming MatrixOutput,
    execution: Execution = .shared
) throws(KernelError) {
    let output = y.place
    let input: MatrixPlace = if let x { x.place } else { output }
    try requireSize(.y, output, rows: input.rows, columns: input.columns)
    var problem = ck_dropout_problem()
    (problem.rows, problem.columns) = (Int64(input.rows), Int64(input.columns))
    problem.x = try ck_rows(.x, input)
    problem.y = try ck_rows(.y, output)
    problem.probability = probability
    (problem.seed, problem.counter) = (seed, counter)
    try execution.runLayer(
        { ck_dropout(&problem, $0, &$1) },
        describe: { argument in
            switch argument {
            case .x: input.fullText
            case .y: output.fullText
            case .probability: "\(probability)"
            default: argument.rawValue
            }
        })
}
