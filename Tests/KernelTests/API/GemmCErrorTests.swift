import CKernels
import TestSupport
import Testing

/// What only callers of the C interface of GEMM can get wrong.
@Suite struct GemmCErrorTests {
    /// The status of a call on a spoiled 3x5x4 product, and the argument it speaks of; C is not written.
    static func status(
        threads: Int32 = 1, packing isPacked: Bool = false, _ spoil: (GemmCase, inout ck_gemm_problem) throws -> Void
    ) throws -> (ck_status, ck_argument) {
        let gemm = GemmCase(.init(3, 5, 4), beta: 1)
        if isPacked { try gemm.packB(isa: ck_isa_at(0)) }
        var problem = gemm.problem
        try spoil(gemm, &problem)
        gemm.restoreC()
        var options = ck_options_default()
        options.threads = threads
        var diagnosis = ck_diagnosis()
        let status = ck_gemm(.CK_FUSED, &problem, &options, &diagnosis)
        #expect(gemm.cPositions.map { gemm.c[$0] } == gemm.originalC)
        return (status, diagnosis.argument)
    }

    @Test func elementTypesAreChecked() throws {
        let operands: [(WritableKeyPath<ck_gemm_problem, ck_matrix>, ck_argument)] = [
            (\.a, .CK_ARG_A), (\.b, .CK_ARG_B), (\.c, .CK_ARG_C), (\.epilogue.residual, .CK_ARG_RESIDUAL),
        ]
        for (operand, argument) in operands {
            let result = try Self.status { gemm, problem in
                problem.epilogue.residual = gemm.residual(.rows, seed: 1)
                problem[keyPath: operand].dtype = CErrorTests.unknown(ck_dtype.self)
            }
            #expect(result == (.CK_BAD_DTYPE, argument))
        }
    }

    @Test func epiloguesAreChecked() throws {
        let vectors: [(WritableKeyPath<ck_gemm_problem, ck_vector>, ck_argument, Int64)] = [
            (\.epilogue.row_scale, .CK_ARG_ROW_SCALE, 3), (\.epilogue.column_scale, .CK_ARG_COLUMN_SCALE, 5),
            (\.epilogue.bias, .CK_ARG_EPILOGUE_BIAS, 5),
        ]
        for (vector, argument, count) in vectors {
            for wrong in [count - 1, count + 1, -1] {
                let short = try Self.status { gemm, problem in
                    problem[keyPath: vector] = gemm.vector(9, center: 0, seed: 1)
                    problem[keyPath: vector].count = wrong
                }
                #expect(short == (.CK_SHORT_SPAN, argument))
            }
            let null = try Self.status { _, problem in problem[keyPath: vector] = ck_vector(data: nil, count: count) }
            #expect(null == (.CK_NULL_POINTER, argument))
            let overlapping = try Self.status { gemm, problem in
                problem[keyPath: vector] = ck_vector(data: UnsafePointer(gemm.c.start), count: count)
            }
            #expect(overlapping == (.CK_OVERLAP, .CK_ARG_C))
        }
        let unknown = try Self.status { _, problem in
            problem.epilogue.activation = CErrorTests.unknown(ck_activation.self)
        }
        #expect(unknown == (.CK_BAD_VALUE, .CK_ARG_ACTIVATION))
        let over = try Self.status { _, problem in problem.epilogue.residual = problem.c }
        #expect(over == (.CK_OVERLAP, .CK_ARG_C))
        let outside = try Self.status { gemm, problem in
            problem.epilogue.residual = gemm.residual(.rows, seed: 1)
            problem.epilogue.residual.count -= 1
            problem.epilogue.residual.row_stride += 1
        }
        #expect(outside == (.CK_SHORT_SPAN, .CK_ARG_RESIDUAL))
    }

    @Test func packedMatricesAreChecked() throws {
        #expect(try Self.status(packing: true) { _, problem in problem.m = 0 }.0 == .CK_OK)
        let size = try Self.status(packing: true) { _, problem in problem.packed_b_bytes -= 64 }
        #expect(size == (.CK_BAD_PACKED, .CK_ARG_PACKED_B))
        let crooked = try Self.status(packing: true) { _, problem in problem.packed_b = problem.packed_b.map { $0 + 4 }
        }
        #expect(crooked == (.CK_BAD_PACKED, .CK_ARG_PACKED_B))
        // Magic, k, n, ISA, dtype, width: each of the header's fields is compared.
        for position in [0, 7, 8, 16, 24, 28, 32] {
            let damaged = try Self.status(packing: true) { _, problem in
                let bytes = UnsafeMutableRawPointer(mutating: problem.packed_b)
                let byte = try #require(bytes) + position
                byte.storeBytes(of: byte.load(as: UInt8.self) ^ 1, as: UInt8.self)
            }
            #expect(damaged == (.CK_BAD_PACKED, .CK_ARG_PACKED_B), "byte \(position)")
        }
        let gemm = GemmCase(.init(3, 5, 4))
        var options = ck_options_default()
        var diagnosis = ck_diagnosis()
        let room = GuardedBuffer(count: 4096)
        #expect(ck_gemm_pack(&gemm.problem, &options, room.start, 100, &diagnosis) == .CK_SMALL_WORKSPACE)
        #expect(ck_gemm_pack(&gemm.problem, &options, room.start + 1, 4 * 4000, nil) == .CK_SMALL_WORKSPACE)
        #expect(room.isIntact())
    }

    @Test func pointersAreChecked() throws {
        let gemm = GemmCase(.init(3, 5, 4), batch: 2)
        var options = ck_options_default()
        var diagnosis = ck_diagnosis()
        let matrix = try #require(gemm.problem.a.data)
        for (table, status) in [
            ([matrix, nil], ck_status.CK_NULL_POINTER), ([matrix, UnsafeMutableRawPointer(gemm.c.start)], .CK_OVERLAP),
        ] {
            let table: [UnsafeMutableRawPointer?] = table
            table.withUnsafeBufferPointer { table in
                var problem = gemm.problem
                problem.a.data = nil
                problem.a.pointers = table.baseAddress
                problem.a.count = Int64(min(gemm.a.count, gemm.c.count))
                #expect(ck_gemm(.CK_FUSED, &problem, &options, &diagnosis) == status)
                #expect(diagnosis.argument == (status == .CK_OVERLAP ? .CK_ARG_C : .CK_ARG_A))
            }
        }
    }
}
