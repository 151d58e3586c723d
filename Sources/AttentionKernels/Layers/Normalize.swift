import CKernels

/// What each row of a normalisation is divided by.
public enum Norm: String, Sendable, Hashable, CaseIterable, Codable {
    /// `(x - mean) / sqrt(variance + epsilon)` (Ba, Kiros and Hinton 2016).
    case layer
    /// `x / sqrt(mean of x² + epsilon)` (Zhang and Sennrich 2019).
    case rms

    var cValue: ck_norm {
        switch self {
        case .layer: .CK_NORM_LAYER
        case .rms: .CK_NORM_RMS
        }
    }
}

/// Normalises each row: `y = norm(x) * scale + shift`.
///
/// A row has the same bits whatever other rows there are, on any number of threads and on every instruction set with FMA.
///
/// - Parameters:
///   - x: `[rows, columns]`, of any ``TensorElement``; nil to normalise `y` in place.
///   - norm: which norm.
///   - scale: a factor of each column; nil for 1.
///   - shift: a number added to each column; nil for 0.
///   - epsilon: what is added under the root, finite and 0 or more.
///   - y: `[rows, columns]`, of any ``TensorElement``.
///   - copy: the same once more, of another type, such as ``BFloat16`` for a product; nil for none.
///   - execution: threads and instruction set.
/// - Throws: ``KernelError`` if an argument is wrong; then nothing has been written.
/// - Complexity: O(*rows · columns*).
public func normalize(
    _ x: MatrixInput?, _ norm: Norm, scale: Span<Float>? = nil, shift: Span<Float>? = nil, epsilon: Float,
    into y: consuming MatrixOutput, copy: consuming MatrixOutput? = nil, execution: Execution = .shared
) throws(KernelError) {
    let output = y.place
    let input: MatrixPlace = if let x { x.place } else { output }
    try requireSize(.y, output, rows: input.rows, columns: input.columns)
    var problem = ck_normalize_problem()
    problem.norm = norm.cValue
    (problem.rows, problem.columns) = (Int64(input.rows), Int64(input.columns))
    problem.x = try ck_rows(.x, input)
    problem.y = try ck_rows(.y, output)
    if let copy {
        let place = copy.place
        try requireSize(.copy, place, rows: input.rows, columns: input.columns)
        problem.copy = try ck_rows(.copy, place)
    }
    problem.scale = ck_vector(scale)
    problem.shift = ck_vector(shift)
    problem.epsilon = epsilon
    try execution.runLayer(
        { ck_normalize(&problem, $0, &$1) },
        describe: { argument in
            switch argument {
            case .x: input.fullText
            case .y: output.fullText
            case .epsilon: "\(epsilon)"
            default: argument.rawValue
            }
        })
}
