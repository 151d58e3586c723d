import CKernels
import TestSupport
import Testing

/// GEMM on every ISA against the oracle, after netlib: |error| / (eps * (|alpha| |A| |B| + |beta| |C|)) < 16.
@Suite struct GemmTests {
    struct Size: Sendable, CustomTestStringConvertible {
        var m, n, k: Int
        var testDescription: String { "\(m)x\(n)x\(k)" }
    }

    static let sizes: [Size] =
        [0, 1, 2, 3, 7, 31, 63].map { Size(m: $0, n: $0, k: $0) } + [
            Size(m: 12, n: 32, k: 256), Size(m: 13, n: 33, k: 257), Size(m: 11, n: 31, k: 255),
            Size(m: 1, n: 200, k: 300), Size(m: 200, n: 1, k: 300), Size(m: 130, n: 97, k: 1),
            Size(m: 5, n: 7, k: 0), Size(m: 0, n: 7, k: 5), Size(m: 257, n: 131, k: 521),
        ]

    @Test(arguments: sizes, [(false, false), (false, true), (true, false), (true, true)])
    func agreesWithTheOracle(size: Size, transposes: (Bool, Bool)) throws {
        for (alpha, beta): (Float, Float) in [(1, 0), (0.7, -1.3), (-1.3, 1), (0, 0.7), (0, 0), (1, 1)] {
            let gemm = GemmCase(size, transposes, alpha: alpha, beta: beta)
            var row = [Double](repeating: 0, count: size.n)
            var magnitude = row
            for isa in Isas.all {
                for threads in [1, 2] {
                    let c = try gemm.run(ck_kernel.CK_BLOCKED, isa: isa, threads: threads)
                    for i in 0..<size.m {
                        gemm.restoreC()
                        ck_oracle_gemm_row(&gemm.problem, 0, Int64(i), &row, &magnitude, nil)
                        for j in 0..<size.n {
                            let error = abs(Double(c[i * size.n + j]) - row[j])
                            #expect(error <= 16 * 0x1p-23 * magnitude[j], "\(isa.name) \(i) \(j)")
                        }
                    }
                }
            }
        }
    }

    @Test(arguments: [(false, false), (false, true), (true, false), (true, true)])
    func sameBitsForEveryThreadCountAndFMAInstructionSet(transposes: (Bool, Bool)) throws {
        let gemm = GemmCase(Size(m: 300, n: 190, k: 700), transposes, alpha: 0.7, beta: 1)
        let expected = try gemm.run(ck_kernel.CK_BLOCKED, isa: Isas.all[0]).map(\.bitPattern)
        for isa in Isas.withFMA {
            for threads in 1...(2 * usableCores) {
                expectSameBits(
                    try gemm.run(ck_kernel.CK_BLOCKED, isa: isa, threads: threads).map(\.bitPattern), expected)
            }
        }
    }

    /// A row of C does not depend on M.
    @Test func aRowAloneHasTheSameBits() throws {
        let gemm = GemmCase(Size(m: 75, n: 90, k: 600), (false, false), alpha: 1, beta: 0)
        let whole = try gemm.run(ck_kernel.CK_BLOCKED, threads: 2)
        for i in [0, 11, 12, 47, 74] {
            let single = GemmCase(Size(m: 1, n: 90, k: 600), (false, false), alpha: 1, beta: 0)
            single.problem.a = gemm.problem.a
            single.problem.a.offset += Int64(i) * gemm.problem.a.row_stride
            single.problem.b = gemm.problem.b
            expectSameBits(
                try single.run(ck_kernel.CK_BLOCKED).map(\.bitPattern), whole[i * 90..<(i + 1) * 90].map(\.bitPattern))
        }
    }

    @Test func smallIntegersAreExact() throws {
        for kernel in [ck_kernel.CK_NAIVE, ck_kernel.CK_BLOCKED, ck_kernel.CK_FUSED] {
            for isa in Isas.all {
                let gemm = GemmCase(Size(m: 45, n: 70, k: 300), (false, true), alpha: 2, beta: -1, integers: true)
                var row = [Double](repeating: 0, count: 70)
                let c = try gemm.run(kernel, isa: isa, threads: 2)
                gemm.restoreC()
                for i in 0..<45 {
                    ck_oracle_gemm_row(&gemm.problem, 0, Int64(i), &row, nil, nil)
                    #expect((0..<70).allSatisfy { Double(c[i * 70 + $0]) == row[$0] })
                }
            }
        }
    }

    @Test func betaZeroDoesNotReadCAndAlphaZeroNeitherANorB() throws {
        for isa in Isas.all {
            let fresh = GemmCase(Size(m: 20, n: 40, k: 30), (false, false), alpha: 1, beta: 0)
            fresh.fillC(.nan)
            #expect(try fresh.run(ck_kernel.CK_BLOCKED, isa: isa).allSatisfy { $0.isFinite })
            let scaled = GemmCase(Size(m: 20, n: 40, k: 30), (false, false), alpha: 0, beta: 0.5)
            scaled.poisonInputs()
            #expect(try scaled.run(ck_kernel.CK_BLOCKED, isa: isa).allSatisfy { $0.isFinite })
        }
    }

