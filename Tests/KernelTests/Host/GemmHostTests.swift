import CKernels
import Testing

/// Products in a process that brings its own floating-point mode and a large address space.
@Suite struct GemmHostTests {
    typealias Size = GemmCase.Size

    #if arch(x86_64)
        /// One term a sum: 1 times a subnormal number is that number, or zero where the caller flushes them, on every
        /// worker alike. The caller's mode stays.
        @Test func subnormalsFollowTheCallersMode() async {
            await #expect(processExitsWith: .success) {
                SubnormalMode.leaveToTheLibrary()
                for size in [Size(1, 900, 1), Size(9, 40, 1), Size(120, 190, 1)] {
                    try GemmHostTests.expectTheCallersMode(size)
                }
            }
        }

        private static func expectTheCallersMode(_ size: Size) throws {
            let product = GemmCase(size)
            for i in 0..<size.m { product.a[product.aLayout.positions[i]] = 1 }
            let row = (0..<size.n).map { Float(sign: .plus, exponent: -136, significand: Float($0 % 64 + 1)) }
            for (position, element) in zip(product.bLayout.positions, row) { product.b[position] = element }
            let expected = (0..<size.m).flatMap { _ in row }
            for isa in Isas.all {
                for threads in [1, 2, 2 * usableCores + 1] {
                    for kernel in [ck_kernel.CK_NAIVE, .CK_BLOCKED, .CK_FUSED] {
                        let run = { try product.run(kernel, isa: isa, threads: threads) }
                        #expect(try run() == expected, "\(size) \(isa.name) \(threads) threads")
                        let flushed = try SubnormalMode.flushed(run)
                        #expect(flushed.isKept)
                        #expect(flushed.result.allSatisfy { $0 == 0 }, "\(size) \(isa.name) \(threads) threads")
                    }
                }
            }
        }
    #endif

    /// Rows of A and C and columns of B 4 GB apart, forwards and backwards: products of index and stride exceed 32 bits.
    @Test(arguments: [1, 5]) func stridesBeyond32Bits(rows: Int) throws {
        let size = Size(rows, 5, 40)
        let product = GemmCase(size)
        let kernels = [ck_kernel.CK_NAIVE, .CK_BLOCKED, .CK_FUSED]
        let expected = try kernels.map { try product.run($0, threads: 2).map(\.bitPattern) }
        let stride = 1 << 30
        let memory = try (0..<3).map { _ in try SparseMemory(count: 5 * stride) }
        func matrix(_ index: Int, offset: Int, rows: Int, columns: Int) -> ck_matrix {
            ck_matrix(
                data: memory[index].start, count: Int64(memory[index].count), offset: Int64(offset), batch_stride: 0,
                row_stride: Int64(rows), column_stride: Int64(columns), dtype: .CK_F32, pointers: nil)
        }
        product.problem.a = matrix(0, offset: 3, rows: stride, columns: 1)
        product.problem.b = matrix(1, offset: 4 * stride + 7, rows: 1, columns: -stride)
        product.problem.c = matrix(2, offset: 4 * stride, rows: -stride, columns: 2)
        for (index, position) in product.aLayout.positions.enumerated() {
            memory[0].start[3 + index / size.k * stride + index % size.k] = product.a[position]
        }
        for (index, position) in product.bLayout.positions.enumerated() {
            memory[1].start[4 * stride + 7 - index % size.n * stride + index / size.n] = product.b[position]
        }
        for (kernel, bits) in zip(kernels, expected) {
            for index in bits.indices { memory[2].start[(4 - index / size.n) * stride + 2 * (index % size.n)] = .nan }
            var options = ck_options(.CK_ISA_AUTO, threads: 2)
            try #require(ck_gemm(kernel, &product.problem, &options, nil) == .CK_OK)
            let found = bits.indices.map {
                memory[2].start[(4 - $0 / size.n) * stride + 2 * ($0 % size.n)].bitPattern
            }
            #expect(firstDifference(found, bits) == nil, "kernel \(kernel)")
        }
    }
}
