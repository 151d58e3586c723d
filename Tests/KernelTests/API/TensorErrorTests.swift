import AllocationCounter
import AttentionKernels
import TestSupport
import Testing

/// What only calls on tensors can get wrong: ranks, orders of dimensions, shapes and numbers of elements.
@Suite struct TensorErrorTests {
    static func tensor(_ shape: Int...) throws -> Tensor {
        var random = SeededRandom(seed: 5)
        return try random.normalTensor(shape)
    }

    @Test func refusesWrongRanks() throws {
        let good = try Self.tensor(1, 2, 3, 4)
        for bad in [try Self.tensor(4), try Tensor(shape: []), try Self.tensor(1, 1, 2, 3, 4)] {
            expectError(.wrongRank, .query, "rank \(bad.rank)", "[batch, heads, length, width]") {
                _ = try AttentionKernel.fused.forward(query: bad, key: good, value: good)
            }
            expectError(.wrongRank, .key, "rank \(bad.rank)") {
                _ = try AttentionKernel.fused.forward(query: good, key: bad, value: good)
            }
            expectError(.wrongRank, .value, "rank \(bad.rank)") {
                _ = try AttentionKernel.fused.forward(query: good, key: good, value: bad)
            }
        }
        let mixed = try Self.tensor(2, 3, 4)
        expectError(.wrongRank, .key, "rank 3", "rank of query, 4") {
            _ = try AttentionKernel.fused.forward(query: good, key: mixed, value: good)
        }
        expectError(.wrongRank, .value, "rank 3", "rank of query, 4") {
            _ = try AttentionKernel.fused.forward(query: good, key: good, value: mixed)
        }
    }

    @Test func refusesMismatchedShapes() throws {
        let query = try Self.tensor(2, 4, 5, 8)
        let key = try Self.tensor(2, 2, 6, 8)
        expectError(.shapeMismatch, .value, "[2, 2, 7, 8]", "keyLength is 6") {
            _ = try AttentionKernel.naive.forward(query: query, key: key, value: Self.tensor(2, 2, 7, 8))
        }
        expectError(.shapeMismatch, .key, "batch is 2") {
            _ = try AttentionKernel.naive.forward(query: query, key: Self.tensor(1, 2, 6, 8), value: key)
        }
        expectError(.headsNotMultiple, .heads, "4", "3") {
            let three = try Self.tensor(2, 3, 6, 8)
            _ = try AttentionKernel.naive.forward(query: query, key: three, value: three)
        }
        var output = try Self.tensor(2, 4, 6, 8)
        let before = output
        expectError(.shapeMismatch, .output, "[2, 4, 6, 8]", "[2, 4, 5, 8]") {
            try AttentionKernel.blocked.forward(query: query, key: key, value: key, into: &output)
        }
        var lowerRank = try Self.tensor(4, 5, 8)
        expectError(.wrongRank, .output, "rank 3") {
            try AttentionKernel.blocked.forward(query: query, key: key, value: key, into: &lowerRank)
        }
        #expect(output == before)
    }

    @Test func refusesWrongMasksAndBiases() throws {
        let x = try Self.tensor(2, 4, 5, 8)
        for shape in [[4], [3, 5], [2, 5, 5], [4, 4, 5, 5], [2, 4, 5, 5, 1]] {
            let count = shape.reduce(1, *)
            let reason: KernelError.Reason = shape.count == 5 ? .wrongRank : .shapeMismatch
            let mask = try ScoreMask(shape: shape, bytes: [UInt8](repeating: 1, count: count))
            expectError(reason, .mask) {
                _ = try AttentionKernel.fused.forward(query: x, key: x, value: x, mask: .keep(mask))
            }
            let bias = try Tensor(shape: shape)
            expectError(reason, .bias) {
                _ = try AttentionKernel.fused.forward(query: x, key: x, value: x, bias: bias)
            }
        }
        expectError(.wrongRank, .mask, "rank 0") {
            let scalar = try ScoreMask(shape: [], bytes: [1])
            _ = try AttentionKernel.fused.forward(query: x, key: x, value: x, mask: .drop(scalar))
        }
    }

