import AttentionKernels
import CKernels
import TestSupport
import Testing

/// The element types of tensors: their conversions, and calls on tensors and spans of them.
@Suite struct ElementTypeTests {
    @Test func bfloat16RoundsToNearestEven() {
        let cases: [(Float, UInt16)] = [
            (1, 0x3F80), (-2, 0xC000), (0, 0), (-0.0, 0x8000), (.infinity, 0x7F80), (-.infinity, 0xFF80),
            (0x1.01p0, 0x3F80), (0x1.03p0, 0x3F82), (0x1.0100_02p0, 0x3F81), (0x1.fep127, 0x7F7F),
            (.greatestFiniteMagnitude, 0x7F80), (0x1p-133, 1), (0x1p-134, 0), (0x1.8p-133, 2),
        ]
        for (value, bits) in cases { #expect(BFloat16(value).bitPattern == bits, "\(value)") }
        #expect(BFloat16(Float(bitPattern: 0x7F80_0001)).bitPattern == 0x7FC0)
        for bits in 0...UInt16.max {
            let value = Float(BFloat16(bitPattern: bits))
            #expect(value.isNaN || BFloat16(value).bitPattern == bits)
        }
        #expect(BFloat16(bitPattern: 0x8000) == BFloat16(0))
        #expect(BFloat16(bitPattern: 0x7FC0) != BFloat16(bitPattern: 0x7FC0))
        #expect(BFloat16(1.5).description == "1.5" && (-1.0 as BFloat16) < 0.5)
    }

    @Test func tensorsConvertBetweenElementTypes() throws {
        var random = SeededRandom(seed: 5)
        let tensor = try random.normalTensor([3, 5, 7])
        let half = try TypedTensor<Float16>(tensor)
        let brain = try TypedTensor<BFloat16>(tensor.transposed(0, 2).contiguous())
        #expect(half.shape == [3, 5, 7] && brain.shape == [7, 5, 3])
        #expect(half.elements == tensor.elements.map { Float16($0) })
        #expect(brain[2, 4, 1] == BFloat16(tensor[1, 4, 2]))
        #expect(try Tensor(half).elements == half.elements.map { Float($0) })
        #expect(try TypedTensor<BFloat16>(shape: [2, 2]).elements == [0, 0, 0, 0])
    }

    /// Mixed types: the result has the query's type, or that of the tensor it goes into.
    @Test(arguments: AttentionKernel.allCases) func tensorsOfMixedTypes(kernel: AttentionKernel) throws {
        var random = SeededRandom(seed: 8)
        let query = try TypedTensor<Float16>(random.normalTensor([2, 4, 20, 16]))
        let key = try TypedTensor<BFloat16>(random.normalTensor([2, 2, 30, 16]))
        let value = try random.normalTensor([2, 2, 30, 24])
        let expected = try kernel.forward(
            query: Tensor(query), key: Tensor(key), value: value, causality: .bottomRight)
        let output = try kernel.forward(query: query, key: key, value: value, causality: .bottomRight)
        #expect(output == (try TypedTensor<Float16>(expected)))

        var brain = try TypedTensor<BFloat16>(shape: [2, 4, 20, 24])
        let options = AttentionOptions(causality: .bottomRight)
        try kernel.forward(query: query, key: key, value: value, into: &brain, options: options)
        #expect(brain == (try TypedTensor<BFloat16>(expected)))

        let result = try kernel.attend(
            query: query, key: key, value: value, options: options, returning: [.lse, .weights])
        #expect(result.output == output && result.lse?.shape == [2, 4, 20] && result.weights?.shape == [2, 4, 20, 30])
    }

    @Test func spansOfAnyElementType() throws {
        let layout = AttentionLayout.bhsd(batch: 1, heads: 2, length: 6, width: 8)
        var random = SeededRandom(seed: 2)
        let query = random.normals(layout.elementCount).map { BFloat16($0) }
        let key = random.normals(layout.elementCount).map { BFloat16($0) }
        let value = random.normals(layout.elementCount).map { BFloat16($0) }
        var output = [Float16](repeating: .nan, count: layout.elementCount)
        let problem = AttentionProblem(
            query: AttentionInput(query.span, layout), key: AttentionInput(key.span, layout),
            value: AttentionInput(value.span, layout))
        try AttentionKernel.naive.forward(problem, into: AttentionOutput(output.mutableSpan, layout))
        func floats(_ elements: [BFloat16]) throws -> Tensor {
            try Tensor(shape: [1, 2, 6, 8], elements: elements.map { Float($0) })
        }
        let expected = try AttentionKernel.naive.forward(query: floats(query), key: floats(key), value: floats(value))
        #expect(output == expected.elements.map { Float16($0) })
    }

    @Test func outputsBesidesTheAttentionAreFloat() throws {
        let layout = AttentionLayout.bhsd(batch: 1, heads: 1, length: 2, width: 2)
        let input: [Float] = [1, 2, 3, 4]
        var output = input
        var lse = [BFloat16](repeating: 7, count: 2)
        expectError(.wrongElementType, .lse, "Float") {
            try AttentionKernel.fused.forward(
                AttentionProblem(
                    query: AttentionInput(input.span, layout), key: AttentionInput(input.span, layout),
                    value: AttentionInput(input.span, layout)),
                into: AttentionOutput(output.mutableSpan, layout),
                lse: AttentionOutput(lse.mutableSpan, .perRow(batch: 1, heads: 1, length: 2)))
        }
        #expect(output == input && lse == [7, 7], "a call that throws writes nothing")
    }

    @Test func integerElementsAreRefused() {
        let operands: [(WritableKeyPath<ck_attention_problem, ck_operand>, ck_argument)] = [
            (\.q, .CK_ARG_Q), (\.k, .CK_ARG_K), (\.v, .CK_ARG_V), (\.o, .CK_ARG_O),
        ]
        for (operand, argument) in operands {
            // Keys and values may be of 8 bits, with scales.
            let mayBe8Bits = argument == .CK_ARG_K || argument == .CK_ARG_V
            for type in [mayBe8Bits ? .CK_I32 : ck_dtype.CK_I8, .CK_I32, .CK_Q8_0, CErrorTests.unknown(ck_dtype.self)] {
                CErrorTests.withProblem { problem in
                    problem[keyPath: operand].dtype = type
                    #expect(CErrorTests.forward(&problem) == (.CK_BAD_DTYPE, argument))
                }
            }
        }
    }
}
