import AttentionKernels
import TestSupport
import Testing

/// Every argument of the product on borrowed memory, wrong in every way it can be.
@Suite struct GemmErrorTests {
    /// A small valid product, of which a test breaks one thing; `c` holds the poison until a call succeeds.
    final class Fixture {
        let a = GuardedBuffer(count: 2 * 3 * 4)
        let b = GuardedBuffer(count: 2 * 4 * 5)
        let c = GuardedBuffer(count: 2 * 3 * 5)
        var aLayout = MatrixLayout(batch: 2, rows: 3, columns: 4)
        var bLayout = MatrixLayout(batch: 2, rows: 4, columns: 5)
        var cLayout = MatrixLayout(batch: 2, rows: 3, columns: 5)
        var aCount = 24
        var bCount = 40
        var cCount = 30
        var alpha: Float = 1
        var beta: Float = 0
        var transposeB = false
        var execution = Execution.shared

        init() {
            for index in 0..<24 { a[index] = Float(index % 5) - 2 }
            for index in 0..<40 { b[index] = Float(index % 7) - 3 }
        }

        func multiply(_ kernel: AttentionKernel) throws(KernelError) {
            let (a, b, c) = (a, b, c)
            try matmul(
                MatrixInput(a.span.extracting(first: aCount), aLayout),
                MatrixInput(b.span.extracting(first: bCount), bLayout, transposed: transposeB),
                into: MatrixOutput(c.mutableSpan(first: cCount), cLayout), alpha: alpha, beta: beta, kernel: kernel,
                execution: execution)
        }
    }

    @Test(arguments: AttentionKernel.allCases)
    func theFixtureIsValid(kernel: AttentionKernel) throws {
        let fixture = Fixture()
        try fixture.multiply(kernel)
        #expect(isMostlyNonzero((0..<30).map { fixture.c[$0] }))
        #expect(fixture.c.isIntact(.bhsd(batch: 1, heads: 1, length: 1, width: 30)))
    }

    @Test(arguments: badShapes + badLayouts + badValues)
    func refuses(_ bad: BadArgument<Fixture>) {
        for kernel in AttentionKernel.allCases {
            let fixture = Fixture()
            bad.spoil(fixture)
            bad.expectError { try fixture.multiply(kernel) }
            #expect(fixture.c.isIntact())
        }
    }

    static let badShapes: [BadArgument<Fixture>] = [
        BadArgument(.shapeMismatch, .b, "3 rows", "4 columns", "[2, 3, 5]") { $0.bLayout.rows = 3 },
        BadArgument(.shapeMismatch, .b, "5 rows", "transposed") { $0.transposeB = true },
        BadArgument(.shapeMismatch, .b, "batch is 3") { $0.bLayout.batch = 3 },
        BadArgument(.shapeMismatch, .c, "[2, 4, 5]", "[2, 3, 5]") { $0.cLayout.rows = 4 },
        BadArgument(.shapeMismatch, .c) { $0.cLayout.columns = 4 },
        BadArgument(.shapeMismatch, .c) { $0.cLayout.batch = 1 },
        BadArgument(.negativeSize, .batch, "-2", "0 or more") {
            $0.aLayout.batch = -2
            $0.bLayout.batch = -2
            $0.cLayout.batch = -2
        },
        BadArgument(.negativeSize, .m, "-3") {
            $0.aLayout.rows = -3
            $0.cLayout.rows = -3
        },
        BadArgument(.negativeSize, .n, "-5") {
            $0.bLayout.columns = -5
            $0.cLayout.columns = -5
        },
        BadArgument(.negativeSize, .k, "-4") {
            $0.aLayout.columns = -4
            $0.bLayout.rows = -4
        },
        BadArgument(.sizeOverflow, .m, "\(Int.max)") {
            $0.aLayout.rows = .max
            $0.cLayout.rows = .max
        },
        BadArgument(.sizeOverflow, .c) {
            $0.aLayout.rows = 1 << 30
            $0.cLayout.rows = 1 << 30
            $0.bLayout.columns = 1 << 30
            $0.cLayout.columns = 1 << 30
        },
        BadArgument(.sizeOverflow, .a) {
            $0.aLayout.rows = 1 << 30
            $0.cLayout.rows = 1 << 30
            $0.aLayout.columns = 1 << 30
            $0.bLayout.rows = 1 << 30
        },
        BadArgument(.sizeOverflow, .b) {
            $0.bLayout.rows = 1 << 30
            $0.aLayout.columns = 1 << 30
            $0.bLayout.columns = 1 << 30
            $0.cLayout.columns = 1 << 30
        },
    ]

    static let badLayouts: [BadArgument<Fixture>] = [
        BadArgument(.strideTooSmall, .c, "column stride is 0") { $0.cLayout.columnStride = 0 },
        BadArgument(.spanTooShort, .a, "-3", "before the first") { $0.aLayout.columnStride = -1 },
        BadArgument(.sizeOverflow, .b) { $0.bLayout.columnStride = .max },
        BadArgument(.strideTooSmall, .c, "row stride is 4", "at least 5") { $0.cLayout.rowStride = 4 },
        BadArgument(.strideTooSmall, .c, "batch stride is 0") { $0.cLayout.batchStride = 0 },
        BadArgument(.spanTooShort, .a, "23", "24") { $0.aCount = 23 },
        BadArgument(.spanTooShort, .b, "39", "40") { $0.bCount = 39 },
        BadArgument(.spanTooShort, .c, "29", "30") { $0.cCount = 29 },
        BadArgument(.spanTooShort, .c, "has 0") { $0.cCount = 0 },
        BadArgument(.spanTooShort, .a, "-1", "before the first") { $0.aLayout.offset = -1 },
        BadArgument(.spanTooShort, .b) { $0.bLayout.batchStride = -20 },
        BadArgument(.sizeOverflow, .a) { $0.aLayout.batchStride = .max },
        BadArgument(.sizeOverflow, .b) { $0.bLayout.offset = .max },
        BadArgument(.sizeOverflow, .c) { $0.cLayout.batchStride = .min },
    ]

    static let badValues: [BadArgument<Fixture>] = [
        BadArgument(.notFinite, .alpha, "nan", "finite") { $0.alpha = .nan },
        BadArgument(.notFinite, .alpha, "inf") { $0.alpha = .infinity },
        BadArgument(.notFinite, .beta, "nan") { $0.beta = .nan },
        BadArgument(.notFinite, .beta, "-inf") { $0.beta = -.infinity },
        BadArgument(.invalidThreadCount, .threads, "they are 0") { $0.execution = Execution(threads: 0) },
        BadArgument(.invalidThreadCount, .threads, "-7") { $0.execution = Execution(threads: -7) },
        BadArgument(.invalidThreadCount, .threads, "1025") { $0.execution = Execution(threads: 1025) },
        BadArgument(.instructionSetUnavailable, .instructionSet, "not available") {
            let absent = InstructionSet.allCases.first { !InstructionSet.available.contains($0) }
            $0.execution = Execution(instructionSet: absent ?? .neon)
        },
    ]
}
