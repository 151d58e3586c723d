import AttentionKernels
import CKernels
import TestSupport
import Testing

/// What a cache refuses, and that it is then as it was.
@Suite struct KeyValueCacheErrorTests {
    static func ones(_ shape: [Int]) throws -> Tensor {
        try Tensor(shape: shape) { _ in 1 }
    }

    @Test func appendingPastTheEnd() throws {
        var cache = try KeyValueCache<Float>(batch: 2, kvHeads: 1, capacity: 12, headDim: 4)
        try cache.append(key: Self.ones([1, 1, 10, 4]), value: Self.ones([1, 1, 10, 4]), sequences: 1..<2)
        let rows = try Self.ones([2, 1, 3, 4])
        do {
            try cache.append(key: rows, value: rows)
            Issue.record("it should throw")
        } catch {
            #expect(error.reason == .cacheFull)
            #expect(error.argument == .newKey)
            #expect(error.description.contains("10") && error.description.contains("12"))
        }
        #expect(cache.lengths == [0, 10])
    }

    @Test func whatARingRefuses() throws {
        expectError(.invalidValue, .window, "-1") {
            _ = try KeyValueCache<Float>(
                batch: 1, kvHeads: 1, capacity: 9, headDim: 4, storage: .ring(window: -1, step: 1))
        }
        expectError(.invalidValue, .window, "steps of 0") {
            _ = try KeyValueCache<Float>(
                batch: 1, kvHeads: 1, capacity: 9, headDim: 4, storage: .ring(window: 1, step: 0))
        }
        func ring(_ length: Int) throws -> KeyValueCache<Float> {
            var cache = try KeyValueCache<Float>(
                batch: 1, kvHeads: 1, capacity: 200, headDim: 4, storage: .ring(window: 20, step: 10))
            for _ in 0..<length / 10 {
                try cache.append(key: Self.ones([1, 1, 10, 4]), value: Self.ones([1, 1, 10, 4]))
            }
            return cache
        }
        expectError(.cacheFull, .newKey, "11", "10 at a time") {
            var cache = try ring(100)
            try cache.append(key: Self.ones([1, 1, 11, 4]), value: Self.ones([1, 1, 11, 4]))
        }
        expectError(.invalidLength, .query, "12", "10 at a time") {
            _ = try ring(100).attend(query: Self.ones([1, 1, 12, 4]))
        }
        expectError(.invalidValue, .causality, "bottomRight") {
            _ = try ring(100).attend(query: Self.ones([1, 1, 1, 4]), options: AttentionOptions(causality: .topLeft))
        }
        expectError(.invalidValue, .keyLengths, "nil") {
            _ = try ring(100).attend(
                query: Self.ones([1, 1, 1, 4]), options: AttentionOptions(causality: .bottomRight, keyLengths: [4]))
        }
        // Pages of 16: of 200 keys the last three pages' are left, from 160 on.
        expectError(.invalidKeyLength, .keyLengths, "150", "180") {
            var cache = try ring(200)
            try cache.truncate(0, to: 150)
        }
        var cache = try ring(200)
        try cache.truncate(0, to: 180)
        #expect(cache.lengths == [180])
        _ = try cache.attend(query: Self.ones([1, 1, 1, 4]))
        try cache.truncate(0)
        #expect(cache.lengths == [0])
    }

    @Test func aPoolWithoutPages() throws {
        var cache = try KeyValueCache<Float>(
            batch: 2, kvHeads: 1, capacity: 12, headDim: 4, storage: .paged(length: 4, count: 3))
        try cache.append(key: Self.ones([1, 1, 5, 4]), value: Self.ones([1, 1, 5, 4]), sequences: 0..<1)
        #expect(cache.freePageCount == 1)
        let rows = try Self.ones([1, 1, 5, 4])
        do {
            try cache.append(key: rows, value: rows, sequences: 1..<2)
            Issue.record("it should throw")
        } catch {
            #expect(error.reason == .cacheFull)
            #expect(error.argument == .pages)
        }
        #expect(cache.lengths == [5, 0])
        #expect(cache.freePageCount == 1)
    }

    @Test func shapesThatDoNotFit() throws {
        var cache = try KeyValueCache<Float>(
            batch: 1, kvHeads: 2, capacity: 12, headDim: 4, valueDim: 3, storage: .paged(length: 2, count: 6))
        let (key, value) = (try Self.ones([1, 2, 2, 4]), try Self.ones([1, 2, 2, 3]))
        let bad = try [Self.ones([1, 1, 2, 4]), Self.ones([1, 2, 2, 3]), Self.ones([2, 2, 2, 4])]
        for wrong in bad {
            do {
                try cache.append(key: wrong, value: value)
                Issue.record("\(wrong.shape) should throw")
            } catch {
                #expect(error.reason == .shapeMismatch)
                #expect(error.argument == .newKey)
            }
        }
        let wide = try Self.ones([1, 2, 1, 5])
        // Found by the kernels' own validation, after the pages were given: they are taken back.
        do {
            _ = try cache.attend(query: wide, appendingKey: key, value: value)
            Issue.record("headDim 5 should throw")
        } catch {
            #expect(error.reason == .shapeMismatch)
        }
        #expect(cache.lengths == [0])
        #expect(cache.freePageCount == 6)
    }

