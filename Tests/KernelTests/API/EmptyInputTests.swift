import AttentionKernels
import TestSupport
import Testing

/// Sizes of 0 are legal, and what they give is defined.
@Suite struct EmptyInputTests {
    @Test(arguments: KernelConfiguration.all)
    func noKeysGiveZeros(_ run: KernelConfiguration) throws {
        for causality in [Causality.none, .topLeft, .bottomRight, .offset(3)] {
            let sample = AttentionSample(
                batch: 2, heads: 4, kvHeads: 2, queryLength: 5, keyLength: 0, headDim: 8, valueDim: 6,
                causality: causality)
            let result = try sample.run(run.kernel, returning: [.lse, .weights], execution: run.execution)
            #expect(result.output.shape == [2, 4, 5, 6])
            #expect(bits(result.output).allSatisfy { $0 == 0 })
            #expect(result.lse?.shape == [2, 4, 5])
            #expect(result.lse?.elements.allSatisfy { $0 == -.infinity } == true)
            #expect(result.weights?.shape == [2, 4, 5, 0])
        }
    }

    @Test(arguments: KernelConfiguration.all)
    func nothingAskedGivesNothing(_ run: KernelConfiguration) throws {
        let samples = [
            AttentionSample(batch: 0, heads: 2, queryLength: 3, headDim: 4),
            AttentionSample(batch: 1, heads: 0, queryLength: 3, headDim: 4),
            AttentionSample(batch: 1, heads: 2, queryLength: 0, keyLength: 3, headDim: 4),
            AttentionSample(batch: 0, heads: 0, queryLength: 0, headDim: 0),
            AttentionSample(batch: 1, heads: 0, kvHeads: 3, queryLength: 3, headDim: 4),
        ]
        for sample in samples {
            let result = try sample.run(run.kernel, returning: [.lse, .weights], execution: run.execution)
            #expect(result.output.shape == [sample.batch, sample.heads, sample.queryLength, sample.valueDim])
            #expect(result.output.count == 0)
            #expect(result.lse?.count == 0)
            #expect(result.weights?.count == 0)
        }
    }

    @Test(arguments: KernelConfiguration.all)
    func noValueColumnsStillGiveTheRest(_ run: KernelConfiguration) throws {
        let sample = AttentionSample(heads: 2, queryLength: 5, keyLength: 9, headDim: 4, valueDim: 0)
        let result = try sample.run(run.kernel, returning: [.lse, .weights], execution: run.execution)
        let oracle = try sample.oracle()
        #expect(result.output.shape == [1, 2, 5, 0])
        let lse = try #require(result.lse).elements
        #expect(Comparison(lse, oracle: oracle.lse, bound: 1e-6).passes)
        let weights = try #require(result.weights).elements
        #expect(Comparison(weights, oracle: oracle.weights, bound: 1e-6).passes)
    }

    /// Without head columns every score is 0: the output is the mean of the visible values.
    @Test(arguments: KernelConfiguration.all)
    func noHeadColumnsGiveTheMean(_ run: KernelConfiguration) throws {
        let sample = AttentionSample(heads: 2, queryLength: 5, headDim: 0, valueDim: 3, causality: .topLeft, seed: 9)
        let result = try sample.run(run.kernel, returning: [.lse, .weights], execution: run.execution)
        let oracle = try sample.oracle()
        #expect(isMostlyNonzero(result.output.elements))
        #expect(Comparison(result.output.elements, oracle: oracle.output, bound: 1e-6).passes)
        let lse = try #require(result.lse).elements
        #expect(Comparison(lse, oracle: oracle.lse, bound: 1e-6).passes)
    }

    @Test(arguments: KernelConfiguration.all)
    func emptySequencesOfABatchGiveZeros(_ run: KernelConfiguration) throws {
        var sample = AttentionSample(batch: 3, heads: 2, queryLength: 4, keyLength: 7, headDim: 8, valueDim: 5)
        sample.keyLengths = [7, 0, 3]
        let result = try sample.run(run.kernel, returning: [.lse], execution: run.execution)
        let output = result.output.elements
        #expect(output[40..<80].allSatisfy { $0.bitPattern == 0 })
        #expect(isMostlyNonzero(Array(output[..<40] + output[80...])))
        #expect(result.lse?.elements[8..<16].allSatisfy { $0 == -.infinity } == true)
    }

    @Test(arguments: AttentionKernel.allCases)
    func productsOfNothing(kernel: AttentionKernel) throws {
        #expect(try matmul(Tensor(shape: [0, 4]), Tensor(shape: [4, 3]), kernel: kernel).shape == [0, 3])
        #expect(try matmul(Tensor(shape: [2, 4]), Tensor(shape: [4, 0]), kernel: kernel).shape == [2, 0])
        #expect(try matmul(Tensor(shape: [0, 2, 4]), Tensor(shape: [0, 4, 3]), kernel: kernel).shape == [0, 2, 3])
        let zeros = try matmul(Tensor(shape: [2, 0]), Tensor(shape: [0, 3]), kernel: kernel)
        #expect(zeros == (try Tensor(shape: [2, 3])))
    }

    @Test func productsOfNothingKeepTheirShareOfTheOutput() throws {
        var c = try Tensor(shape: [1, 2], elements: [3, 4])
        try matmul(Tensor(shape: [1, 0]), Tensor(shape: [0, 2]), into: &c, beta: 2)
        #expect(c.elements == [6, 8])
        c = try Tensor(shape: [1, 2], elements: [.nan, .infinity])
        try matmul(Tensor(shape: [1, 0]), Tensor(shape: [0, 2]), into: &c)
        #expect(c.elements == [0, 0])
    }
}
