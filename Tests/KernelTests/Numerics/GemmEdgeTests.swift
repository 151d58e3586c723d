import AttentionKernels
import CKernels
import TestSupport
import Testing

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Small products and few rows, which read their operands where they lie up to the last element.
@Suite struct GemmEdgeTests {
    typealias Size = GemmCase.Size

    /// Floats that end where memory begins that nobody may read.
    final class CliffBuffer {
        let start: UnsafeMutablePointer<Float>
        let count: Int
        private let memory: UnsafeMutableRawPointer
        private let byteCount: Int

        init(_ numbers: [Float]) throws {
            let page = Int(sysconf(Int32(_SC_PAGESIZE)))
            let used = (numbers.count * 4 + page - 1) / page * page
            count = numbers.count
            byteCount = used + page
            let mapped = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0)
            memory = try #require(mapped != MAP_FAILED ? mapped : nil)
            start = (memory + used - count * 4).assumingMemoryBound(to: Float.self)
            start.initialize(from: numbers, count: count)
            try #require(mprotect(memory + used, page, PROT_NONE) == 0)
        }

        deinit { munmap(memory, byteCount) }

        var numbers: [Float] { Array(UnsafeBufferPointer(start: start, count: count)) }

        func matrix(_ rows: Int, _ columns: Int, transposed: Bool = false) -> ck_matrix {
            var matrix = ck_matrix()
            matrix.data = UnsafeMutableRawPointer(start)
            matrix.count = Int64(count)
            matrix.row_stride = Int64(transposed ? 1 : columns)
            matrix.column_stride = Int64(transposed ? rows : 1)
            return matrix
        }
    }

    static let sizes = [
        Size(20, 20, 20), Size(5, 7, 9), Size(6, 63, 12), Size(8, 50, 300), Size(16, 1025, 40), Size(9, 33, 600),
        Size(40, 79, 513), Size(12, 1, 31), Size(70, 130, 3), Size(4, 17, 1),
    ]

    @Test(arguments: sizes)
    func nothingBeyondAnOperandIsTouched(size: Size) throws {
        let whole = GemmCase(size)
        let expected = bits(try whole.run(isa: Isas.withFMA[0]))
        let dense = { (buffer: GuardedBuffer, layout: MatrixLayout) in layout.positions.map { buffer.start[$0] } }
        let (a, b) = (dense(whole.a, whole.aLayout), dense(whole.b, whole.bLayout))
        let turned = (0..<size.n).flatMap { j in (0..<size.k).map { b[$0 * size.n + j] } }
        let (aMemory, cMemory) = (try CliffBuffer(a), try CliffBuffer(whole.originalC))
        for (numbers, isTransposed) in [(b, false), (turned, true)] {
            let bMemory = try CliffBuffer(numbers)
            var problem = whole.problem
            problem.a = aMemory.matrix(size.m, size.k)
            problem.b = bMemory.matrix(size.k, size.n, transposed: isTransposed)
            problem.c = cMemory.matrix(size.m, size.n)
            for isa in Isas.withFMA {
                for threads in 1...2 {
                    for index in 0..<cMemory.count { cMemory.start[index] = .nan }
                    var options = ck_options(isa, threads: threads)
                    #expect(ck_gemm(.CK_FUSED, &problem, &options, nil) == .CK_OK)
                    #expect(firstDifference(bits(cMemory.numbers), expected) == nil)
                }
            }
            withExtendedLifetime(bMemory) {}
        }
        withExtendedLifetime((aMemory, cMemory)) {}
    }

    /// Lines of B a page apart, which few rows read in place and many pack.
    @Test(arguments: [4, 6, 8, 9, 12, 16, 24, 32, 33])
    func fewRowsOnLinesOfAPageHaveTheBitsOfMany(rows: Int) throws {
        let (n, k) = (1024, 530)
        var random = SeededRandom(seed: 5)
        let (a, b) = (try CliffBuffer(random.normals(40 * k)), try CliffBuffer(random.normals(k * n)))
        for isa in Isas.all {
            let product = { (rows: Int) throws -> [UInt32] in
                let c = try CliffBuffer([Float](repeating: .nan, count: rows * n))
                var problem = ck_gemm_problem()
                (problem.batch, problem.m, problem.n, problem.k) = (1, Int64(rows), Int64(n), Int64(k))
                problem.alpha = 1
                (problem.a, problem.b, problem.c) = (a.matrix(rows, k), b.matrix(k, n), c.matrix(rows, n))
                var options = ck_options(isa, threads: 2)
                try #require(ck_gemm(.CK_FUSED, &problem, &options, nil) == .CK_OK)
                return bits(c.numbers)
            }
            let (few, many) = (try product(rows), try product(40))
            #expect(firstDifference(few, many[..<(rows * n)]) == nil)
        }
        withExtendedLifetime((a, b)) {}
    }

    /// A B that no cache holds streams past few rows, some lines of 512 columns at a time; 40 rows take tiles. Larger
    /// caches than 64 MB are not filled.
    @Test func fewRowsOnLinesFromMemoryHaveTheBitsOfMany() throws {
        let n = 1033
        let floats = min(Int(ck_machine_info().pointee.l3_bytes) / 4, 16_000_000)
        let k = max(floats, 4_000_000) / n + 70
        var random = SeededRandom(seed: 6)
        let part = random.normals(10_007)
        let (a, b) = (
            try CliffBuffer(random.normals(40 * k)), try CliffBuffer([Float](repeating: 0, count: n * k))
        )
        for at in stride(from: 0, to: b.count, by: part.count) {
            (b.start + at).update(from: part, count: min(part.count, b.count - at))
        }
        for isa in Isas.withFMA {
            let product = { (rows: Int, threads: Int) throws -> [UInt32] in
                let c = try CliffBuffer([Float](repeating: 0.5, count: rows * n))
                var problem = ck_gemm_problem()
                (problem.batch, problem.m, problem.n, problem.k) = (1, Int64(rows), Int64(n), Int64(k))
                (problem.alpha, problem.beta) = (0.7, -1.3)
                (problem.a, problem.b, problem.c) = (a.matrix(rows, k), b.matrix(k, n), c.matrix(rows, n))
                var options = ck_options(isa, threads: threads)
                try #require(ck_gemm(.CK_FUSED, &problem, &options, nil) == .CK_OK)
                return bits(c.numbers)
            }
            let many = try product(40, 2)
            for (rows, threads) in [(4, 1), (7, 2), (8, 1), (12, 2), (16, 1), (16, 2), (32, 2)] {
                #expect(firstDifference(try product(rows, threads), many[..<(rows * n)]) == nil)
            }
        }
        withExtendedLifetime((a, b)) {}
    }

    /// A block that needs no workspace refuses a bad one like any other product.
    @Test func aBlockRefusesABadWorkspace() throws {
        let gemm = GemmCase(Size(16, 16, 16))
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 64)
        defer { memory.deallocate() }
        for (offset, byteCount) in [(4, 1024), (0, 8)] {
            var options = ck_options(.CK_ISA_AUTO, threads: 1)
            options.workspace = memory + offset
            options.workspace_bytes = byteCount
            var diagnosis = ck_diagnosis()
            #expect(ck_gemm(.CK_FUSED, &gemm.problem, &options, &diagnosis) == .CK_SMALL_WORKSPACE)
            #expect(diagnosis.argument == .CK_ARG_WORKSPACE && diagnosis.expected > 8)
        }
        var options = ck_options(.CK_ISA_AUTO, threads: 1)
        options.workspace = memory
        options.workspace_bytes = 4096
        #expect(ck_gemm(.CK_FUSED, &gemm.problem, &options, nil) == .CK_OK)
    }

    /// What a call of a small product decides without a plan is what its plan says.
    @Test(arguments: Isas.all, [1, 2])
    func aBlockIsWhatThePlanSays(isa: ck_isa, threads: Int) throws {
        let memory = UnsafeMutablePointer<Float>.allocate(capacity: 3 << 18)
        defer { memory.deallocate() }
        let matrix = { (index: Int, rows: Int, columns: Int, isTransposed: Bool) in
            var matrix = ck_matrix()
            matrix.data = UnsafeMutableRawPointer(memory + index << 18)
            matrix.count = Int64(rows * columns)
            (matrix.row_stride, matrix.column_stride) = isTransposed ? (1, Int64(rows)) : (Int64(columns), 1)
            return matrix
        }
        var blocks = [0, 0]
        for m in [1, 3, 4, 8, 9, 16, 33, 96, 200] {
            for n in [1, 8, 15, 16, 33, 48, 64, 65, 192, 193, 256] {
                for k in [1, 16, 40, 64, 512, 513] {
                    for transposed in 0..<8 {
                        let isTransposed = (0..<3).map { transposed >> $0 & 1 == 1 }
                        var problem = ck_gemm_problem()
                        (problem.batch, problem.m, problem.n, problem.k) = (1, Int64(m), Int64(n), Int64(k))
                        problem.alpha = 1
                        problem.a = matrix(0, m, k, isTransposed[0])
                        problem.b = matrix(1, k, n, isTransposed[1])
                        problem.c = matrix(2, m, n, isTransposed[2])
                        var options = ck_options(isa, threads: threads)
                        var plan = ck_gemm_explanation()
                        try #require(ck_gemm_explain(.CK_FUSED, &problem, &options, &plan, nil) == .CK_OK)
                        let isAlone = plan.threads == 1 && plan.tasks == 1 && k <= 512
                        let isInOrder = problem.a.column_stride == 1 && problem.c.column_stride == 1
                        let isTiles = plan.route == .CK_ROUTE_TILES && !plan.exchanged && isAlone && isInOrder
                        let panel = Int(plan.tile_columns)
                        let onStack = (n <= panel ? panel : n + panel - 1) * k * 4 <= 20 * 1024
                        let isPacked = isTiles && plan.packs_b && problem.b.row_stride == 1 && onStack
                        // No scratch but the list of what there is.
                        let isNatural = isTiles && plan.workspace_bytes <= 64
                        let what = Comment("\(m)x\(n)x\(k), transposed \(isTransposed)")
                        #expect(plan.is_block == (isPacked || isNatural), what)
                        blocks[0] += isNatural ? 1 : 0
                        blocks[1] += isPacked ? 1 : 0
                    }
                }
            }
        }
        #expect(blocks[0] > 50 && blocks[1] > 20)
    }
}
