import AttentionKernels
import CKernels
import TestSupport
import Testing

/// GEMM on every ISA against the oracle, after netlib: |error| / (eps * (|alpha| |A| |B| + |beta| |C|)) < 16.
@Suite struct GemmTests {
    typealias Size = GemmCase.Size

    /// Small cubes, primes, and one less and more than the panels, the tiles' rows, the rows packed of A, the block of K and
    /// the strips; then the narrow ones, and the empty.
    static let sizes: [Size] =
        [0, 1, 2, 3, 7, 31, 63].map { Size($0, $0, $0) } + [
            Size(13, 29, 37), Size(97, 101, 61), Size(67, 131, 521), Size(47, 63, 255), Size(48, 64, 256),
            Size(49, 65, 257), Size(5, 15, 3), Size(6, 16, 512), Size(7, 17, 513), Size(8, 18, 1025), Size(23, 31, 511),
            Size(24, 32, 256),
            Size(25, 33, 257), Size(11, 47, 30), Size(12, 48, 31), Size(13, 49, 33), Size(4, 383, 9), Size(5, 384, 8),
            Size(26, 385, 7), Size(1, 200, 300), Size(200, 1, 300), Size(2, 130, 257), Size(3, 65, 513),
            Size(4, 66, 40),
            Size(130, 2, 255), Size(90, 3, 256), Size(95, 4, 258), Size(130, 8, 70), Size(16, 130, 70),
            Size(130, 97, 1),
            Size(5, 7, 0), Size(0, 7, 5), Size(7, 0, 5),
        ]
    static let factors: [Float] = [0, 1, 0.7, -1.3]
    static let allFactors = factors.flatMap { alpha in factors.map { (alpha, $0) } }

    @Test(arguments: sizes, GemmCase.Arrangements.all)
    func agreesWithTheOracle(size: Size, arrangements: GemmCase.Arrangements) throws {
        let gemm = GemmCase(size, arrangements)
        let product = try gemm.oracle()
        let isSmall = size.m * size.n <= 1100
        for (alpha, beta) in isSmall ? Self.allFactors : [(1, 0), (-1.3, 0.7)] {
            (gemm.problem.alpha, gemm.problem.beta) = (alpha, beta)
            for isa in Isas.all {
                for threads in isSmall || isa != Isas.all[0] ? [1] : [1, 2] {
                    let c = try gemm.run(isa: isa, threads: threads)
                    let worst = Self.scaledError(c, product, gemm.originalC, alpha, beta)
                    #expect(worst < 16, "\(isa.name), \(threads) threads, alpha \(alpha), beta \(beta)")
                }
            }
            #expect(gemm.c.isIntact(outside: gemm.cPositions))
        }
    }

    /// The largest error in units of `eps` times the magnitude; infinite where that is 0 and the error is not.
    static func scaledError(
        _ c: [Float], _ product: GemmOracle, _ old: [Float], _ alpha: Float, _ beta: Float
    ) -> Double {
        let (a, b) = (Double(alpha), Double(beta))
        var worst = 0.0
        for index in c.indices {
            let kept = b * Double(old[index])
            let error = abs(Double(c[index]) - (a * product.c[index] + kept))
            let scaled = error / (0x1p-23 * (abs(a) * product.magnitude[index] + abs(kept)))
            // Not `max`: a NaN must not pass.
            if error != 0, !(scaled <= worst) { worst = scaled.isNaN ? .infinity : scaled }
        }
        return worst
    }

    @Test(arguments: GemmCase.Arrangements.all)
    func smallIntegersAreExact(arrangements: GemmCase.Arrangements) throws {
        for size in [Size(45, 70, 300), Size(2, 90, 600), Size(90, 1, 300), Size(70, 9, 40)] {
            let gemm = GemmCase(size, arrangements, alpha: 2, beta: -1, batch: 2, integers: true)
            let expected = try gemm.oracle().c
            #expect(expected.contains { $0 != 0 })
            for kernel in [ck_kernel.CK_NAIVE, .CK_BLOCKED, .CK_FUSED] {
                for isa in Isas.all {
                    #expect(try gemm.run(kernel, isa: isa, threads: 2).map(Double.init) == expected)
                }
            }
        }
    }

