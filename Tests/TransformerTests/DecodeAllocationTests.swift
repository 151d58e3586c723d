import AllocationCounter
import AttentionKernels
import TestSupport
import Testing

@testable import Transformer

/// A token costs no heap allocation once there was one before.
@Suite(.enabled(if: allocation_counter_is_active(), "this build does not count allocations"))
struct DecodeAllocationTests {
    /// The most allocations of a step, among some behind the first two.
    private static func most(_ context: DecoderContext, _ tokens: [Int]) throws -> Int64 {
        var most: Int64 = 0
        for step in 0..<12 {
            let before = allocation_counter_value()
            try context.step(tokens.span)
            _ = try context.mostLikely(tokens.count)
            if step > 1 { most = max(most, allocation_counter_value() - before) }
        }
        return most
    }

    @Test func aStepOfLlamaAllocatesNothing() async {
        await #expect(processExitsWith: .success) {
            for precision in Precision.allCases {
                let threads = Machine.current.parallelBackend == "openmp" ? 2 : 1
                let model = try LlamaModel(
                    .small(),
                    weights: RandomWeights(
                        LlamaConfiguration.small().shapes, seed: 1, format: precision == .integer16 ? .q4_1 : .float32),
                    precision: precision, execution: Execution(threads: threads))
                let context = try model.makeContext(sequenceCount: 2)
                try context.append([1, 2, 3])
                let most = try Self.most(context, [4, 5])
                #expect(most == 0, "\(precision): \(most) allocations")
            }
        }
    }

    @Test func aStepOfTheEncoderDecoderAllocatesNothing() async {
        await #expect(processExitsWith: .success) {
            let configuration = EncoderDecoderConfiguration.small(.post)
            let model = try EncoderDecoderModel(
                configuration, weights: RandomWeights(configuration.shapes, seed: 1), execution: Execution(threads: 1))
            let context = try model.makeContext(sources: [[3, 4], [5, 6, 7]])
            let most = try Self.most(context, [1, 1])
            #expect(most == 0, "\(most) allocations")
        }
    }
}
