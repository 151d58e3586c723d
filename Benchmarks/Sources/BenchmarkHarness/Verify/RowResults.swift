import AttentionKernels
import CKernels

/// The oracle's numbers for a list of rows.
struct RowResults {
    var output: [Double]
    var lse: [Double]
    var weights: [Double]
    private let shape: AttentionShape

    init(rowCount: Int, shape: AttentionShape, keepsWeights: Bool) {
        output = [Double](repeating: 0, count: rowCount * shape.valueDim)
        lse = [Double](repeating: 0, count: rowCount)
        weights = keepsWeights ? [Double](repeating: 0, count: rowCount * shape.keyLength) : []
        self.shape = shape
    }

    mutating func withPlaces<Result>(_ type: DataType, _ body: (RowPlaces) -> Result) -> Result {
        let keepsWeights = !weights.isEmpty
        return output.withUnsafeMutableBufferPointer { output in
            lse.withUnsafeMutableBufferPointer { lse in
                weights.withUnsafeMutableBufferPointer { weights in
                    body(
                        RowPlaces(
                            output: output, lse: lse, weights: keepsWeights ? weights : nil,
                            valueDim: shape.valueDim, keyLength: shape.keyLength, type: type))
                }
            }
        }
    }
}

/// How far the naive path is from the oracle, and how long it took.
struct NaiveErrors {
    var output = ErrorTally()
    var lse = ErrorTally()
    var weights = ErrorTally()
    var seconds = 0.0
    var failure: ck_status?

    mutating func merge(_ other: NaiveErrors) {
        output.merge(other.output)
        lse.merge(other.lse)
        weights.merge(other.weights)
        seconds += other.seconds
        failure = failure ?? other.failure
    }
}

/// Where the numbers of each row go; workers write different rows.
struct RowPlaces {
    var output: UnsafeMutableBufferPointer<Double>
    var lse: UnsafeMutableBufferPointer<Double>
    var weights: UnsafeMutableBufferPointer<Double>?
    var valueDim: Int
    var keyLength: Int
    /// The type that outputs are rounded to.
    var type: DataType

    /// Computes row `index` of the list by the oracle and, alone, by the naive kernel, and compares them.
    func compute(_ row: RowIndex, _ index: Int, _ problem: ck_attention_problem, _ errors: inout NaiveErrors) {
        withUnsafeTemporaryAllocation(of: Double.self, capacity: keyLength + valueDim + 1) { exact in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: keyLength + valueDim + 1) { naive in
                guard let exactStart = exact.baseAddress, let naiveStart = naive.baseAddress else { return }
                exact.initialize(repeating: 0)
                naive.initialize(repeating: 0)
                let (o, lse) = (exactStart + keyLength, exactStart + keyLength + valueDim)
                var problem = problem
                let status = ck_oracle_attention_row(
                    &problem, Int64(row.batch), Int64(row.head), Int64(row.query), o, lse, exactStart, nil)
                var alone = problem.alone(
                    row, o: naiveStart + keyLength, lse: naiveStart + keyLength + valueDim, weights: naiveStart)
                var options = ck_options_default()
                options.threads = 1
                var naiveStatus = status
                errors.seconds += Stopwatch.time {
                    if status == .CK_OK { naiveStatus = ck_attention_forward(.CK_NAIVE, &alone, &options, nil) }
                }
                if naiveStatus != .CK_OK { errors.failure = naiveStatus }
                for column in 0..<valueDim {
                    errors.output.add(type.rounded(naive[keyLength + column]), oracle: o[column])
                    output[index * valueDim + column] = o[column]
                }
                for column in 0..<keyLength {
                    errors.weights.add(naive[column], oracle: exact[column])
                    weights?[index * keyLength + column] = exact[column]
                }
                errors.lse.add(naive[keyLength + valueDim], oracle: lse.pointee)
                self.lse[index] = lse.pointee
            }
        }
    }
}
