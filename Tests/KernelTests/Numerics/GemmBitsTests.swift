import AttentionKernels
import CKernels
import TestSupport
import Testing

/// The bits of a row of C depend on its row of A, on B and on K, and on nothing else.
@Suite struct GemmBitsTests {
    typealias Size = GemmCase.Size

    static func sameForEveryThreadCountAndISA(_ gemm: GemmCase) throws {
        let expected = bits(try gemm.run(isa: Isas.withFMA[0]))
        for isa in Isas.withFMA {
            for threads in 1...(2 * usableCores) {
                #expect(try firstDifference(bits(gemm.run(isa: isa, threads: threads)), expected) == nil)
            }
        }
    }

    /// The last one's B is larger than L2 four times.
    @Test(arguments: [
        Size(300, 190, 700), Size(2, 900, 300), Size(300, 3, 600), Size(40, 8, 257), Size(45, 1030, 1300),
    ])
    func sameBitsForEveryThreadCountAndFMAInstructionSet(size: Size) throws {
        for arrangements in GemmCase.Arrangements.all[..<4] {
            try Self.sameForEveryThreadCountAndISA(GemmCase(size, arrangements, alpha: 0.7, beta: 1))
        }
    }

    /// The same numbers in another arrangement, read in place or packed, exchanged or not.
    @Test(arguments: [Size(75, 90, 600), Size(3, 90, 300), Size(90, 2, 300), Size(90, 12, 40), Size(16, 130, 600)])
    func sameBitsForEveryArrangement(size: Size) throws {
        for isa in Isas.all {
            let expected = bits(try GemmCase(size, alpha: 0.7, beta: -1.3).run(isa: isa))
            for a in [GemmCase.Arrangement.rows, .columns, .strided, .backwards] {
                for b in [GemmCase.Arrangement.rows, .columns, .strided, .backwards] {
                    let gemm = GemmCase(size, .init(a, b, a == .strided ? .columns : a), alpha: 0.7, beta: -1.3)
                    #expect(try firstDifference(bits(gemm.run(isa: isa)), expected) == nil)
                }
            }
        }
    }

    /// Rows i ..< i + rows and columns j ..< j + columns of the whole product, asked alone.
    @Test(arguments: GemmCase.Arrangements.all[..<4])
    func aPartAloneHasTheSameBits(arrangements: GemmCase.Arrangements) throws {
        let whole = GemmCase(Size(75, 90, 600), arrangements)
        var routes: Set<String> = []
        for isa in Isas.all {
            let c = try whole.run(isa: isa, threads: 2)
            for rows in [1, 2, 3, 4, 8, 12, 75] {
                for columns in [1, 2, 3, 4, 8, 16, 90] {
                    let part = GemmCase(Size(rows, columns, 600))
                    let (i, j) = ((75 - rows) / 2, (90 - columns) / 3)
                    part.problem.a = whole.problem.a
                    part.problem.a.offset += Int64(i) * whole.problem.a.row_stride
                    part.problem.b = whole.problem.b
                    part.problem.b.offset += Int64(j) * whole.problem.b.column_stride
                    let alone = try part.run(isa: isa)
                    for row in 0..<rows {
                        let first = (i + row) * 90 + j
                        #expect(
                            firstDifference(
                                bits(Array(alone[row * columns..<(row + 1) * columns])),
                                bits(Array(c[first..<first + columns]))) == nil)
                    }
                    let plan = try part.explain(isa: isa)
                    routes.insert("\(plan.route.rawValue) \(plan.exchanged)")
                }
            }
        }
        // Tiles and GEMV, as given and exchanged; tiles of row-major factors are never exchanged, for nothing of them
        // needs transposing.
        #expect(routes.count == (arrangements.a == .rows && arrangements.b == .rows ? 3 : 4))
    }

    /// Columns along k, which two rows read one vector of them at a time where they lie a page apart, else two.
    @Test(arguments: [1022, 1023])
    func fewRowsOnLongColumnsHaveTheBitsOfMany(k: Int) throws {
        let whole = GemmCase(Size(9, 90, k), .init(.rows, .columns, .rows))
        #expect((whole.problem.b.column_stride * 4 % 4096 == 0) == (k == 1022))
        for isa in Isas.all {
            let c = try whole.run(isa: isa, threads: 2)
            for rows in 1...8 {
                let part = GemmCase(Size(rows, 90, k))
                part.problem.a = whole.problem.a
                part.problem.b = whole.problem.b
                for threads in [1, 2] {
                    #expect(
                        try firstDifference(bits(part.run(isa: isa, threads: threads)), bits(Array(c[..<(rows * 90)])))
                            == nil)
                }
            }
        }
    }

    @Test(arguments: [Size(1, 90, 300), Size(3, 65, 20), Size(20, 90, 513), Size(70, 33, 256), Size(5, 5, 0)])
    func packedAndUnpackedHaveTheSameBits(size: Size) throws {
        for arrangements in GemmCase.Arrangements.all[..<4] + [.init(.rows, .strided, .columns)] {
            for isa in Isas.all {
                let gemm = GemmCase(size, arrangements, alpha: 0.7, beta: 0.3)
                gemm.problem.epilogue.bias = gemm.vector(size.n, center: 0, seed: 5)
                gemm.problem.epilogue.activation = .CK_ACTIVATION_GELU
                let expected = bits(try gemm.run(isa: isa))
                let naive = bits(try gemm.run(.CK_NAIVE, isa: isa))
                try gemm.packB(isa: isa)
                // It is not read any more.
                for index in 0..<gemm.b.count { gemm.b[index] = .nan }
                for threads in [1, 2] {
                    #expect(try firstDifference(bits(gemm.run(isa: isa, threads: threads)), expected) == nil)
                }
                #expect(try firstDifference(bits(gemm.run(.CK_NAIVE, isa: isa)), naive) == nil)
            }
        }
    }

    /// A batch whose matrices lie apart, in an order of their own.
    @Test func aBatchByPointersHasTheBitsOfTheStridedOne() throws {
        for arrangements in GemmCase.Arrangements.all[..<6] {
            let gemm = GemmCase(Size(20, 30, 40), arrangements, alpha: 0.7, beta: 1, batch: 3)
            let expected = bits(try gemm.run(threads: 2))
            let naive = bits(try gemm.run(.CK_NAIVE))
            var table: [UnsafeMutableRawPointer?] = []
            let operands: [WritableKeyPath<ck_gemm_problem, ck_matrix>] = [\.a, \.b, \.c]
            for operand in operands {
                let matrix = gemm.problem[keyPath: operand]
                for n in 0..<3 { table.append(matrix.data.map { $0 + n * Int(matrix.batch_stride) * 4 }) }
            }
            try table.withUnsafeBufferPointer { table in
                for (index, operand) in operands.enumerated() {
                    gemm.problem[keyPath: operand].data = nil
                    gemm.problem[keyPath: operand].pointers = table.baseAddress.map { $0 + 3 * index }
                    // Elements of one matrix: the last one ends the buffer.
                    gemm.problem[keyPath: operand].count -= 2 * gemm.problem[keyPath: operand].batch_stride
                }
                let (blocked, plain) = (try gemm.run(threads: 2), try gemm.run(.CK_NAIVE))
                #expect(firstDifference(bits(blocked), expected) == nil)
                #expect(firstDifference(bits(plain), naive) == nil)
                #expect(gemm.c.isIntact(outside: gemm.cPositions))
            }
        }
    }
}
