import AttentionKernels
import CKernels
import TestSupport
import Testing

/// Caches of 8 bits: what is stored, how far the result is from that of the stored numbers in double precision, and what
/// is refused.
@Suite struct QuantizedCacheTests {
    /// A problem of C over one sequence whose rows are appended in the call, with all that it reads and writes.
    final class Problem {
        static let (heads, kvHeads, queries, keys) = (6, 2, 5, 300)
        let headDim, valueDim: Int
        let query, newKey, newValue: [Float]
        let output: UnsafeMutableBufferPointer<Float>
        let key, value: UnsafeMutableBufferPointer<Int8>
        let keyScales, valueScales: UnsafeMutableBufferPointer<Float>
        var problem = ck_attention_problem()

        init(headDim: Int, valueDim: Int, seed: UInt64) {
            var random = SeededRandom(seed: seed)
            let rows = Self.kvHeads * Self.keys
            self.headDim = headDim
            self.valueDim = valueDim
            query = random.normals(Self.heads * Self.queries * headDim)
            newKey = random.normals(rows * headDim)
            newValue = random.normals(rows * valueDim)
            output = .allocate(capacity: Self.heads * Self.queries * valueDim)
            (key, value) = (.allocate(capacity: rows * headDim), .allocate(capacity: rows * valueDim))
            (keyScales, valueScales) = (.allocate(capacity: rows), .allocate(capacity: rows))
            output.initialize(repeating: .nan)
            key.initialize(repeating: 99)
            value.initialize(repeating: 99)
            keyScales.initialize(repeating: .nan)
            valueScales.initialize(repeating: .nan)
        }

        deinit {
            output.deallocate()
            key.deallocate()
            value.deallocate()
            keyScales.deallocate()
            valueScales.deallocate()
        }

        static func operand(
            _ data: UnsafeMutableRawPointer?, heads: Int, length: Int, width: Int, _ type: ck_dtype
        ) -> ck_operand {
            ck_operand(
                data: data, count: Int64(heads * length * width), offset: 0,
                batch_stride: Int64(heads * length * width),
                head_stride: Int64(length * width), row_stride: Int64(width), dtype: type)
        }

        /// Calls `body` with the problem; `scales` are those of columns, or nil.
        func withProblem<Result>(
            columnScales scales: (key: [Float], value: [Float])? = nil,
            _ body: (inout ck_attention_problem) throws -> Result
        ) rethrows -> Result {
            try query.withUnsafeBufferPointer { query in
                try newKey.withUnsafeBufferPointer { newKey in
                    try newValue.withUnsafeBufferPointer { newValue in
                        var problem = ck_attention_problem()
                        (problem.batch, problem.heads, problem.kv_heads) = (1, Int64(Self.heads), Int64(Self.kvHeads))
                        (problem.seqlen_q, problem.seqlen_k) = (Int64(Self.queries), Int64(Self.keys))
                        (problem.head_dim, problem.value_dim) = (Int64(headDim), Int64(valueDim))
                        problem.scale = 1 / Float(headDim).squareRoot()
                        problem.causal = .CK_CAUSAL_BOTTOM_RIGHT
                        func of(_ x: UnsafeBufferPointer<Float>, _ heads: Int, _ length: Int, _ width: Int)
                            -> ck_operand
                        {
                            Self.operand(
                                UnsafeMutableRawPointer(mutating: x.baseAddress), heads: heads, length: length,
                                width: width, .CK_F32)
                        }
                        problem.q = of(query, Self.heads, Self.queries, headDim)
                        problem.o = of(UnsafeBufferPointer(output), Self.heads, Self.queries, valueDim)
                        problem.append = ck_kv_append(
                            count: Int64(Self.keys), k: of(newKey, Self.kvHeads, Self.keys, headDim),
                            v: of(newValue, Self.kvHeads, Self.keys, valueDim))
                        problem.k = Self.operand(
                            key.baseAddress, heads: Self.kvHeads, length: Self.keys, width: headDim, .CK_I8)
                        problem.v = Self.operand(
                            value.baseAddress, heads: Self.kvHeads, length: Self.keys, width: valueDim, .CK_I8)
                        problem.k_scales.values = of(UnsafeBufferPointer(keyScales), Self.kvHeads, Self.keys, 1)
                        problem.v_scales.values = of(UnsafeBufferPointer(valueScales), Self.kvHeads, Self.keys, 1)
                        guard let scales else { return try body(&problem) }
                        return try scales.key.withUnsafeBufferPointer { key in
                            try scales.value.withUnsafeBufferPointer { value in
                                problem.k_scales = ck_kv_scales(
                                    kind: .CK_SCALES_BY_COLUMN, values: of(key, Self.kvHeads, 1, headDim))
                                problem.v_scales = ck_kv_scales(
                                    kind: .CK_SCALES_BY_COLUMN, values: of(value, Self.kvHeads, 1, valueDim))
                                return try body(&problem)
                            }
                        }
                    }
                }
            }
        }
    }

