import AttentionKernels
import Foundation

/// The matrices of one shape: all contestants read the same A and B, each writes a C of its own.
struct GemmMatrices {
    let shape: GemmShape
    let workload: GemmWorkload

    /// Normally distributed matrices, the same ones for the same seed.
    init(_ shape: GemmShape, seed: UInt64) throws(KernelError) {
        var generator = SeededGenerator(seed: seed)
        let (rows, columns) = shape.transposeB ? (shape.n, shape.k) : (shape.k, shape.n)
        self.shape = shape
        workload = GemmWorkload(
            a: try Tensor(shape: [shape.m, shape.k], elements: generator.gaussians(shape.m * shape.k)),
            b: try Tensor(shape: [rows, columns], elements: generator.gaussians(rows * columns)),
            transposeB: shape.transposeB)
    }

    /// A product that no contestant has written yet: whatever it leaves out shows as an error.
    func emptyProduct() throws(KernelError) -> Tensor {
        try Tensor(shape: [shape.m, shape.n]) { _ in .nan }
    }
}

/// Something that multiplies the matrices of a case in this process.
final class GemmContestant: Contestant {
    /// Calls shorter than this are timed several together: reading the clock twice takes about 0.05 µs.
    private static let measurableSeconds = 20e-6

    let processIdentifier = getpid()
    private let matrices: GemmMatrices
    private var product: Tensor
    private let begin: () throws(ContestantFailure) -> Void
    private let multiply: (GemmMatrices, inout Tensor) throws(ContestantFailure) -> Void
    private var groupSize = 1

    /// - Parameter begin: called once before the calls of a burst.
    private init(
        _ matrices: GemmMatrices, begin: @escaping () throws(ContestantFailure) -> Void = {},
        _ multiply: @escaping (GemmMatrices, inout Tensor) throws(ContestantFailure) -> Void
    ) throws(KernelError) {
        self.matrices = matrices
        self.begin = begin
        self.multiply = multiply
        product = try matrices.emptyProduct()
    }

    /// The library's own product, through its interface for borrowed memory.
    static func ours(
        _ matrices: GemmMatrices, isa: InstructionSet, threads: Int
    ) throws(KernelError) -> GemmContestant {
        let execution = Execution(threads: threads, instructionSet: isa)
        return try GemmContestant(matrices) { matrices, product throws(ContestantFailure) in
            let (shape, workload) = (matrices.shape, matrices.workload)
            let (rows, columns) = shape.transposeB ? (shape.n, shape.k) : (shape.k, shape.n)
            do throws(KernelError) {
                try matmul(
                    MatrixInput(workload.a.span, MatrixLayout(rows: shape.m, columns: shape.k)),
                    MatrixInput(
                        workload.b.span, MatrixLayout(rows: rows, columns: columns), transposed: shape.transposeB),
                    into: MatrixOutput(product.mutableSpan, MatrixLayout(rows: shape.m, columns: shape.n)),
                    execution: execution)
            } catch {
                throw ContestantFailure("\(error)")
            }
        }
    }

    /// The product of a library of the user's.
    static func peer(
        _ library: GemmLibrary, _ matrices: GemmMatrices, threads: Int
    ) throws(KernelError) -> GemmContestant {
        // Not before each call: a library may plan anew whenever it is told.
        let begin = { () throws(ContestantFailure) in try library.use(threads: threads) }
        return try GemmContestant(matrices, begin: begin) { matrices, product throws(ContestantFailure) in
            let workload = matrices.workload
            var failure: ContestantFailure?
            workload.a.span.withUnsafeBufferPointer { a in
                workload.b.span.withUnsafeBufferPointer { b in
                    var span = product.mutableSpan
                    span.withUnsafeMutableBufferPointer { c in
                        guard let a = a.baseAddress, let b = b.baseAddress, let c = c.baseAddress else { return }
                        do throws(ContestantFailure) {
                            try library.multiply(matrices.shape, a, b, c)
                        } catch {
                            failure = error
                        }
                    }
                }
            }
            if let failure { throw failure }
        }
    }

    func burst(_ repetitions: Int) throws(ContestantFailure) -> [Double] {
        try begin()
        var seconds: [Double] = []
        var done = 0
        while done < repetitions {
            let start = Stopwatch.now
            for _ in 0..<groupSize { try multiply(matrices, &product) }
            seconds.append((Stopwatch.now - start) / Double(groupSize))
            done += groupSize
        }
        if let shortest = seconds.min() {
            groupSize = max(1, Int(min(Self.measurableSeconds / max(shortest, 1e-9), 1e4)))
        }
        return seconds
    }

    /// Compares what the last call wrote with the oracle.
    func check(_ reference: GemmReference) -> GemmReference.Errors {
        let product = product
        return product.span.withUnsafeBufferPointer { reference.errors(of: $0) }
    }
}