    /// Products too large for the oracle, after Freivalds (1977): `C x = A (B x)` for a random x of signs.
    @Test(arguments: [
        GemmCase.Arrangements(.rows, .rows, .rows), .init(.columns, .columns, .rows), .init(.rows, .columns, .columns),
    ])
    func largeProductsAgreeOnARandomVector(arrangements: GemmCase.Arrangements) throws {
        let size = Size(700, 900, 1100)
        let gemm = GemmCase(size, arrangements)
        var random = SeededRandom(seed: 12)
        let signs = (0..<size.n).map { _ in random.uniform() < 0.5 ? -1.0 : 1 }
        let (signed, sizes) = Self.apply(gemm.b, gemm.bLayout, signs, [Double](repeating: 1, count: size.n))
        let (expected, magnitude) = Self.apply(gemm.a, gemm.aLayout, signed, sizes)
        for isa in Isas.all {
            let c = try gemm.run(isa: isa, threads: 2)
            #expect(gemm.c.isIntact(outside: gemm.cPositions))
            let worst = (0..<size.m).map { i in
                let sum = (0..<size.n).reduce(0.0) { $0 + Double(c[i * size.n + $1]) * signs[$1] }
                return abs(sum - expected[i]) / (0x1p-23 * magnitude[i])
            }
            // Errors of columns hardly ever have one sign; a wrong element would show as thousands.
            #expect(worst.allSatisfy { $0 < 2 }, "\(isa.name): \(worst.max() ?? 0)")
        }
    }

    /// A matrix times a vector, and its magnitudes times those of the vector.
    private static func apply(
        _ matrix: GuardedBuffer, _ layout: MatrixLayout, _ x: [Double], _ sizes: [Double]
    ) -> ([Double], [Double]) {
        var (product, magnitude) = ([Double](), [Double]())
        for i in 0..<layout.rows {
            var (sum, size) = (0.0, 0.0)
            var element = matrix.start + layout.offset + i * layout.rowStride
            for j in 0..<layout.columns {
                sum += Double(element.pointee) * x[j]
                size += abs(Double(element.pointee)) * sizes[j]
                element += layout.columnStride
            }
            product.append(sum)
            magnitude.append(size)
        }
        return (product, magnitude)
    }

    @Test(arguments: [
        Size(20, 40, 30), Size(1, 40, 300), Size(40, 2, 300), Size(30, 20, 0), Size(30, 200, 20), Size(8, 200, 0),
    ])
    func betaZeroDoesNotReadCAndAlphaZeroNeitherANorB(size: Size) throws {
        for kernel in [ck_kernel.CK_NAIVE, .CK_FUSED] {
            for isa in Isas.all {
                let fresh = GemmCase(size)
                fresh.originalC = fresh.originalC.map { _ in .nan }
                #expect(try fresh.run(kernel, isa: isa).allSatisfy { $0.isFinite })
                let scaled = GemmCase(size, alpha: 0, beta: 0.5)
                for index in 0..<scaled.a.count { scaled.a[index] = .nan }
                for index in 0..<scaled.b.count { scaled.b[index] = .infinity }
                #expect(try scaled.run(kernel, isa: isa) == scaled.originalC.map { 0.5 * $0 })
            }
        }
    }

    @Test(arguments: [1, 2, 5], GemmCase.Arrangements.all)
    func stridedBatch(batch: Int, arrangements: GemmCase.Arrangements) throws {
        let gemm = GemmCase(Size(30, 50, 40), arrangements, alpha: 1, beta: 0.5, batch: batch)
        let expected = try gemm.oracle()
        for threads in [1, 2, 3] {
            let c = try gemm.run(threads: threads)
            #expect(
                c.indices.allSatisfy { abs(Double(c[$0]) - expected.c[$0]) < 16 * 0x1p-23 * expected.magnitude[$0] })
            #expect(gemm.c.isIntact(outside: gemm.cPositions))
        }
    }
}
