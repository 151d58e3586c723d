import AttentionKernels
import TestSupport
import Testing

/// Products of lists of tensors that lie apart: the bits of the single products, and errors that say which one is wrong.
@Suite struct MatmulListTests {
    static func matrices(_ count: Int, _ rows: Int, _ columns: Int, seed: UInt64) throws -> [Tensor] {
        var random = SeededRandom(seed: seed)
        return try (0..<count).map { _ in try random.normalTensor([rows, columns]) }
    }

    @Test(arguments: AttentionKernel.allCases)
    func givesTheBitsOfTheSingleProducts(kernel: AttentionKernel) throws {
        let a = try Self.matrices(5, 20, 33, seed: 81)
        let b = try Self.matrices(5, 33, 17, seed: 82)
        let execution = Execution(threads: 2)
        let expected = try zip(a, b).map { bits(try matmul($0, $1, kernel: kernel, execution: execution)) }
        #expect(try matmul(pairs: a, b, kernel: kernel, execution: execution).map { bits($0) } == expected)
        var outputs = try Self.matrices(5, 20, 17, seed: 83)
        let old = outputs
        try matmul(pairs: a, b, into: &outputs, alpha: 0.5, beta: 2, kernel: kernel, execution: execution)
        for index in 0..<5 {
            var single = old[index]
            try matmul(a[index], b[index], into: &single, alpha: 0.5, beta: 2, kernel: kernel, execution: execution)
            #expect(bits(outputs[index]) == bits(single))
        }
    }

    @Test func oneMatrixServesAllOfTheOthers() throws {
        let a = try Self.matrices(3, 4, 6, seed: 84)
        let b = try Self.matrices(1, 6, 5, seed: 85)
        #expect(try matmul(pairs: a, b).map { bits($0) } == a.map { bits(try matmul($0, b[0])) })
        #expect(
            try matmul(pairs: b, a, transposeA: true, transposeB: true).map { bits($0) }
                == a.map { bits(try matmul(b[0], $0, transposeA: true, transposeB: true)) })
    }

    @Test func readsViewsAndAppliesEpilogues() throws {
        var random = SeededRandom(seed: 86)
        let whole = try random.normalTensor([10, 12])
        let a = try (0..<3).map { try whole.slice(0, $0..<$0 + 4).slice(1, $0..<$0 + 6) }
        let backwards = try (0..<3).map {
            try whole.strided(shape: [6, 5], strides: [-12, -2], offset: 119 - $0)
        }
        let epilogue = MatmulEpilogue(
            bias: try random.normalTensor([5]), activation: .silu, residual: try random.normalTensor([4, 5]))
        let results = try matmul(pairs: a, backwards, epilogue: epilogue)
        for index in 0..<3 {
            #expect(bits(results[index]) == bits(try matmul(a[index], backwards[index], epilogue: epilogue)))
        }
    }

    /// Outputs that share memory with each other or with an input become copies first.
    @Test func sharedOutputsAreCopied() throws {
        let a = try Self.matrices(1, 4, 4, seed: 87)[0]
        let b = try Self.matrices(2, 4, 4, seed: 88)
        var outputs = [a, a]
        try matmul(pairs: [a], b, into: &outputs)
        #expect(bits(outputs[0]) == bits(try matmul(a, b[0])))
        #expect(bits(outputs[1]) == bits(try matmul(a, b[1])))
    }

    @Test func refusesListsThatDoNotFit() throws {
        let a = try Self.matrices(3, 4, 6, seed: 89)
        let b = try Self.matrices(2, 6, 5, seed: 90)
        expectError(.shapeMismatch, .b, "2 matrices", "3") { _ = try matmul(pairs: a, b) }
        expectError(.shapeMismatch, .a, "empty") { _ = try matmul(pairs: [Tensor](), b) }
        let mixed = [a[0], try Tensor(shape: [5, 6])]
        expectError(.shapeMismatch, .a, "matrix 1", "[5, 6]", "[4, 6]") { _ = try matmul(pairs: mixed, b) }
        let strides = [try a[0].transposed(0, 1), try Tensor(shape: [6, 4]).view]
        expectError(.shapeMismatch, .a, "matrix 1", "strides [4, 1]") { _ = try matmul(pairs: strides, b) }
        expectError(.wrongRank, .a, "rank 3") { _ = try matmul(pairs: [Tensor(shape: [1, 4, 6])], b) }
        expectError(.shapeMismatch, .b, "5 rows") { _ = try matmul(pairs: b, b, transposeA: true, transposeB: true) }
        var outputs = try Self.matrices(2, 4, 5, seed: 91)
        expectError(.shapeMismatch, .c, "2 outputs", "3") { try matmul(pairs: a, [b[0]], into: &outputs) }
        outputs.append(try Tensor(shape: [4, 4]))
        expectError(.shapeMismatch, .c, "output 2", "[4, 5]") { try matmul(pairs: a, [b[0]], into: &outputs) }
    }
}
