import AttentionKernels
import CKernels
import TestSupport
import Testing

/// Attention over parts of the keys, merged, against attention over all of them.
@Suite struct MergeTests {
    static let shape = [2, 3, 40, 16]

    private static func tensor(_ seed: UInt64, _ length: Int) throws -> Tensor {
        var random = SeededRandom(seed: seed)
        return try Tensor(shape: [2, 3, length, 16], elements: random.normals(2 * 3 * length * 16))
    }

    @Test(arguments: [[100], [1, 99], [50, 50], [33, 0, 1, 66], [20, 20, 20, 20, 20]])
    func partsMakeTheWhole(lengths: [Int]) throws {
        let (query, key, value) = (try Self.tensor(1, 40), try Self.tensor(2, 100), try Self.tensor(3, 100))
        let whole = try AttentionKernel.fused.attend(query: query, key: key, value: value, returning: .lse)
        var parts: [AttentionResult] = []
        var first = 0
        for length in lengths {
            parts.append(
                try AttentionKernel.fused.attend(
                    query: query, key: key.slice(2, first..<first + length),
                    value: value.slice(2, first..<first + length), returning: .lse))
            first += length
        }
        let merged = try AttentionResult.merged(parts)
        let lse = try #require(merged.lse)
        let expected = try #require(whole.lse)
        #expect(isMostlyNonzero(merged.output.elements))
        #expect(
            Comparison(merged.output.elements, oracle: whole.output.elements.map(Double.init), bound: 6e-7).passes)
        #expect(Comparison(lse.elements, oracle: expected.elements.map(Double.init), bound: 1e-6).passes)
        #expect(bits(try AttentionResult.merged(parts, execution: Execution(threads: 3)).output) == bits(merged.output))
    }

    /// Rows that saw nothing in one part, whatever that part's output holds, and in all.
    @Test func emptyStatesAddNothing() throws {
        let key = try Self.tensor(2, 40)
        let seen = try AttentionKernel.fused.attend(query: key, key: key, value: key, returning: .lse)
        let options = AttentionOptions(causality: .offset(-20))
        let half = try AttentionKernel.fused.attend(query: key, key: key, value: key, options: options, returning: .lse)
        let merged = try AttentionResult.merged([half, half])
        #expect(try #require(merged.lse).elements[..<20].allSatisfy { $0 == -.infinity })
        #expect(merged.output.elements[..<(20 * 16)].allSatisfy { $0 == 0 })
        let nothing = try AttentionKernel.fused.attend(
            query: key, key: key, value: key, options: AttentionOptions(keyLengths: [0, 0]), returning: .lse)
        let same = try AttentionResult.merged([nothing, seen, nothing])
        #expect(bits(same.output) == bits(seen.output))
    }

    @Test func wrongStatesAreRefused() throws {
        let key = try Self.tensor(2, 40)
        let other = try Self.tensor(4, 39)
        let seen = try AttentionKernel.fused.attend(query: key, key: key, value: key, returning: .lse)
        let without = try AttentionKernel.fused.attend(query: key, key: key, value: key)
        let shorter = try AttentionKernel.fused.attend(query: other, key: key, value: key, returning: .lse)
        expectError(.shapeMismatch, .states, "one or more") { _ = try AttentionResult.merged([]) }
        expectError(.shapeMismatch, .states, "result 1", "nil") { _ = try AttentionResult.merged([seen, without]) }
        expectError(.shapeMismatch, .states, "[2, 3, 39, 16]") { _ = try AttentionResult.merged([seen, shorter]) }
    }

    @Test func wrongCStatesAreRefused() {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 4) { memory in
            memory.initialize(repeating: 0)
            func operand(_ index: Int?) -> ck_operand {
                ck_operand(
                    data: index.flatMap { i in memory.baseAddress.map { $0 + i } }, count: 1, offset: 0,
                    batch_stride: 0,
                    head_stride: 0, row_stride: 1, dtype: .CK_F32)
            }
            func merge(_ o: Int?, _ lse: Int?, output: Int, count: Int64 = 1) -> (ck_status, ck_argument) {
                withUnsafePointer(to: ck_attention_state(o: operand(o), lse: operand(lse))) { state in
                    var problem = ck_merge_problem()
                    (problem.batch, problem.heads, problem.seqlen_q, problem.value_dim) = (1, 1, 1, 1)
                    (problem.states, problem.count, problem.o) = (state, count, operand(output))
                    var diagnosis = ck_diagnosis()
                    let status = ck_attention_merge(&problem, [ck_options_default()], &diagnosis)
                    return (status, diagnosis.argument)
                }
            }
            #expect(merge(0, 1, output: 2) == (.CK_OK, .CK_ARG_NONE))
            #expect(merge(nil, 1, output: 2) == (.CK_NULL_POINTER, .CK_ARG_STATE_O))
            #expect(merge(0, nil, output: 2) == (.CK_NULL_POINTER, .CK_ARG_STATE_LSE))
            #expect(merge(0, 1, output: 1) == (.CK_OVERLAP, .CK_ARG_O))
            #expect(merge(0, 1, output: 2, count: -1) == (.CK_NEGATIVE_SIZE, .CK_ARG_STATES))
        }
    }
}
