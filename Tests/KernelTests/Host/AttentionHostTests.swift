import AllocationCounter
import AttentionKernels
import CKernels
import Foundation
import Testing

/// What a process brings along: its floating-point mode, its threads, its address space.
@Suite struct AttentionHostTests {
    typealias Shape = AttentionCase.Shape

    #if arch(x86_64)
        /// One key: its value comes back, subnormal as it is, or as zero where the caller flushes them, on every worker
        /// alike. The caller's mode stays.
        @Test func subnormalsFollowTheCallersMode() async {
            await #expect(processExitsWith: .success) {
                SubnormalMode.leaveToTheLibrary()
                try AttentionHostTests.expectTheCallersMode()
            }
        }

        private static func expectTheCallersMode() throws {
            let attention = AttentionCase(
                Shape(heads: 12, kvHeads: 12, queries: 130, keys: 1, headDim: 64, valueDim: 64))
            let value: [Float] = (1...64).map { Float(sign: .plus, exponent: -136, significand: Float($0)) }
            for h in 0..<12 { for c in 0..<64 { attention.row(\.v, 0, h, 0)[c] = value[c] } }
            let expected = [[Float]](repeating: value, count: 12 * 130).flatMap { $0 }
            for isa in Isas.all {
                for threads in [1, 2, 2 * usableCores + 1] {
                    for kernel in [ck_kernel.CK_NAIVE, .CK_BLOCKED, .CK_FUSED] {
                        let run = { try attention.run(kernel, isa: isa, threads: threads).output }
                        #expect(try run() == expected, "\(isa.name) \(threads) threads")
                        let flushed = try SubnormalMode.flushed(run)
                        #expect(flushed.isKept)
                        #expect(flushed.result.allSatisfy { $0 == 0 }, "\(isa.name) \(threads) threads")
                    }
                }
            }
        }
    #endif

    /// Rows 4 GB apart, forwards for K and backwards for V: products of index and stride exceed 32 bits.
    @Test func stridesBeyond32Bits() throws {
        let attention = AttentionCase(
            Shape(heads: 2, kvHeads: 1, queries: 6, keys: 5, headDim: 16, valueDim: 8), masking: .bottomRight)
        let expected = try [ck_kernel.CK_NAIVE, .CK_BLOCKED, .CK_FUSED].map { try attention.run($0, threads: 2).bits }
        let stride: Int64 = 1 << 30
        let memory = try (0..<2).map { _ in try SparseMemory(count: Int(5 * stride)) }
        defer { withExtendedLifetime(memory) {} }
        var (k, v) = (attention.problem.k, attention.problem.v)
        (k.data, k.count, k.offset, k.row_stride) = (UnsafeMutableRawPointer(memory[0].start), stride * 5, 7, stride)
        (v.data, v.count, v.offset, v.row_stride) = (
            UnsafeMutableRawPointer(memory[1].start), stride * 5, 4 * stride + 1001, -stride
        )
        (k.head_stride, v.head_stride) = (0, 0)
        for j in 0..<5 {
            AttentionCase.row(k, 0, 0, j).update(from: attention.row(\.k, 0, 0, j), count: 16)
            AttentionCase.row(v, 0, 0, j).update(from: attention.row(\.v, 0, 0, j), count: 8)
        }
        (attention.problem.k, attention.problem.v) = (k, v)
        for (kernel, bits) in zip([ck_kernel.CK_NAIVE, .CK_BLOCKED, .CK_FUSED], expected) {
            #expect(try firstDifference(attention.run(kernel, threads: 2).bits, bits) == nil, "kernel \(kernel)")
        }
    }

    /// A call from inside a call: the function runs on a worker, within the region of its team.
    @Test func callsWithinACall() throws {
        struct Nesting: ScoreModifier {
            let query, key: Tensor
            let expected: Tensor

            func callAsFunction(_ score: Float, batch: Int, head: Int, query i: Int, key j: Int) -> Float {
                guard i == 1 && j < 2 else { return score }
                let inner = try? AttentionKernel.fused.attend(
                    query: query, key: key, value: key, options: AttentionOptions(), execution: Execution(threads: 3))
                return inner?.output.elements == expected.elements ? score : .nan
            }
        }
        let query = try Tensor(shape: [4, 130, 64]) { Float($0 % 89) / 89 - 0.5 }
        let key = try Tensor(shape: [4, 140, 64]) { Float($0 % 97) / 97 - 0.5 }
        let plain = try AttentionKernel.fused.forward(query: query, key: key, value: key)
        var options = AttentionOptions()
        options.scoreFunction = ScoreFunction(Nesting(query: query, key: key, expected: plain))
        for threads in [1, 2, 5] {
            let outer = try AttentionKernel.fused.attend(
                query: query, key: key, value: key, options: options, execution: Execution(threads: threads))
            let oracle = plain.elements.map(Double.init)
            #expect(largestError(outer.output.elements, oracle) < 1e-6, "\(threads) threads")
        }
    }

    /// The bits of calls with 1, 3 and 5 threads, in a process whose OpenMP was told something else.
    private static func expectTheBits() throws {
        let attention = AttentionCase(
            Shape(heads: 6, kvHeads: 3, queries: 70, keys: 1100, headDim: 32, valueDim: 32), masking: .bottomRight)
        let bits = try attention.run(.CK_FUSED).bits
        for threads in [3, 1, 5, 2, 3] {
            #expect(try firstDifference(attention.run(.CK_FUSED, threads: threads).bits, bits) == nil)
        }
    }

    @Test func threadCountsOfTheEnvironmentDoNotShow() async {
        await #expect(processExitsWith: .success) {
            setenv("OMP_NUM_THREADS", "1", 1)
            try AttentionHostTests.expectTheBits()
        }
        await #expect(processExitsWith: .success) {
            setenv("OMP_NUM_THREADS", "9", 1)
            setenv("OMP_DYNAMIC", "true", 1)
            try AttentionHostTests.expectTheBits()
        }
        // Fewer threads than a call asks for: those there are do all of the tasks.
        await #expect(processExitsWith: .success) {
            setenv("OMP_THREAD_LIMIT", "1", 1)
            try AttentionHostTests.expectTheBits()
        }
    }

    /// A child of a process that has computed on several threads computes on several threads.
    @Test(.disabled(if: allocation_counter_is_sanitized(), "sanitizers do not survive a fork"), .timeLimit(.minutes(1)))
    func callsAfterFork() async {
        await #expect(processExitsWith: .success) {
            let attention = AttentionCase(
                Shape(heads: 6, kvHeads: 3, queries: 70, keys: 1100, headDim: 32, valueDim: 32), masking: .bottomRight)
            let bits = try attention.run(.CK_FUSED, threads: 3).bits
            // Swift hides fork, rightly: nothing but C runs in the child, before _exit.
            let symbol = try #require(dlsym(dlopen(nil, RTLD_NOW), "fork"))
            let fork = unsafeBitCast(symbol, to: (@convention(c) () -> pid_t).self)
            var (problem, options) = (attention.problem, ck_options_default())
            options.threads = 3
            let output = AttentionCase.floats(problem.o.data)
            let count = Int(problem.o.count)
            let before = UnsafeMutablePointer<Float>.allocate(capacity: count)
            before.update(from: output, count: count)
            for i in 0..<count { output[i] = .nan }
            let child = fork()
            if child == 0 {
                let status = ck_attention_forward(.CK_FUSED, &problem, &options, nil)
                _exit(status == .CK_OK && memcmp(output, before, count * 4) == 0 ? 0 : 1)
            }
            var status: Int32 = -1
            #expect(waitpid(child, &status, 0) == child && status == 0)
            #expect(try firstDifference(attention.run(.CK_FUSED, threads: 3).bits, bits) == nil)
            before.deallocate()
        }
    }
}
