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
}
