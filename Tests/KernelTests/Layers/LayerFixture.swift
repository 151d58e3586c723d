import AttentionKernels
import TestSupport

/// Rows of numbers for a layer, wider apart than they are long, so that a stride that is ignored shows.
struct LayerRows {
    let rows: Int
    let columns: Int
    let stride: Int
    var elements: [Float]

    init(_ rows: Int, _ columns: Int, seed: UInt64, gap: Int = 3) {
        var random = SeededRandom(seed: seed)
        (self.rows, self.columns, stride) = (rows, columns, columns + gap)
        elements = random.normals(rows * (columns + gap))
    }

    var layout: MatrixLayout { MatrixLayout(rows: rows, columns: columns, rowStride: stride) }

    func row(_ row: Int) -> [Double] {
        elements[row * stride..<row * stride + columns].map(Double.init)
    }

    /// All rows without the gaps between them.
    var dense: [Float] { (0..<rows).flatMap { elements[$0 * stride..<$0 * stride + columns] } }

    /// The gaps, which nobody may write to.
    var gaps: [Float] { (0..<rows).flatMap { elements[$0 * stride + columns..<($0 + 1) * stride] } }
}

/// Shapes that fill vectors and that do not, few rows and enough for several threads.
let layerShapes = [(1, 1), (3, 5), (2, 16), (5, 33), (4, 64), (150, 131)]

/// The largest error relative to the largest number, in ulps of `Float`.
func ulps(_ candidate: [Float], _ oracle: [Double]) -> Double {
    let scale = Double(Float(oracle.map(\.magnitude).max() ?? 1).ulp)
    return zip(candidate, oracle).map { (Double($0) - $1).magnitude }.max().map { $0 / scale } ?? 0
}