    @Test func refusesALastDimensionThatIsNotContiguous() throws {
        let x = try Self.tensor(1, 2, 4, 4)
        let turned = try x.transposed(2, 3)
        expectError(.notContiguous, .key, "stride 4", "contiguous()") {
            _ = try AttentionKernel.fused.forward(query: x, key: turned, value: x)
        }
    }

    @Test func refusesProductsThatDoNotFit() throws {
        let a = try Self.tensor(3, 4)
        expectError(.shapeMismatch, .b, "5 rows", "4 columns") { _ = try matmul(a, Self.tensor(5, 2)) }
        expectError(.shapeMismatch, .b, "2 rows", "4 columns") {
            _ = try matmul(a, Self.tensor(4, 2), transposeB: true)
        }
        expectError(.shapeMismatch, .b, "3 columns") { _ = try matmul(a, Self.tensor(4, 2), transposeA: true) }
        expectError(.shapeMismatch, .b, "batch") { _ = try matmul(Self.tensor(2, 3, 4), Self.tensor(3, 4, 2)) }
        expectError(.wrongRank, .a, "rank 1") { _ = try matmul(Self.tensor(4), Self.tensor(4, 2)) }
        expectError(.wrongRank, .b, "rank 4") { _ = try matmul(a, Self.tensor(1, 1, 4, 2)) }
        var output = try Self.tensor(3, 3)
        expectError(.shapeMismatch, .c, "[1, 3, 3]", "[1, 3, 2]") { try matmul(a, Self.tensor(4, 2), into: &output) }
        var batched = try Self.tensor(1, 3, 2)
        expectError(.wrongRank, .c, "rank 3") { try matmul(a, Self.tensor(4, 2), into: &batched) }
    }

    @Test func refusesWrongShapesAndCounts() {
        expectError(.elementCountMismatch, .elements, "there are 5", "[2, 3] has 6") {
            _ = try Tensor(shape: [2, 3], elements: [1, 2, 3, 4, 5])
        }
        expectError(.elementCountMismatch, .elements) { _ = try ScoreMask(shape: [2], elements: [true]) }
        expectError(.negativeSize, .shape, "dimension 1", "[2, -3]") { _ = try Tensor(shape: [2, -3]) }
        expectError(.negativeSize, .shape) { _ = try ScoreMask(shape: [-1]) { _ in true } }
        expectError(.sizeOverflow, .shape) { _ = try Tensor(shape: [1 << 31, 1 << 31, 2]) { _ in 0 } }
        expectError(.sizeOverflow, .shape) { _ = try ScoreMask(shape: [.max, 2], bytes: []) }
    }

    @Test(.disabled(if: allocation_counter_is_sanitized(), "a sanitizer ends the process when memory runs out"))
    func refusesWhatMemoryCannotHold() {
        expectError(.outOfMemory, .shape, "memory") { _ = try Tensor(shape: [1 << 60]) }
        expectError(.outOfMemory, .shape, "memory") { _ = try ScoreMask(shape: [1 << 62]) { _ in true } }
    }

    @Test func refusesViewsThatDoNotExist() throws {
        let x = try Self.tensor(2, 3)
        expectError(.invalidValue, .dimension, "2", "0 ..< 2") { _ = try x.transposed(0, 2) }
        expectError(.invalidValue, .dimension, "-1") { _ = try x.transposed(-1, 0) }
        expectError(.invalidValue, .dimension) { _ = try x.slice(2, 0..<1) }
        expectError(.invalidValue, .shape, "0 ..< 3") { _ = try x.slice(1, 2..<4) }
        expectError(.invalidValue, .shape) { _ = try x.slice(0, -1..<1) }
        expectError(.wrongRank, .shape) { _ = try x.strided(shape: [2, 3], strides: [1]) }
        expectError(.negativeSize, .shape) { _ = try x.strided(shape: [-2], strides: [1]) }
        expectError(.spanTooShort, .shape, "0 ... 6", "has 6") { _ = try x.strided(shape: [7], strides: [1]) }
        expectError(.spanTooShort, .shape) { _ = try x.strided(shape: [2], strides: [-1]) }
        expectError(.spanTooShort, .shape) { _ = try x.strided(shape: [2, 2], strides: [.max, .max]) }
        expectError(.spanTooShort, .shape) { _ = try x.strided(shape: [1], strides: [1], offset: 6) }
    }
}