    @Test(arguments: [1, 2, 5]) func stridedBatch(batch: Int) throws {
        let gemm = GemmCase(Size(m: 30, n: 50, k: 40), (true, true), alpha: 1, beta: 0.5, batch: batch)
        var row = [Double](repeating: 0, count: 50)
        for threads in [1, 2, 3] {
            let c = try gemm.run(ck_kernel.CK_BLOCKED, threads: threads)
            gemm.restoreC()
            for b in 0..<batch {
                for i in 0..<30 {
                    ck_oracle_gemm_row(&gemm.problem, Int64(b), Int64(i), &row, nil, nil)
                    #expect((0..<50).allSatisfy { abs(Double(c[(b * 30 + i) * 50 + $0]) - row[$0]) < 1e-4 })
                }
            }
        }
    }
}

/// A GEMM problem over padded buffers of its own; C can be restored, for the oracle reads it too.
final class GemmCase {
    var problem = ck_gemm_problem()
    private let size: GemmTests.Size
    private var releases: [() -> Void] = []
    private var originalC: [Float] = []

    init(
        _ size: GemmTests.Size, _ transposes: (Bool, Bool), alpha: Float, beta: Float, batch: Int = 1,
        integers: Bool = false
    ) {
        self.size = size
        var random = SeededRandom(seed: 11)
        let value = { integers ? Float(Int(random.uniform() * 9) - 4) : random.normal() }
        problem.batch = Int64(batch)
        (problem.m, problem.n, problem.k) = (Int64(size.m), Int64(size.n), Int64(size.k))
        (problem.alpha, problem.beta) = (alpha, beta)
        problem.a =
            transposes.0 ? matrix(batch, size.k, size.m, value).transposed : matrix(batch, size.m, size.k, value)
        problem.b =
            transposes.1 ? matrix(batch, size.n, size.k, value).transposed : matrix(batch, size.k, size.n, value)
        problem.c = matrix(batch, size.m, size.n, value)
        originalC = Array(UnsafeBufferPointer(start: floats(problem.c), count: Int(problem.c.count)))
    }

    deinit { for release in releases { release() } }

    private func floats(_ x: ck_matrix) -> UnsafeMutablePointer<Float> { x.data!.assumingMemoryBound(to: Float.self) }

    private func matrix(_ batch: Int, _ rows: Int, _ columns: Int, _ value: () -> Float) -> ck_matrix {
        let stride = columns + 3
        let count = batch * rows * stride + 2
        let data = UnsafeMutablePointer<Float>.allocate(capacity: count)
        releases.append { data.deallocate() }
        for i in 0..<count { data[i] = .nan }
        for b in 0..<batch {
            for i in 0..<rows { for j in 0..<columns { data[2 + (b * rows + i) * stride + j] = value() } }
        }
        return ck_matrix(
            data: data, count: Int64(count), offset: 2, batch_stride: Int64(rows * stride), row_stride: Int64(stride),
            column_stride: 1, dtype: .CK_F32, pointers: nil)
    }

    func restoreC() { floats(problem.c).update(from: originalC, count: originalC.count) }

    func fillC(_ value: Float) {
        for i in originalC.indices { originalC[i] = value }
    }

    func poisonInputs() {
        for x in [problem.a, problem.b] { for i in 0..<Int(x.count) { floats(x)[i] = .nan } }
    }

    /// C of a call on the original C, dense.
    func run(_ kernel: ck_kernel, isa: ck_isa = .CK_ISA_AUTO, threads: Int = 1) throws -> [Float] {
        restoreC()
        var options = ck_options_default()
        options.isa = isa
        options.threads = Int32(threads)
        let status = ck_gemm(kernel, &problem, &options, nil)
        try #require(status == ck_status.CK_OK, "\(String(cString: ck_status_text(status)))")
        var dense: [Float] = []
        for b in 0..<Int(problem.batch) {
            for i in 0..<size.m {
                let row = 2 + b * Int(problem.c.batch_stride) + i * Int(problem.c.row_stride)
                dense += UnsafeBufferPointer(start: floats(problem.c) + row, count: size.n)
                for gap in row + size.n..<row + Int(problem.c.row_stride) where !originalC[gap].isFinite {
                    #expect(floats(problem.c)[gap].isNaN, "a call wrote between the rows of C")
                }
            }
        }
        return dense
    }
}

extension ck_matrix {
    /// The same memory, read with rows and columns exchanged.
    fileprivate var transposed: ck_matrix {
        var matrix = self
        (matrix.row_stride, matrix.column_stride) = (column_stride, row_stride)
        return matrix
    }
}
