import AttentionKernels
import TestSupport
import Testing

/// Factors packed once: the same bits as unpacked, bytes that can be saved, and errors for all that does not fit.
@Suite struct PackedMatrixTests {
    static func matrix(_ rows: Int, _ columns: Int, seed: UInt64 = 71) throws -> Tensor {
        var random = SeededRandom(seed: seed)
        return try random.normalTensor([rows, columns])
    }

    @Test(arguments: KernelConfiguration.all)
    func givesTheBitsOfTheMatrix(run: KernelConfiguration) throws {
        let b = try Self.matrix(70, 130)
        let packed = try PackedMatrix(b, execution: run.execution)
        #expect(packed.rows == 70 && packed.columns == 130)
        #expect(packed.instructionSet == run.configuration.instructionSet)
        #expect(packed.byteCount >= 4 * 70 * 130 && packed.bytes.byteCount == packed.byteCount)
        for shape in [[1, 70], [40, 70], [3, 17, 70]] {
            var random = SeededRandom(seed: 72)
            let a = try random.normalTensor(shape)
            let expected = try matmul(a, b, alpha: 0.7, kernel: run.kernel, execution: run.execution)
            let result = try matmul(a, packed: packed, alpha: 0.7, kernel: run.kernel, execution: run.execution)
            #expect(bits(result) == bits(expected) && result.shape == expected.shape)
        }
    }

    @Test func packsFromAnyLayout() throws {
        let b = try Self.matrix(33, 20)
        let a = try Self.matrix(9, 33, seed: 73)
        let expected = bits(try matmul(a, b))
        let turned = try b.transposed(0, 1)
        #expect(bits(try matmul(a, packed: PackedMatrix(turned.contiguous(), transposed: true))) == expected)
        #expect(bits(try matmul(a, packed: PackedMatrix(turned, transposed: true))) == expected)
        #expect(bits(try matmul(a.transposed(0, 1), packed: PackedMatrix(b), transposeA: true)) == expected)
        let layout = MatrixLayout(rows: 33, columns: 20)
        #expect(bits(try matmul(a, packed: PackedMatrix(MatrixInput(b.span, layout)))) == expected)
    }

    @Test func itsBytesMakeItAgain() throws {
        let (a, b) = (try Self.matrix(5, 40), try Self.matrix(40, 50))
        let packed = try PackedMatrix(b)
        let saved = packed.bytes.withUnsafeBytes { Array($0) }
        // At any alignment.
        for shift in 0..<3 {
            let moved = [UInt8](repeating: 0, count: shift) + saved
            let again = try PackedMatrix(bytes: moved.span.bytes.extracting(droppingFirst: shift))
            #expect(again.rows == 40 && again.columns == 50 && again.instructionSet == packed.instructionSet)
            #expect(bits(try matmul(a, packed: again)) == bits(try matmul(a, b)))
        }
    }

    @Test func bytesOfEveryFormatMakeItAgain() throws {
        let b = try Self.matrix(64, 50)
        func check(_ packed: PackedMatrix, _ format: MatrixFormat, _ a: some StridedArray) throws {
            let saved = packed.bytes.withUnsafeBytes { Array($0) }
            let again = try PackedMatrix(bytes: saved.span.bytes)
            #expect(again.format == format && again.rows == 64 && again.columns == 50)
            let (expected, result) = (try matmul(a, packed: packed), try matmul(a, packed: again))
            #expect(expected == result)
        }
        let a = try Self.matrix(5, 64, seed: 74)
        let (brain, half) = (try TypedTensor<BFloat16>(b), try TypedTensor<Float16>(b))
        try check(PackedMatrix(brain), .bfloat16, TypedTensor<BFloat16>(a))
        try check(PackedMatrix(brain, for: Float.self), .bfloat16, a)
        try check(PackedMatrix(half), .float16, TypedTensor<Float16>(a))
        try check(PackedMatrix(half, for: Float.self), .float16, a)
        for format in QuantizedFormat.allCases {
            let matrix = try QuantizedMatrix(quantizing: b, format)
            try check(PackedMatrix(matrix), MatrixFormat(rawValue: format.rawValue)!, a)
        }
        let integers = try TypedTensor<Int8>(shape: [64, 50]) { Int8(truncatingIfNeeded: 37 * $0) }
        try check(
            PackedMatrix(integers), .int8, TypedTensor<Int8>(shape: [3, 64]) { Int8(truncatingIfNeeded: 11 * $0) })
    }

