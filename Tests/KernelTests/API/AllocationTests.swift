import AllocationCounter
import AttentionKernels
import CKernels
import TestSupport
import Testing

/// In the steady state a call makes no heap allocation, on any thread. Counted by a malloc of our own, each time in a
/// process of its own, where nothing else runs.
@Suite(.enabled(if: allocation_counter_is_active(), "this build does not count allocations"))
struct AllocationTests {
    /// Every kernel run in every way that keeps its threads: POSIX threads are made anew for each call, and the C library
    /// allocates their stacks.
    static var runs: [KernelConfiguration] {
        KernelConfiguration.all.filter {
            Machine.current.parallelBackend == "openmp" || $0.configuration.threads == 1
        }
    }

    /// The fewest allocations that one of some calls makes, after one that may allocate. A call that always allocates
    /// shows; a stray allocation of the process elsewhere does not.
    static func fewestAllocations(_ call: () throws -> Void) throws -> Int64 {
        try call()
        var fewest = Int64.max
        for _ in 0..<20 {
            let before = allocation_counter_value()
            try call()
            fewest = min(fewest, allocation_counter_value() - before)
        }
        return fewest
    }

    @Test func theCounterCounts() async {
        await #expect(processExitsWith: .success) {
            let fewest = try Self.fewestAllocations {
                let numbers = [Int](repeating: 1, count: 100 + Int(allocation_counter_value() % 3))
                #expect(numbers.span.count >= 100)
            }
            #expect(fewest >= 1)
        }
    }

    @Test func attentionOnBorrowedMemoryAllocatesNothing() async {
        await #expect(processExitsWith: .success) {
            let sample = AttentionSample(batch: 2, heads: 4, kvHeads: 2, queryLength: 130, headDim: 32, valueDim: 48)
            let (query, key, value) = (sample.query, sample.key, sample.value)
            let maskBytes = [UInt8](repeating: 1, count: 130)
            let biasElements = [Float](repeating: 0.5, count: 130)
            let keyLengths = [130, 77]
            let output = GuardedBuffer(count: sample.outputLayout.elementCount)
            let lse = GuardedBuffer(count: 2 * 4 * 130)
            let weights = GuardedBuffer(count: 2 * 4 * 130 * 130)
            for run in Self.runs {
                let fewest = try Self.fewestAllocations {
                    try run.kernel.forward(
                        AttentionProblem(
                            query: AttentionInput(query.span, sample.queryLayout),
                            key: AttentionInput(key.span, sample.keyLayout),
                            value: AttentionInput(value.span, sample.valueLayout), causality: .bottomRight,
                            mask: .keep(maskBytes.span, ScoreLayout(keyLength: 130)),
                            bias: BiasInput(biasElements.span, ScoreLayout(keyLength: 130)), keyLengths: keyLengths.span
                        ),
                        into: AttentionOutput(output.mutableSpan(), sample.outputLayout),
                        lse: AttentionOutput(lse.mutableSpan(), .perRow(batch: 2, heads: 4, length: 130)),
                        weights: AttentionOutput(
                            weights.mutableSpan(), .bhsd(batch: 2, heads: 4, length: 130, width: 130)),
                        execution: run.execution)
                }
                #expect(fewest == 0, "\(run): \(fewest) allocations")
            }
        }
    }

    @Test func attentionInTheCallersWorkspaceAllocatesNothing() async {
        await #expect(processExitsWith: .success) {
            let memory = GuardedBuffer(count: 1 << 22)
            let bytes = UnsafeMutableRawBufferPointer(start: memory.start, count: 4 << 22)
            let sample = AttentionSample(heads: 3, queryLength: 1, keyLength: 900, headDim: 64)
            let (query, key, value) = (sample.query, sample.key, sample.value)
            let output = GuardedBuffer(count: sample.outputLayout.elementCount)
            for run in Self.runs {
                let fewest = try Self.fewestAllocations {
                    try run.kernel.forward(
                        AttentionProblem(
                            query: AttentionInput(query.span, sample.queryLayout),
                            key: AttentionInput(key.span, sample.keyLayout),
                            value: AttentionInput(value.span, sample.valueLayout)),
                        into: AttentionOutput(output.mutableSpan(), sample.outputLayout),
                        workspace: MutableRawSpan(_unsafeBytes: bytes), execution: run.execution)
                }
                #expect(fewest == 0, "\(run): \(fewest) allocations")
                #expect(run.execution.idleWorkspaceByteCount == 0)
            }
        }
    }

    @Test func attentionIntoATensorAllocatesNothing() async {
        await #expect(processExitsWith: .success) {
            var random = SeededRandom(seed: 51)
            let x = try random.normalTensor([2, 100, 4, 16])
            let query = try x.transposed(1, 2)
            var options = AttentionOptions(causality: .bottomRight, keyLengths: [100, 50])
            options.mask = .drop(try ScoreMask(shape: [100]) { $0 % 5 == 0 })
            options.bias = try random.normalTensor([4, 1, 100])
            var output = try Tensor(shape: [2, 4, 100, 16])
            for run in Self.runs {
                let fewest = try Self.fewestAllocations {
                    try run.kernel.forward(
                        query: query, key: query, value: query, into: &output, options: options,
                        execution: run.execution)
                }
                #expect(fewest == 0, "\(run): \(fewest) allocations")
            }
        }
    }

    /// A step of decoding: a row of each sequence appended, and attended over, of every element and in every storage.
    private static func checkCaches<Element: CacheElement>(_: Element.Type) throws {
        var random = SeededRandom(seed: 54)
        let query = try random.normalTensor([2, 4, 1, 16])
        let row = try random.normalTensor([2, 2, 1, 16])
        var output = try Tensor(shape: [2, 4, 1, 16])
        var options = AttentionOptions(causality: .bottomRight)
        options.visibility.window = SlidingWindow(left: 40)
        options.scores.sinks = .perHead([1])
        let layout = AttentionLayout.bhsd(batch: 2, heads: 4, length: 1, width: 16)
        let rowLayout = AttentionLayout.bhsd(batch: 2, heads: 2, length: 1, width: 16)
        // The scratch memory of the other kernels grows with the keys.
        for run in Self.runs where run.kernel == .fused {
            for storage in [
                KeyValueCache<Element>.Storage.contiguous, .paged(length: 16, count: 20), .ring(window: 40, step: 1),
            ] {
                var cache = try KeyValueCache<Element>(
                    batch: 2, kvHeads: 2, capacity: 100, headDim: 16, storage: storage)
                let ofTensors = try Self.fewestAllocations {
                    try cache.attend(
                        query: query, appendingKey: row, value: row, into: &output, options: options,
                        kernel: run.kernel, execution: run.execution)
                }
                #expect(ofTensors == 0, "\(run) \(storage): \(ofTensors) allocations")
                let ofSpans = try Self.fewestAllocations {
                    try cache.forward(
                        query: AttentionInput(query.span, layout), appendingKey: AttentionInput(row.span, rowLayout),
                        value: AttentionInput(row.span, rowLayout), into: AttentionOutput(output.mutableSpan, layout),
                        kernel: run.kernel, execution: run.execution)
                }
                #expect(ofSpans == 0, "\(run) \(storage), spans: \(ofSpans) allocations")
            }
        }
    }

    @Test func cachesAllocateNothing() async {
        await #expect(processExitsWith: .success) {
            try Self.checkCaches(Float.self)
            try Self.checkCaches(BFloat16.self)
            try Self.checkCaches(Int8.self)
        }
    }

    @Test func productsAllocateNothing() async {
        await #expect(processExitsWith: .success) {
            var random = SeededRandom(seed: 52)
            let (a, b) = (random.normals(2 * 150 * 90), random.normals(2 * 90 * 130))
            let c = GuardedBuffer(count: 2 * 150 * 130)
            for run in Self.runs {
                let fewest = try Self.fewestAllocations {
                    try matmul(
                        MatrixInput(a.span, MatrixLayout(batch: 2, rows: 150, columns: 90)),
                        MatrixInput(b.span, MatrixLayout(batch: 2, rows: 90, columns: 130)),
                        into: MatrixOutput(c.mutableSpan(), MatrixLayout(batch: 2, rows: 150, columns: 130)),
                        kernel: run.kernel, execution: run.execution)
                }
                #expect(fewest == 0, "\(run): \(fewest) allocations")
            }
        }
    }

    /// In C without a workspace: small products take their scratch from the stack, larger ones from the heap.
    @Test func smallProductsInCAllocateNothing() async {
        await #expect(processExitsWith: .success) {
            for (size, transposed, allocates) in [
                (64, false, false), (33, true, false), (64, true, false), (700, true, true),
            ] {
                let (a, b) = (GuardedBuffer(count: size * size), GuardedBuffer(count: size * size))
                let c = GuardedBuffer(count: size * size)
                let (n, count) = (Int64(size), Int64(size * size))
                var problem = ck_gemm_problem()
                (problem.batch, problem.m, problem.n, problem.k, problem.alpha) = (1, n, n, n, 1)
                for (operand, buffer) in [(\ck_gemm_problem.a, a), (\.b, b), (\.c, c)] {
                    problem[keyPath: operand].data = UnsafeMutableRawPointer(buffer.start)
                    problem[keyPath: operand].count = count
                    problem[keyPath: operand].row_stride = n
                    problem[keyPath: operand].column_stride = 1
                }
                if transposed { (problem.b.row_stride, problem.b.column_stride) = (1, n) }
                var options = ck_options_default()
                options.threads = 1
                for index in 0..<ck_isa_count() {
                    options.isa = ck_isa_at(index)
                    var status = ck_status.CK_OK
                    let fewest = try Self.fewestAllocations { status = ck_gemm(.CK_FUSED, &problem, &options, nil) }
                    #expect(status == .CK_OK)
                    #expect((fewest > 0) == allocates, "\(size) \(transposed): \(fewest) allocations")
                }
            }
        }
    }

    @Test func productsOfTensorsAllocateNothing() async {
        await #expect(processExitsWith: .success) {
            var random = SeededRandom(seed: 53)
            let (a, b) = (try random.normalTensor([2, 60, 90]), try random.normalTensor([70, 90]))
            let epilogue = MatmulEpilogue(
                rowScale: try random.normalTensor([60]), columnScale: try random.normalTensor([70]),
                bias: try random.normalTensor([70]), activation: .gelu, residual: try random.normalTensor([60, 70]))
            var output = try Tensor(shape: [2, 60, 70])
            for run in Self.runs {
                let packed = try PackedMatrix(b, transposed: true, execution: run.execution)
                let fewest = try Self.fewestAllocations {
                    try matmul(
                        a, b, into: &output, transposeB: true, beta: 0.5, epilogue: epilogue, kernel: run.kernel,
                        execution: run.execution)
                }
                #expect(fewest == 0, "\(run): \(fewest) allocations")
                let withPacked = try Self.fewestAllocations {
                    try matmul(
                        a, packed: packed, into: &output, beta: 0.5, epilogue: epilogue, kernel: run.kernel,
                        execution: run.execution)
                }
                #expect(withPacked == 0, "\(run), packed: \(withPacked) allocations")
            }
        }
    }
}
