import AttentionKernels

/// What rounding to f32 alone can do to an attention, to first order.
///
/// With u = 2^-24 and S the largest magnitude a score and its terms can have, a score of `headDim` products is off
/// by at most (headDim + 4) u S; this is a relative error of its exponential, twice that of the weight; and summing
/// `keyLength` terms adds keyLength u. Far above what kernels do, far below what a wrong kernel does.
struct RoundingLimit {
    var output: Double
    var lse: Double
    var weights: Double

    init(_ workload: AttentionWorkload) {
        let shape = workload.shape
        let unit = 0x1p-24
        let scale = Double(abs(workload.scale ?? 1 / Float(max(shape.headDim, 1)).squareRoot()))
        let biasSize = (workload.bias?.elements ?? []).reduce(0.0) { $1.isFinite ? max($0, Double(abs($1))) : $0 }
        let scores =
            scale * Self.largestNorm(workload.query, width: shape.headDim)
            * Self.largestNorm(workload.key, width: shape.headDim) + biasSize
        let ofScore = Double(shape.headDim + 4) * scores
        let ofSum = Double(shape.keyLength + 16)
        let largestValue = workload.value.elements.reduce(0.0) { max($0, Double(abs($1))) }
        weights = unit * (2 * ofScore + ofSum)
        output = weights * largestValue
        lse = unit * (ofScore + ofSum + scores)
    }

    /// The largest Euclidean norm of a row: |q . k| is at most the product of two.
    private static func largestNorm(_ tensor: Tensor, width: Int) -> Double {
        guard width > 0 else { return 0 }
        return tensor.span.withUnsafeBufferPointer { elements in
            var largest = 0.0
            for row in 0..<elements.count / width {
                var sum = 0.0
                for column in 0..<width {
                    let element = Double(elements[row * width + column])
                    sum += element * element
                }
                largest = max(largest, sum)
            }
            return largest.squareRoot()
        }
    }
}