    /// Where pairs of BFloat16 are multiplied as they are, they are packed as pairs.
    @Test(.enabled(if: InstructionSet.available.contains(.avx512bf16))) func refusesAnotherLeftFactor() throws {
        let execution = Execution(instructionSet: .avx512bf16)
        let b = try TypedTensor<BFloat16>(Self.matrix(8, 5))
        let pairs = try PackedMatrix(b, execution: execution)
        expectError(.packedMismatch, .b, "left factors", "packed for Float,") {
            _ = try matmul(Self.matrix(2, 8), packed: pairs, execution: execution)
        }
        let wide = try PackedMatrix(b, for: Float.self, execution: execution)
        let brain = try TypedTensor<BFloat16>(Self.matrix(2, 8))
        expectError(.packedMismatch, .b, "packed for BFloat16,") {
            _ = try matmul(brain, packed: wide, execution: execution)
        }
    }

    @Test func refusesBytesThatAreNone() throws {
        // 192 columns fill the panels of every instruction set, so that one column more takes more bytes.
        let packed = try PackedMatrix(Self.matrix(4, 192))
        let saved = packed.bytes.withUnsafeBytes { Array($0) }
        func expectRefusal(_ bytes: [UInt8]) {
            expectError(.packedMismatch, .b, "\(bytes.count) bytes", "whole and unchanged") {
                _ = try PackedMatrix(bytes: bytes.span.bytes)
            }
        }
        expectRefusal([])
        expectRefusal(Array(saved[..<63]))
        expectRefusal(Array(saved[..<64]))
        expectRefusal(saved.dropLast())
        expectRefusal(saved + [0])
        expectRefusal([UInt8](repeating: 0xFF, count: saved.count))
        // Magic, k, n, ISA, dtype and width: no bit of them may change.
        for position in 0..<36 {
            for bit in [UInt8(1), 0x40, 0x80] {
                var damaged = saved
                damaged[position] ^= bit
                #expect(throws: KernelError.self, "byte \(position)") {
                    _ = try PackedMatrix(bytes: damaged.span.bytes)
                }
            }
        }
    }

    @Test func refusesAnotherInstructionSet() throws {
        let sets = InstructionSet.available
        guard sets.count > 1 else { return }
        let (first, other) = (Execution(instructionSet: sets[0]), Execution(instructionSet: sets[sets.count - 1]))
        let packed = try PackedMatrix(Self.matrix(8, 8), execution: first)
        let words = ["packed for \(sets[0].name)", "for \(sets[sets.count - 1].name)"]
        for kernel in AttentionKernel.allCases {
            expectError(.packedMismatch, .b, words[0], words[1]) {
                _ = try matmul(Self.matrix(2, 8), packed: packed, kernel: kernel, execution: other)
            }
        }
        expectError(.packedMismatch, .b, words[0], words[1]) {
            _ = try PackedMatrix(bytes: packed.bytes, execution: other)
        }
    }

    @Test func refusesWhatDoesNotFit() throws {
        let packed = try PackedMatrix(Self.matrix(8, 5))
        expectError(.shapeMismatch, .b, "8 rows", "7 columns") { _ = try matmul(Self.matrix(2, 7), packed: packed) }
        var output = try Tensor(shape: [2, 6])
        expectError(.shapeMismatch, .c, "[1, 2, 5]") { try matmul(Self.matrix(2, 8), packed: packed, into: &output) }
        expectError(.wrongRank, .b, "rank 1") { _ = try PackedMatrix(Tensor(shape: [4])) }
        expectError(.shapeMismatch, .b, "batch is 2") { _ = try PackedMatrix(Tensor(shape: [2, 4, 4])) }
        let short = [Float](repeating: 0, count: 5)
        expectError(.spanTooShort, .b, "has 5", "needs 6") {
            _ = try PackedMatrix(MatrixInput(short.span, MatrixLayout(rows: 2, columns: 3)))
        }
        expectError(.invalidThreadCount, .threads, "0") {
            _ = try PackedMatrix(Tensor(shape: [4, 4]), execution: Execution(threads: 0))
        }
    }

    @Test func emptyMatricesArePackedToo() throws {
        #expect(try matmul(Tensor(shape: [3, 4]), packed: PackedMatrix(Tensor(shape: [4, 0]))).shape == [3, 0])
        #expect(
            try matmul(Tensor(shape: [3, 0]), packed: PackedMatrix(Tensor(shape: [0, 2]))).elements == [
                0, 0, 0, 0, 0, 0,
            ])
    }

    /// Many tasks read one packed matrix.
    @Test func isReadByManyTasks() async throws {
        let (a, b) = (try Self.matrix(30, 60), try Self.matrix(60, 90))
        let packed = try PackedMatrix(b)
        let expected = bits(try matmul(a, b, epilogue: MatmulEpilogue(activation: .gelu)))
        try await withThrowingTaskGroup(of: [UInt32].self) { group in
            for _ in 0..<32 {
                group.addTask { bits(try matmul(a, packed: packed, epilogue: MatmulEpilogue(activation: .gelu))) }
            }
            for try await result in group { #expect(result == expected) }
        }
    }
}
