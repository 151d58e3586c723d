import AttentionKernels
import TestSupport
import Testing

/// What `explainMatmul` says agrees with what calls need, and is said in words.
@Suite struct MatmulPlanTests {
    @Test(arguments: Configuration.all)
    func agreesWithTheCall(run: Configuration) throws {
        for (m, n, k) in [(1, 300, 200), (300, 2, 200), (64, 64, 64), (500, 30, 300), (90, 700, 600)] {
            let (a, b) = (try Tensor(shape: [m, k]), try Tensor(shape: [n, k]))
            let plan = try explainMatmul(a, b, transposeB: true, execution: run.execution)
            let byteCount = try matmulWorkspaceByteCount(
                MatrixInput(a.span, MatrixLayout(rows: m, columns: k)),
                MatrixInput(b.span, MatrixLayout(rows: n, columns: k), transposed: true), execution: run.execution)
            #expect(plan.workspaceByteCount == byteCount)
            #expect(plan.instructionSet == run.instructionSet)
            #expect((1...run.threads).contains(plan.threads))
            #expect((plan.isExchanged ? (plan.n, plan.m) : (plan.m, plan.n)) == (m, n) && plan.k == k)
            #expect(plan.floatingPointOperations == Double(2 * m * n * k))
            #expect(plan.operandByteCount == Double(4 * (m * k + k * n + m * n)))
            #expect(plan.trafficByteCount >= plan.operandByteCount)
            #expect(plan.tasks == plan.strips * plan.parts && plan.tasks >= 1)
            #expect(plan.strips * plan.stripColumns >= plan.n && plan.parts * plan.partRows >= plan.m)
            #expect(plan.tileRows > 0 && plan.tileColumns > 0 && plan.kBlock == 512)
            #expect(plan.arithmeticIntensity > 0)
        }
    }

    /// A call in exactly the memory that was said: columns for rows, and an epilogue, may need more.
    @Test(arguments: Configuration.all)
    func theWorkspaceIsThatOfTheVeryCall(run: Configuration) throws {
        for (m, n, k) in [(300, 9, 600), (9, 300, 600), (1, 300, 200), (60, 90, 300)] {
            let (a, b) = (try Tensor(shape: [m, k]), try Tensor(shape: [k, n]))
            let (aLayout, bLayout) = (MatrixLayout(rows: m, columns: k), MatrixLayout(rows: k, columns: n))
            let bias = [Float](repeating: 0.5, count: n)
            for layout in [MatrixLayout(rows: m, columns: n), MatrixLayout(rows: n, columns: m).transposed] {
                for activation in [Activation.none, .silu] {
                    let byteCount = try matmulWorkspaceByteCount(
                        MatrixInput(a.span, aLayout), MatrixInput(b.span, bLayout), into: layout, beta: 1,
                        epilogue: EpilogueInput(bias: bias.span, activation: activation), execution: run.execution)
                    let memory = GuardedBuffer(count: byteCount / 4)
                    let c = GuardedBuffer(layout, [Float](repeating: 1, count: m * n))
                    try matmul(
                        MatrixInput(a.span, aLayout), MatrixInput(b.span, bLayout),
                        into: MatrixOutput(c.mutableSpan(), layout), beta: 1,
                        epilogue: EpilogueInput(bias: bias.span, activation: activation),
                        workspace: MutableRawSpan(
                            _unsafeBytes: UnsafeMutableRawBufferPointer(start: memory.start, count: byteCount)),
                        execution: run.execution)
                    #expect(memory.isIntact(outside: Array(0..<byteCount / 4)))
                    let expected: Float = activation == .none ? 1.5 : 1.2263617
                    #expect((0..<m * n).allSatisfy { abs(c[$0] - expected) < 1e-6 })
                }
            }
        }
    }

    @Test func namesTheWay() throws {
        let (row, wide, tall) = (
            try Tensor(shape: [1, 400]), try Tensor(shape: [400, 500]), try Tensor(shape: [500, 400])
        )
        let gemv = try explainMatmul(row, wide)
        #expect(gemv.path == .gemv && !gemv.isExchanged && !gemv.packsB)
        #expect(gemv.description.contains("gemv") && gemv.description.contains("1x500x400"))
        let thin = try explainMatmul(Tensor(shape: [9, 1024]), Tensor(shape: [1024, 4096]))
        #expect(thin.path == .thin && !thin.packsB && thin.description.contains("thin: 9 rows"))
        let few = try explainMatmul(Tensor(shape: [8, 1024]), Tensor(shape: [1024, 1024]))
        #expect(few.path == .tiles && !few.packsB)
        let turned = try explainMatmul(tall, row, transposeB: true)
        #expect(turned.path == .gemv && turned.isExchanged && turned.m == 1)
        #expect(turned.description.contains("exchanged"))
        let tiles = try explainMatmul(tall, wide)
        #expect(tiles.path == .tiles && !tiles.packsB && !tiles.readsPackedB)
        #expect(tiles.description.contains("200 MFLOP"))
        // Lines a page apart.
        let paged = try explainMatmul(tall, Tensor(shape: [400, 1024]))
        #expect(paged.path == .tiles && paged.packsB && paged.description.contains("packed block by block"))
        #expect(try explainMatmul(tall, wide, kernel: .naive).path == .naive)
        let packed = try explainMatmul(tall, packed: PackedMatrix(wide))
        #expect(packed.readsPackedB && !packed.packsB && packed.description.contains("packed beforehand"))
        let spans = try explainMatmul(
            MatrixInput(tall.span, MatrixLayout(rows: 500, columns: 400)), packed: PackedMatrix(wide))
        #expect(spans == packed)
        let empty = try explainMatmul(Tensor(shape: [0, 4]), Tensor(shape: [4, 3]))
        #expect(empty.path == .none && empty.tasks == 0 && empty.description.contains("empty"))
        let batch = try explainMatmul(Tensor(shape: [3, 20, 30]), Tensor(shape: [30, 40]))
        #expect(batch.batch == 3 && batch.tasks % 3 == 0)
        // The one B comes from memory once.
        #expect(batch.operandByteCount == Double(4 * (3 * 20 * 30 + 30 * 40 + 3 * 20 * 40)))
    }

    @Test func refusesWhatTheCallRefuses() throws {
        expectError(.shapeMismatch, .b, "5 rows") {
            _ = try explainMatmul(Tensor(shape: [3, 4]), Tensor(shape: [5, 2]))
        }
        expectError(.invalidThreadCount, .threads) {
            _ = try explainMatmul(Tensor(shape: [3, 4]), Tensor(shape: [4, 2]), execution: Execution(threads: 0))
        }
    }
}
