import AttentionKernels
import CKernels
import Foundation

/// Something that multiplies the matrices of a case in this process.
final class GemmContestant: Contestant {
    /// Calls shorter than this are timed several together: reading the clock twice takes about 0.05 µs.
    private static let measurableSeconds = 20e-6

    let processIdentifier = getpid()
    private let matrices: GemmMatrices
    private let product: MatrixMemory
    private let begin: () throws(ContestantFailure) -> Void
    private let multiply: (MatrixMemory) throws(ContestantFailure) -> Void
    private var groupSize = 1

    /// - Parameters:
    ///   - begin: called once before the calls of a burst.
    ///   - multiply: computes the product into the memory given.
    private init(
        _ matrices: GemmMatrices, begin: @escaping () throws(ContestantFailure) -> Void = {},
        _ multiply: @escaping (MatrixMemory) throws(ContestantFailure) -> Void
    ) {
        self.matrices = matrices
        self.begin = begin
        self.multiply = multiply
        // Whatever a contestant leaves out shows as an error: every byte is 255.
        product = MatrixMemory(byteCount: 4 * matrices.shape.m * matrices.shape.n)
    }

    /// The library's own product, through its C interface, with memory of its own for what it needs.
    ///
    /// - Parameter packed: whether B is packed before, as weights that serve many products are.
    static func ours(
        _ matrices: GemmMatrices, isa: InstructionSet, threads: Int, packed: Bool = false
    ) throws(ContestantFailure) -> GemmContestant {
        var options = ck_options_default()
        (options.threads, options.isa) = (Int32(clamping: threads), ck_isa_named(isa.name))
        let packedB = packed ? try pack(matrices, options) : nil
        func problem(into product: MatrixMemory?) -> ck_gemm_problem {
            var problem = matrices.problem(into: product)
            if let packedB {
                (problem.packed_b, problem.packed_b_bytes) = (UnsafeRawPointer(packedB.memory.start), packedB.byteCount)
            }
            return problem
        }
        var measured = problem(into: nil)
        var byteCount = 0
        try require(ck_gemm_workspace(.CK_FUSED, &measured, &options, &byteCount, nil))
        let workspace = MatrixMemory(byteCount: byteCount)
        (options.workspace, options.workspace_bytes) = (workspace.start, workspace.bytes.count)
        let ready = options
        return GemmContestant(matrices) { product throws(ContestantFailure) in
            defer { withExtendedLifetime((workspace, packedB)) {} }
            var (problem, options) = (problem(into: product), ready)
            try require(ck_gemm(.CK_FUSED, &problem, &options, nil))
        }
    }

    private static func pack(
        _ matrices: GemmMatrices, _ options: ck_options
    ) throws(ContestantFailure) -> (memory: MatrixMemory, byteCount: Int) {
        var (problem, options) = (matrices.problem(into: nil), options)
        var byteCount = 0
        try require(ck_gemm_packed_bytes(&problem, &options, &byteCount, nil))
        let memory = MatrixMemory(byteCount: byteCount)
        guard let start = memory.start else { throw ContestantFailure("there is no memory for the packed matrix") }
        try require(ck_gemm_pack(&problem, &options, start, byteCount, nil))
        return (memory, byteCount)
    }

    private static func require(_ status: ck_status) throws(ContestantFailure) {
        if status != .CK_OK { throw ContestantFailure("it refuses: \(String(cString: ck_status_text(status)))") }
    }

    /// The product of a library of the user's.
    ///
    /// - Throws: ``ContestantFailure`` if it has no product of these types.
    static func peer(
        _ library: GemmLibrary, _ matrices: GemmMatrices, threads: Int
    ) throws(ContestantFailure) -> GemmContestant {
        let call = try library.call(matrices.dtype)
        // Not before each call: a library may plan anew whenever it is told.
        let begin = { () throws(ContestantFailure) in try library.use(threads: threads) }
        return GemmContestant(matrices, begin: begin) { product throws(ContestantFailure) in
            guard let a = matrices.a.start, let b = matrices.b.start, let c = product.start else { return }
            let status = call(matrices.shape, a, b, c)
            if status != 0 { throw ContestantFailure("it refused the product with status \(status)") }
        }
    }

    func burst(_ repetitions: Int) throws(ContestantFailure) -> [Double] {
        try begin()
        var seconds: [Double] = []
        var done = 0
        while done < repetitions {
            let start = Stopwatch.now
            for _ in 0..<groupSize { try multiply(product) }
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
        if matrices.dtype.c == .CK_F32 {
            return reference.errors(of: UnsafeBufferPointer(product.bytes.bindMemory(to: Float.self)))
        }
        return product.bytes.bindMemory(to: Int32.self).map { Float($0) }.withUnsafeBufferPointer {
            reference.errors(of: $0)
        }
    }
}
