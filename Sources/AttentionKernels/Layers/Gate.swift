import CKernels

/// The gate of SwiGLU and its relatives (Shazeer 2020): `y[i][j] = activation(x[i][j]) * x[i][columns + j]`.
///
/// - Parameters:
///   - x: `[rows, 2 * columns]`: the gates, then what they let through. Of any ``TensorElement``.
///   - activation: the function of a gate.
///   - y: `[rows, columns]`, of any ``TensorElement``.
///   - execution: threads and instruction set.
/// - Throws: ``KernelError`` if an argument is wrong; then nothing has been written.
/// - Complexity: O(*rows · columns*).
public func gate(
    _ x: MatrixInput, _ activation: Activation, into y: consuming MatrixOutput, execution: Execution = .shared
) throws(KernelError) {
    let (input, output) = (x.place, y.place)
    try requireSize(.x, input, rows: output.rows, columns: output.columns.saturatingProduct(2))
    var problem = ck_gate_problem()
    (problem.rows, problem.columns) = (Int64(output.rows), Int64(output.columns))
    problem.activation = activation.cValue
    problem.x = try ck_rows(.x, input)
    problem.y = try ck_rows(.y, output)
    try execution.runLayer(
        { ck_gate(&problem, $0, &$1) },
        describe: { $0 == .x ? input.fullText : $0 == .y ? output.fullText : $0.rawValue })
}
