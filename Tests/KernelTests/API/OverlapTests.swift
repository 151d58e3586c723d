import AttentionKernels
import TestSupport
import Testing

/// Outputs that share memory with another argument, which spans made without unsafe code cannot.
@Suite struct OverlapTests {
    static let layout = AttentionLayout.bhsd(batch: 1, heads: 2, length: 4, width: 4)

    /// One buffer for everything: each operand has 64 elements of its own unless a test moves it.
    final class Shared {
        let buffer = GuardedBuffer(count: 512)
        var starts = ["query": 0, "key": 64, "value": 128, "output": 192, "lse": 256, "weights": 320, "bias": 384]
        /// The first byte of the mask.
        var maskStart = 448 * 4

        init() {
            for index in 0..<buffer.count { buffer[index] = Float(index % 5) }
        }

        private func operand(_ name: String) -> UnsafeMutableBufferPointer<Float> {
            UnsafeMutableBufferPointer(start: buffer.start + (starts[name] ?? 0), count: 32)
        }

        func forward(_ kernel: AttentionKernel) throws(KernelError) {
            let maskBytes = UnsafeRawPointer(buffer.start).advanced(by: maskStart).assumingMemoryBound(to: UInt8.self)
            let (query, key, value, bias) = (operand("query"), operand("key"), operand("value"), operand("bias"))
            let scores = ScoreLayout(heads: 2, queryLength: 4, keyLength: 4)
            let problem = AttentionProblem(
                query: AttentionInput(Span(_unsafeElements: query), layout),
                key: AttentionInput(Span(_unsafeElements: key), layout),
                value: AttentionInput(Span(_unsafeElements: value), layout),
                mask: .drop(Span(_unsafeElements: UnsafeBufferPointer(start: maskBytes, count: 32)), scores),
                bias: BiasInput(Span(_unsafeElements: bias), scores))
            try kernel.forward(
                problem, into: AttentionOutput(MutableSpan(_unsafeElements: operand("output")), layout),
                lse: AttentionOutput(
                    MutableSpan(_unsafeElements: operand("lse")), .perRow(batch: 1, heads: 2, length: 4)),
                weights: AttentionOutput(MutableSpan(_unsafeElements: operand("weights")), layout))
        }
    }

    @Test(arguments: AttentionKernel.allCases)
    func memoryOfTheirOwnIsFine(kernel: AttentionKernel) throws {
        try Shared().forward(kernel)
    }

    @Test(arguments: ["output", "lse", "weights"], ["query", "key", "value", "output", "lse", "weights", "bias"])
    func refusesOverlap(output: String, other: String) {
        if output == other { return }
        for kernel in AttentionKernel.allCases {
            // By all of the other's elements, by its first, and by its last.
            for shift in [0, -31, 31] where output != "lse" || shift != -31 {
                let shared = Shared()
                let before = (0..<512).map { shared.buffer[$0] }
                shared.starts[output] = (shared.starts[other] ?? 0) + (other == "lse" && shift == 31 ? 7 : shift)
                if shared.starts[output, default: 0] < 0 { continue }
                let error = #expect(throws: KernelError.self) { try shared.forward(kernel) }
                #expect(error?.reason == .overlap)
                let named = [output, other].contains(error?.argument.rawValue)
                #expect(named && error?.description.contains("overlaps") == true, "\(String(describing: error))")
                #expect((0..<512).map { shared.buffer[$0] } == before)
            }
        }
    }

    @Test func refusesAnOutputOverTheMask() {
        let shared = Shared()
        shared.maskStart = (192 + 31) * 4 + 3
        expectError(.overlap, .output, "mask") { try shared.forward(.fused) }
    }

    @Test func refusesAProductOverItsFactors() {
        let buffer = GuardedBuffer(count: 64)
        let layout = MatrixLayout(rows: 4, columns: 4)
        func matrix(_ start: Int) -> UnsafeMutableBufferPointer<Float> {
            UnsafeMutableBufferPointer(start: buffer.start + start, count: 16)
        }
        for (start, other) in [(0, "a"), (15, "a"), (16, "b"), (31, "b")] {
            expectError(.overlap, .c, "overlaps \(other)") {
                try matmul(
                    MatrixInput(Span(_unsafeElements: matrix(0)), layout),
                    MatrixInput(Span(_unsafeElements: matrix(16)), layout),
                    into: MatrixOutput(MutableSpan(_unsafeElements: matrix(start)), layout))
            }
        }
        #expect(buffer.isIntact())
    }
}