    static func forward(
        _ kernel: ck_kernel, _ problem: inout ck_attention_problem, _ configuration: Configuration
    ) -> (status: ck_status, argument: ck_argument) {
        var options = ck_options_default()
        options.isa = configuration.instructionSet.name.withCString { ck_isa_named($0) }
        options.threads = Int32(configuration.threads)
        var diagnosis = ck_diagnosis()
        let status = ck_attention_forward(kernel, &problem, &options, &diagnosis)
        return (status, diagnosis.argument)
    }

    /// The scale is the row's largest magnitude over 127, and each element the nearest multiple of it, on every ISA.
    @Test func rowsAreQuantizedToTheirLargest() {
        for run in Configuration.instructionSets {
            let problem = Problem(headDim: 43, valueDim: 32, seed: 1)
            let result = problem.withProblem { Self.forward(.CK_FUSED, &$0, run) }
            #expect(result == (.CK_OK, .CK_ARG_NONE))
            for (width, source, stored, scales) in [
                (43, problem.newKey, problem.key, problem.keyScales),
                (32, problem.newValue, problem.value, problem.valueScales),
            ] {
                for row in 0..<Problem.kvHeads * Problem.keys {
                    let elements = source[row * width..<(row + 1) * width]
                    #expect(scales[row] == (elements.map { abs($0) }.max() ?? 0) / 127)
                    for (c, x) in elements.enumerated() {
                        let nearest = Double(x) / Double(scales[row])
                        #expect(abs(Double(stored[row * width + c]) - nearest) < 0.50001)
                    }
                }
            }
        }
    }

    /// Every kernel against the stored numbers in double precision.
    @Test(arguments: [ck_kernel.CK_NAIVE, .CK_BLOCKED, .CK_FUSED], [false, true])
    func resultsAreThoseOfTheStoredNumbers(kernel: ck_kernel, byColumn: Bool) throws {
        for (headDim, valueDim) in [(64, 64), (43, 29), (128, 80)] {
            let problem = Problem(headDim: headDim, valueDim: valueDim, seed: 2)
            var random = SeededRandom(seed: 5)
            func scales(_ width: Int) -> [Float] {
                (0..<Problem.kvHeads * width).map { _ in Float(0.02 + 0.02 * random.uniform()) }
            }
            let columns = byColumn ? (key: scales(headDim), value: scales(valueDim)) : nil
            for run in Configuration.all {
                try problem.withProblem(columnScales: columns) { c in
                    #expect(Self.forward(kernel, &c, run) == (.CK_OK, .CK_ARG_NONE))
                    c.append = ck_kv_append()
                    let oracle = try AttentionOracle(c)
                    let worst = zip(problem.output, oracle.output).map { abs(Double($0) - $1) }.max() ?? 1
                    // `fused` rounds Q to 16 bits.
                    #expect(worst < (kernel == .CK_FUSED ? 1e-4 : 2e-6), "\(kernel) \(run) \(headDim): \(worst)")
                }
            }
        }
    }