    @Test func sizesAndSequences() throws {
        #expect(throws: KernelError.self) {
            _ = try KeyValueCache<Float>(batch: -1, kvHeads: 1, capacity: 1, headDim: 1)
        }
        #expect(throws: KernelError.self) {
            _ = try KeyValueCache<Float>(
                batch: 1, kvHeads: 1, capacity: 1, headDim: 1, storage: .paged(length: 0, count: 1))
        }
        var cache = try KeyValueCache<Float>(batch: 1, kvHeads: 1, capacity: 4, headDim: 1)
        do { try cache.truncate(1) } catch { #expect(error.argument == .sequences) }
        do { try cache.truncate(0, to: 1) } catch { #expect(error.reason == .invalidKeyLength) }
        let row = try Self.ones([1, 1, 1, 1])
        do {
            try cache.append(key: row, value: row, sequences: 0..<2)
            Issue.record("it should throw")
        } catch {
            #expect(error.argument == .sequences)
        }
    }

    /// One sequence of three keys in pages of two, of a pool of three: what C says of tables that do not fit.
    static func withPages(_ table: [Int32], _ spoil: (inout ck_attention_problem) -> Void = { _ in }) -> (
        status: ck_status, argument: ck_argument
    ) {
        var result = (ck_status.CK_OK, ck_argument.CK_ARG_NONE)
        table.withUnsafeBufferPointer { table in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: 32) { memory in
                memory.initialize(repeating: 1)
                func operand(_ index: Int, count: Int) -> ck_operand {
                    ck_operand(
                        data: memory.baseAddress.map { $0 + index }, count: Int64(count), offset: 0, batch_stride: 2,
                        head_stride: 2, row_stride: 1, dtype: .CK_F32)
                }
                var problem = ck_attention_problem()
                (problem.batch, problem.heads, problem.kv_heads, problem.seqlen_q, problem.seqlen_k) = (1, 1, 1, 1, 3)
                (problem.head_dim, problem.value_dim, problem.scale) = (1, 1, 1)
                (problem.q, problem.o) = (operand(0, count: 1), operand(1, count: 1))
                (problem.k, problem.v) = (operand(2, count: 6), operand(8, count: 6))
                problem.pages = ck_kv_pages(
                    page_keys: 2, pool_pages: 3, table: table.baseAddress, table_count: Int64(table.count),
                    table_stride: Int64(table.count), table_pages: Int64(table.count))
                problem.append.k = operand(20, count: 2)
                problem.append.v = operand(22, count: 2)
                spoil(&problem)
                var diagnosis = ck_diagnosis()
                let options = ck_options_default()
                let status = withUnsafePointer(to: options) {
                    ck_attention_forward(.CK_FUSED, &problem, $0, &diagnosis)
                }
                result = (status, diagnosis.argument)
            }
        }
        return result
    }

    @Test func tablesThatDoNotFit() {
        #expect(Self.withPages([2, 0]) == (.CK_OK, .CK_ARG_NONE))
        #expect(Self.withPages([2, 3]) == (.CK_BAD_PAGE, .CK_ARG_PAGES))
        #expect(Self.withPages([2, -1]) == (.CK_BAD_PAGE, .CK_ARG_PAGES))
        #expect(Self.withPages([2]) == (.CK_BAD_PAGE, .CK_ARG_PAGES))
        #expect(Self.withPages([2, 0]) { $0.pages.table = nil } == (.CK_NULL_POINTER, .CK_ARG_PAGES))
        #expect(Self.withPages([2, 0]) { $0.pages.table_count = 1 } == (.CK_SHORT_SPAN, .CK_ARG_PAGES))
        #expect(Self.withPages([2, 0]) { $0.pages.page_keys = 0 } == (.CK_BAD_VALUE, .CK_ARG_PAGES))
        #expect(Self.withPages([2, 0]) { $0.pages.page_keys = -2 } == (.CK_NEGATIVE_SIZE, .CK_ARG_PAGES))
        #expect(Self.withPages([2, 0]) { $0.pages.table_stride = -1 } == (.CK_SMALL_STRIDE, .CK_ARG_PAGES))
        #expect(Self.withPages([2, 0]) { $0.k.count = 5 } == (.CK_SHORT_SPAN, .CK_ARG_K))
    }

    @Test func appendsThatDoNotFit() {
        #expect(Self.withPages([2, 0]) { $0.append.count = 2 } == (.CK_OK, .CK_ARG_NONE))
        #expect(Self.withPages([2, 0]) { $0.append.count = 4 } == (.CK_BAD_KEY_LENGTH, .CK_ARG_NEW_K))
        #expect(Self.withPages([2, 0]) { $0.append.count = -1 } == (.CK_NEGATIVE_SIZE, .CK_ARG_NEW_K))
        #expect(Self.withPages([1, 1]) { $0.append.count = 1 } == (.CK_SHARED_PAGE, .CK_ARG_PAGES))
        #expect(
            Self.withPages([2, 0]) {
                $0.append.count = 2
                $0.append.v.count = 1
            } == (.CK_SHORT_SPAN, .CK_ARG_NEW_V))
        #expect(
            Self.withPages([2, 0]) {
                $0.append.count = 2
                $0.append.k.data = $0.k.data
            } == (.CK_OVERLAP, .CK_ARG_K))
    }
}
