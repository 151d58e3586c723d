import AttentionKernels
import CKernels
import Dispatch

/// The oracle's numbers for a sample of a product's rows, and the bound that kernels must keep.
///
/// Errors are judged element by element in units of `eps * (|alpha| |A| |B| + |beta| |C|)`, the size of what was
/// added up: 16 of them are allowed, as LAPACK's tests do, and for very long sums twice what the naive path needs.
public struct GemmReference: Sendable {
    /// The rows that are checked, counted through the batch.
    public let rows: [Int]
    /// Whether they are all rows.
    public let isComplete: Bool
    /// The largest scaled error allowed.
    public let scaledBound: Double

    private let columns: Int
    private let values: [Double]
    private let magnitudes: [Double]

    /// The differences between a product and the oracle.
    public struct Errors: Sendable {
        /// The absolute errors.
        public var absolute = ErrorTally()
        /// The largest error in units of the size of what was added up, times eps.
        public var scaled = 0.0

        /// - Parameter roundoff: what rounding to the product's type may take from the oracle's value, beside the bound.
        mutating func add(_ value: Float, oracle: Double, magnitude: Double, roundoff: Double = 0) {
            absolute.add(value, oracle: oracle)
            let error = ErrorTally.difference(value, oracle: oracle) - roundoff * abs(oracle)
            // An exact zero stays one whatever the magnitude, even 0 or NaN.
            if error > 0 { scaled = max(scaled, magnitude.isNaN ? .infinity : error / (0x1p-23 * magnitude)) }
        }
    }

    /// How many rows the oracle can do with `multiplyAdds` of work.
    public static func rowLimit(_ workload: GemmWorkload, multiplyAdds: Int) -> Int {
        multiplyAdds / max(1, workload.sizes.n * workload.sizes.k)
    }

    /// Computes the oracle and the naive path for a sample of rows, on all cores.
    ///
    /// - Throws: ``HarnessError`` if the C interface refuses the workload.
    public init(_ workload: GemmWorkload, rowLimit: Int, seed: UInt64) throws(HarnessError) {
        let result = workload.withCProblem { problem in
            Result { () throws(HarnessError) in try GemmReference(problem, rowLimit: rowLimit, seed: seed) }
        }
        self = try result.get()
    }

    /// The same for a product as C takes it, of any types.
    init(_ problem: ck_gemm_problem, rowLimit: Int, seed: UInt64) throws(HarnessError) {
        let (batch, m, columns) = (Int(problem.batch), Int(problem.m), Int(problem.n))
        let rows = RowSample.rows(groups: batch, length: m, limit: rowLimit, seed: seed)
        var values = [Double](repeating: 0, count: rows.count * columns)
        var magnitudes = values
        let workers = max(1, min(Machine.current.usableCores, rows.count))
        let parts = values.withUnsafeMutableBufferPointer { values in
            magnitudes.withUnsafeMutableBufferPointer { magnitudes in
                // The pointers are valid until all workers have returned, and each writes rows of its own.
                nonisolated(unsafe) let (problem, values, magnitudes) = (problem, values, magnitudes)
                nonisolated(unsafe) let parts = UnsafeMutablePointer<Part>.allocate(capacity: workers)
                parts.initialize(repeating: Part(), count: workers)
                defer { parts.deallocate() }
                DispatchQueue.concurrentPerform(iterations: workers) { worker in
                    for index in stride(from: worker, to: rows.count, by: workers) {
                        let places = index * columns..<(index + 1) * columns
                        parts[worker].compute(
                            rows[index], problem, .init(rebasing: values[places]), .init(rebasing: magnitudes[places]))
                    }
                }
                return Array(UnsafeBufferPointer(start: parts, count: workers))
            }
        }
        if let status = parts.lazy.compactMap(\.failure).first {
            throw HarnessError("the oracle refused the product: \(String(cString: ck_status_text(status)))")
        }
        let naive = parts.map(\.naive.scaled).max() ?? 0
        // k products summed one after the other are off by at most k / 2 units of eps, to first order.
        scaledBound = max(16, min(2 * naive, Double(problem.k) / 2 + 4))
        self.rows = rows
        isComplete = rows.count == batch * m
        self.columns = columns
        self.values = values
        self.magnitudes = magnitudes
    }

    /// The errors of a whole product `[batch, m, n]` in the sampled rows; one of 16 bits may also have been rounded once
    /// to that type.
    public func errors(of product: any NumberTensor) -> Errors {
        // Rounding a sum that is off by the bound may cross to the next number: a little more than half of a unit.
        let roundoff = product.dataType == .float32 ? 0 : product.dataType.unitRoundoff * 1.01
        return product.withFloats { errors(of: $0, roundoff: roundoff) }
    }

    /// The errors of a whole product `[batch, m, n]` in the sampled rows.
    func errors(of elements: UnsafeBufferPointer<Float>, roundoff: Double = 0) -> Errors {
        var errors = Errors()
        for (index, row) in rows.enumerated() {
            for column in 0..<columns {
                let place = index * columns + column
                errors.add(
                    elements[row * columns + column], oracle: values[place], magnitude: magnitudes[place],
                    roundoff: roundoff)
            }
        }
        return errors
    }
}

/// What one worker finds out about the naive path.
private struct Part {
    var naive = GemmReference.Errors()
    var failure: ck_status?

    mutating func compute(
        _ row: Int, _ problem: ck_gemm_problem, _ values: UnsafeMutableBufferPointer<Double>,
        _ magnitudes: UnsafeMutableBufferPointer<Double>
    ) {
        guard let valuesStart = values.baseAddress, let magnitudesStart = magnitudes.baseAddress else { return }
        let (n, i) = (Int64(row) / problem.m, Int64(row) % problem.m)
        var problem = problem
        let status = ck_oracle_gemm_row(&problem, n, i, valuesStart, magnitudesStart, nil)
        withUnsafeTemporaryAllocation(of: Float.self, capacity: values.count) { product in
            product.initialize(repeating: 0)
            var alone = problem
            (alone.batch, alone.m) = (1, 1)
            alone.a.offset += n * problem.a.batch_stride + i * problem.a.row_stride
            alone.b.offset += n * problem.b.batch_stride
            if problem.beta != 0, let old = problem.c.data?.assumingMemoryBound(to: Float.self) {
                let start = old + Int(problem.c.offset + n * problem.c.batch_stride + i * problem.c.row_stride)
                for column in product.indices { product[column] = start[column] }
            }
            alone.c = ck_matrix(
                data: UnsafeMutableRawPointer(product.baseAddress), count: Int64(product.count), offset: 0,
                batch_stride: 0, row_stride: Int64(product.count), column_stride: 1, dtype: .CK_F32, pointers: nil)
            var options = ck_options_default()
            options.threads = 1
            let naiveStatus = status == .CK_OK ? ck_gemm(.CK_NAIVE, &alone, &options, nil) : status
            if naiveStatus != .CK_OK { failure = naiveStatus }
            for column in product.indices {
                naive.add(product[column], oracle: values[column], magnitude: magnitudes[column])
            }
        }
    }
}