    @Test func whatCRefuses() {
        func status(_ spoil: (inout ck_attention_problem) -> Void) -> (ck_status, ck_argument) {
            Problem(headDim: 8, valueDim: 8, seed: 3).withProblem {
                spoil(&$0)
                return Self.forward(.CK_FUSED, &$0, Configuration.instructionSets[0])
            }
        }
        #expect(status { $0.k_scales = ck_kv_scales() } == (.CK_SMALL_STRIDE, .CK_ARG_K_SCALES))
        #expect(status { $0.v_scales.values.count -= 1 } == (.CK_SHORT_SPAN, .CK_ARG_V_SCALES))
        #expect(status { $0.v_scales.values.data = nil } == (.CK_NULL_POINTER, .CK_ARG_V_SCALES))
        #expect(status { $0.k_scales.values.dtype = .CK_BF16 } == (.CK_BAD_DTYPE, .CK_ARG_K_SCALES))
        #expect(status { $0.k_scales.values.data = $0.v_scales.values.data } == (.CK_OVERLAP, .CK_ARG_K_SCALES))
        #expect(status { $0.scores.normalize_qk = true } == (.CK_BAD_DTYPE, .CK_ARG_K))
        #expect(
            status { ($0.head_dim, $0.q.row_stride, $0.k.row_stride) = (1025, 1025, 1025) } == (
                .CK_BAD_VALUE, .CK_ARG_HEAD_DIM
            ))
        #expect(status { $0.append.k.dtype = .CK_I8 } == (.CK_BAD_DTYPE, .CK_ARG_NEW_K))
        #expect(status { $0.q.dtype = .CK_I8 } == (.CK_BAD_DTYPE, .CK_ARG_Q))
        #expect(status { $0.k.dtype = .CK_BF16 } == (.CK_BAD_VALUE, .CK_ARG_K_SCALES))
    }

    @Test func whatACacheRefuses() throws {
        func make<Element: CacheElement>(_: Element.Type, _ keys: [Int]?, _ values: Tensor? = nil) throws {
            _ = try KeyValueCache<Element>(
                batch: 1, kvHeads: 2, capacity: 3, headDim: 4,
                keyScales: keys.map { try Tensor(shape: $0) { _ in 1 } }, valueScales: values)
        }
        try make(Int8.self, [2, 4])
        expectError(.shapeMismatch, .keyScales, "[2, 3]", "[2, 4]") { try make(Int8.self, [2, 3]) }
        expectError(.notFinite, .valueScales, "finite") {
            try make(Int8.self, nil, Tensor(shape: [2, 4]) { $0 == 5 ? .infinity : 1 })
        }
        expectError(.notFinite, .valueScales, "0 or more") {
            try make(Int8.self, nil, Tensor(shape: [2, 4]) { $0 == 5 ? -1 : 1 })
        }
        expectError(.wrongElementType, .keyScales, "Float") { try make(Float.self, [2, 4]) }
        expectError(.wrongElementType, .valueScales, "BFloat16") {
            try make(BFloat16.self, nil, Tensor(shape: [2, 4]) { _ in 1 })
        }
    }

    /// NaN reaches the queries that see its key, and no other; a row of zeros is zeros; sequences are copied with their
    /// scales.
    @Test(arguments: [KeyValueCache<Int8>.Storage.contiguous, .paged(length: 4, count: 30)])
    func rowsThatAreSpecial(storage: KeyValueCache<Int8>.Storage) throws {
        var random = SeededRandom(seed: 4)
        var (key, value) = (try random.normalTensor([1, 1, 40, 16]), try random.normalTensor([1, 1, 40, 16]))
        let query = try random.normalTensor([1, 2, 40, 16])
        for c in 0..<16 {
            key[0, 0, 7, c] = 0
            value[0, 0, 8, c] = 0
        }
        var clean = try KeyValueCache<Int8>(batch: 2, kvHeads: 1, capacity: 41, headDim: 16, storage: storage)
        let expected = try clean.attend(query: query, appendingKey: key, value: value, sequences: 0..<1)
        key[0, 0, 30, 3] = .nan
        value[0, 0, 35, 5] = .infinity
        var cache = try KeyValueCache<Int8>(batch: 2, kvHeads: 1, capacity: 41, headDim: 16, storage: storage)
        let output = try cache.attend(query: query, appendingKey: key, value: value, sequences: 0..<1)
        for head in 0..<2 {
            for row in 0..<40 {
                for c in 0..<16 {
                    if row < 30 {
                        #expect(output[0, head, row, c] == expected[0, head, row, c])
                    } else {
                        #expect(output[0, head, row, c].isNaN)
                    }
                }
            }
        }
        try clean.copy(0, to: 1)
        let last = try query.slice(2, 39..<40)
        let (one, two) = (
            try clean.attend(query: last, sequences: 0..<1), try clean.attend(query: last, sequences: 1..<2)
        )
        #expect(bits(one) == bits(two))
        #expect(bits(one) == bits(try expected.slice(2, 39..<40).contiguous()))
    }

    /// Scales of columns that columns of very different size need: the error of each is that of its own scale.
    @Test func scalesOfColumns() throws {
        var random = SeededRandom(seed: 6)
        let sizes: [Float] = (0..<16).map { $0 % 4 == 0 ? 100 : 0.1 }
        let normal = try random.normalTensor([1, 2, 50, 16])
        let value = try Tensor(shape: normal.shape) { normal.elements[$0] * sizes[$0 % 16] }
        let (key, query) = (try random.normalTensor([1, 2, 50, 16]), try random.normalTensor([1, 4, 50, 16]))
        let exact = try AttentionKernel.naive.forward(query: query, key: key, value: value, causality: .topLeft)
        let scales = try Tensor(shape: [2, 16]) { sizes[$0 % 16] * 4 / 127 }
        func worst(_ scales: Tensor?) throws -> Float {
            var cache = try KeyValueCache<Int8>(
                batch: 1, kvHeads: 2, capacity: 50, headDim: 16, keyScales: nil, valueScales: scales)
            let output = try cache.attend(query: query, appendingKey: key, value: value)
            return zip(output.elements, exact.elements).enumerated().map { abs($1.0 - $1.1) / sizes[$0 % 16] }.max()
                ?? 1
        }
        #expect(try worst(scales) < 0.1)
        #expect(try worst(nil) > 0.3)
    }
}
