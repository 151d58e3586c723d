import AttentionKernels
import CKernels
import Dispatch

/// The oracle's numbers for a sample of a workload's rows, and the bounds that kernels must keep.
public struct AttentionReference: Sendable {
    /// The rows that are checked.
    public let rows: [RowIndex]
    /// Whether they are all rows.
    public let isComplete: Bool
    /// The largest error allowed to an output's element.
    public let outputBound: Double
    /// The largest error allowed to a log-sum-exp.
    public let lseBound: Double
    /// The largest error allowed to a weight.
    public let weightsBound: Double
    /// What the naive path reached for its floating-point operations, on one thread in rows alone.
    public let naiveFlopsPerSecond: Double

    /// How many rows the oracle can do with `multiplyAdds` of work.
    public static func rowLimit(_ shape: AttentionShape, multiplyAdds: Int) -> Int {
        multiplyAdds / max(1, shape.keyLength * (shape.headDim + shape.valueDim))
    }

    let shape: AttentionShape
    let output: [Double]
    let lse: [Double]
    /// Empty unless they were asked for.
    let weights: [Double]

    /// Computes the oracle and the naive path for a sample of rows, on all cores.
    ///
    /// - Parameters:
    ///   - workload: a workload whose shapes fit each other.
    ///   - rowLimit: see ``RowSample/rows(groups:length:limit:seed:)``.
    ///   - keepsWeights: whether weights will be compared too; that keeps `keyLength` numbers for each row.
    /// - Throws: ``HarnessError`` if the C interface refuses the workload.
    public init(_ workload: AttentionWorkload, rowLimit: Int, keepsWeights: Bool, seed: UInt64) throws(HarnessError) {
        let shape = workload.shape
        let rows = RowIndex.sample(of: shape, limit: rowLimit, seed: seed)
        var results = RowResults(rowCount: rows.count, shape: shape, keepsWeights: keepsWeights)
        let workers = max(1, min(Machine.current.usableCores, rows.count))
        let parts = workload.withCProblem { problem in
            results.withPlaces(workload.workingType) { places in
                // The pointers are valid until all workers have returned, and each writes rows of its own.
                nonisolated(unsafe) let (problem, places) = (problem, places)
                nonisolated(unsafe) let parts = UnsafeMutablePointer<NaiveErrors>.allocate(capacity: workers)
                parts.initialize(repeating: NaiveErrors(), count: workers)
                defer { parts.deallocate() }
                DispatchQueue.concurrentPerform(iterations: workers) { worker in
                    ThreadPinning.released {
                        for index in stride(from: worker, to: rows.count, by: workers) {
                            places.compute(rows[index], index, problem, &parts[worker])
                        }
                    }
                }
                return Array(UnsafeBufferPointer(start: parts, count: workers))
            }
        }
        var errors = NaiveErrors()
        for part in parts { errors.merge(part) }
        if let status = errors.failure {
            throw HarnessError("the oracle refused the problem: \(String(cString: ck_status_text(status)))")
        }
        let limit = RoundingLimit(workload)
        outputBound =
            ErrorBound.bound(naive: errors.output, limit: limit.output, type: workload.workingType)
            + (workload.byteCache != nil ? limit.ofQuantizedQuery : 0)
        // The sum of rounded probabilities is off by as much as each of them.
        lseBound =
            ErrorBound.bound(naive: errors.lse, limit: limit.lse)
            + (workload.roundsProbabilities ? DataType.bfloat16.unitRoundoff : 0)
        weightsBound = ErrorBound.bound(naive: errors.weights, limit: limit.weights)
        let work = 2 * Double(rows.count * shape.keyLength) * Double(shape.headDim + shape.valueDim)
        naiveFlopsPerSecond = errors.seconds > 0 ? work / errors.seconds : .infinity
        self.shape = shape
        self.rows = rows
        isComplete = rows.count == shape.rowCount
        (output, lse, weights) = (results.output, results.lse, results.weights)
    }

    /// The errors of a whole output of any type in the sampled rows.
    public func errors(ofOutput tensor: any NumberTensor) -> ErrorTally {
        tensor.withFloats { errors(ofOutput: $0) }
    }

    /// The errors of a whole output `[batch, heads, queryLength, valueDim]` in the sampled rows.
    public func errors(ofOutput elements: UnsafeBufferPointer<Float>) -> ErrorTally {
        tally(elements, oracle: output, width: shape.valueDim)
    }

    /// The errors of a whole log-sum-exp `[batch, heads, queryLength]` in the sampled rows.
    public func errors(ofLSE elements: UnsafeBufferPointer<Float>) -> ErrorTally {
        tally(elements, oracle: lse, width: 1)
    }

    /// The errors of whole weights `[batch, heads, queryLength, keyLength]` in the sampled rows.
    ///
    /// - Precondition: the reference keeps weights.
    public func errors(ofWeights elements: UnsafeBufferPointer<Float>) -> ErrorTally {
        tally(elements, oracle: weights, width: shape.keyLength)
    }

    private func tally(_ elements: UnsafeBufferPointer<Float>, oracle: [Double], width: Int) -> ErrorTally {
        var tally = ErrorTally()
        for (index, row) in rows.enumerated() {
            let start = ((row.batch * shape.heads + row.head) * shape.queryLength + row.query) * width
            for column in 0..<width { tally.add(elements[start + column], oracle: oracle[index * width + column]) }
        }
        return tally
    }
}
