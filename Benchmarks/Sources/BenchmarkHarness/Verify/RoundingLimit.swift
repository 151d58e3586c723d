import AttentionKernels

/// What rounding alone can do to an attention, to first order.
///
/// With u = 2^-24 and S the largest magnitude a score and its terms can have, a score of `headDim` products is off
/// by at most (headDim + 4) u S; this is a relative error of its exponential, twice that of the weight; and summing
/// `keyLength` terms adds keyLength u. Where weights or outputs are rounded to 16 bits, that adds three units of theirs.
/// Far above what kernels do, far below what a wrong kernel does.
struct RoundingLimit {
    var output: Double
    var lse: Double
    var weights: Double
    /// What `fused` may add to an output's error where K is of 8 bits: it rounds each row of Q to 16 bits, steps of 1/32512
    /// of its largest element, and multiplies integers. The errors of a dot product's elements are independent and
    /// uniform in half a step: six standard deviations of their sum.
    var ofQuantizedQuery: Double

    init(_ workload: AttentionWorkload) {
        let shape = workload.shape
        let unit = 0x1p-24
        let ofScore = Double(shape.headDim + 4) * Self.largestScore(workload)
        let ofSum = Double(shape.keyLength + 16)
        weights = unit * (2 * ofScore + ofSum)
        let type = workload.workingType
        let largestValue = Self.largest(workload.value)
        output = (weights + (type == .float32 ? 0 : 3 * type.unitRoundoff)) * largestValue
        lse = unit * (ofScore + ofSum + Self.largestScore(workload))
        // Rows of Q and K that are divided by their norms have no element beyond 1.
        let isUnit = workload.scores.normalizesQueryAndKey
        let spread =
            isUnit ? 1 : Self.largest(workload.query) * Self.largestNorm(workload.key, width: shape.headDim)
        // A score's error is a relative one of its exponential, and at most twice that of the weight.
        ofQuantizedQuery =
            2 * 6 / (32512 * 12.0.squareRoot()) * spread * Self.largestScale(workload) * largestValue
    }

    /// The largest magnitude that a score and the terms it is made of can have.
    private static func largestScore(_ workload: AttentionWorkload) -> Double {
        let shape = workload.shape
        let options = workload.scores
        let norms =
            options.normalizesQueryAndKey
            ? 1 : largestNorm(workload.query, width: shape.headDim) * largestNorm(workload.key, width: shape.headDim)
        let bias = (workload.bias?.floats ?? []).reduce(0.0) { $1.isFinite ? max($0, Double(abs($1))) : $0 }
        let slope = (options.alibiSlopes ?? []).reduce(0.0) { max($0, Double(abs($1))) }
        let sink = (options.sinkValues ?? []).reduce(0.0) { $1.isFinite ? max($0, Double(abs($1))) : $0 }
        return largestScale(workload) * norms + bias + slope * Double(shape.queryLength + shape.keyLength) + sink
    }

    /// The largest magnitude that a dot product may be multiplied by.
    private static func largestScale(_ workload: AttentionWorkload) -> Double {
        let scale = Double(abs(workload.scale ?? 1 / Float(max(workload.shape.headDim, 1)).squareRoot()))
        return scale * (workload.scores.headScales ?? [1]).reduce(0) { max($0, Double(abs($1))) }
    }

    private static func largest(_ tensor: any NumberTensor) -> Double {
        tensor.withFloats { elements in Double(elements.reduce(0) { max($0, abs($1)) }) }
    }

    /// The largest Euclidean norm of a row: |q . k| is at most the product of two.
    private static func largestNorm(_ tensor: any NumberTensor, width: Int) -> Double {
        guard width > 0 else { return 0 }
        return tensor.withFloats { elements in
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
