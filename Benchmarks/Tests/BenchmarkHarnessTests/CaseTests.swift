import AttentionKernels
import Testing

@testable import BenchmarkHarness

@Suite struct CaseTests {
    @Test(arguments: [(1, 1), (5, 5), (3, 7), (7, 3), (1, 9), (9, 1), (128, 128)])
    func visiblePairsMatchTheDefinition(queries: Int, keys: Int) {
        var pairs = 0
        for query in 0..<queries { for key in 0..<keys where key <= query + keys - queries { pairs += 1 } }
        #expect(SweepMask.causal.visiblePairs(queryLength: queries, keyLength: keys) == pairs)
        #expect(SweepMask.none.visiblePairs(queryLength: queries, keyLength: keys) == queries * keys)
    }

    /// The pairs are those whose weights the library does not mask.
    @Test(arguments: SweepMask.allCases + [SweepMask([.causal, .window]), SweepMask([.prefix, .blocks])])
    func visiblePairsAreWhatTheKernelsSee(mask: SweepMask) throws {
        for (queries, keys) in [(700, 700), (70, 900)] {
            let shape = AttentionShape(heads: 1, queryLength: queries, keyLength: keys, headDim: 4)
            var workload = try AttentionWorkload(shape: shape, mask: mask, seed: 1)
            // Counted as visible: see SweepMask.visiblePairs.
            workload.mask = nil
            let weights = try #require(
                try workload.attend(.naive, returning: .weights, execution: Execution(threads: 1)).weights)
            let visible = weights.elements.count { $0 > 0 }
            #expect(mask.visiblePairs(queryLength: queries, keyLength: keys) == visible)
        }
    }

    @Test func queryLengthsAndValueWidthsAreLists() throws {
        let workloads = try WorkloadSelection(
            lengths: [64, 32], queryLengths: [4, 1], headDims: [8], valueDims: [6], masks: [.none]
        ).workloads()
        #expect(
            workloads.map { [$0.shape.queryLength, $0.shape.keyLength] } == [[1, 32], [1, 64], [4, 32], [4, 64]])
        #expect(workloads.allSatisfy { $0.shape.valueDim == 6 })
        let decode = try WorkloadSelection(queryLengths: [3], presets: [.decode]).workloads()
        #expect(decode.map(\.shape.keyLength) == [1024, 2048, 4096, 8192, 16384, 32768])
        #expect(decode.allSatisfy { $0.shape.queryLength == 3 })
    }

    @Test func typesComeFromTheListOrThePreset() throws {
        let workloads = try WorkloadSelection(presets: [.dtypes, .cross]).workloads()
        var plan = SweepPlan(workloads: workloads, kernels: [.fused], threads: [1], isas: [.portable])
        #expect(plan.cases.count == 8 * 6 + 6 && Set(plan.cases.map(\.key)).count == plan.cases.count)
        plan.dtypes = [.bf16]
        #expect(plan.cases.count == 8 + 6 && plan.cases.allSatisfy { $0.dtype == .bf16 })
        let mixed = SweepCase(
            shape: AttentionShape(heads: 4, kvHeads: 2, queryLength: 3, keyLength: 5, headDim: 8), mask: .none,
            kernel: .fused, isa: .portable, threads: 1, dtype: SweepDType(.float32, .bfloat16))
        #expect(mixed.compulsoryBytes == 4 * 4 * 3 * 16 + 2 * 2 * 5 * 16 && mixed.key.contains(" f32/bf16 "))
        #expect(mixed.peakKey.quantity == .fma)
        let bytes = SweepCase(
            shape: mixed.shape, mask: .none, kernel: .fused, isa: .portable, threads: 1, dtype: .bytes)
        // A row of 8 bits has a scale of 4 bytes.
        #expect(bytes.compulsoryBytes == 4 * 4 * 3 * 16 + 2 * 2 * 5 * (8 + 4) && bytes.key.contains(" f32/i8 "))
    }

    @Test func flopsAreFourForEachPairAndColumn() {
        let shape = AttentionShape(batch: 2, heads: 8, queryLength: 128, headDim: 64)
        var sweepCase = SweepCase(
            shape: shape, mask: .none, kernel: .fused, isa: .portable, threads: 1, dtype: .f32)
        #expect(sweepCase.flops == 4 * 2 * 8 * 128 * 128 * 64)
        sweepCase.mask = .causal
        #expect(sweepCase.flops == 4 * 2 * 8 * (128 * 129 / 2) * 64)
        sweepCase.shape.valueDim = 32
        #expect(sweepCase.flops == 2 * 2 * 8 * (128 * 129 / 2) * (64 + 32))
    }

    @Test func theDefaultsAreTheIssues() throws {
        let workloads = try WorkloadSelection().workloads()
        #expect(workloads.count == 7 * 2 * 2)
        #expect(Set(workloads.map(\.shape.queryLength)) == [128, 256, 512, 1024, 2048, 4096, 8192])
        #expect(Set(workloads.map(\.shape.headDim)) == [64, 128])
        #expect(workloads.allSatisfy { $0.shape.batch == 1 && $0.shape.heads == 8 && $0.shape.kvHeads == 8 })
        let plan = SweepPlan(workloads: workloads, threads: [1, 2], isas: [.portable])
        #expect(plan.cases.count == 7 * 2 * 2 * 2 * 3)
        #expect(Set(plan.cases.map(\.key)).count == plan.cases.count)
        let decoding = try WorkloadSelection().sweepWorkloads().dropFirst(workloads.count)
        #expect(decoding.map(\.shape.queryLength) == [1, 1, 1, 1, 1, 1] && decoding.last?.shape.keyLength == 32768)
        #expect(try WorkloadSelection(lengths: [64]).sweepWorkloads().count == 4)
        #expect(plan.groups(of: workloads[0]).map(\.threads) == [1, 2])
    }

    @Test func lengthsRiseInnermost() throws {
        let workloads = try WorkloadSelection(lengths: [64, 16], headDims: [8, 4], masks: [.causal]).workloads()
        #expect(workloads.map(\.shape.queryLength) == [16, 64, 16, 64])
        #expect(workloads.map(\.shape.headDim) == [8, 8, 4, 4])
    }

    @Test func theProductIsOfAllLists() throws {
        let workloads = try WorkloadSelection(
            lengths: [16, 32, 64], headDims: [8, 4], heads: [4, 8], kvHeads: [1, 2], batch: [1, 3],
            masks: [.none, .causal]
        ).workloads()
        #expect(workloads.count == 3 * 2 * 2 * 2 * 2 * 2)
        #expect(Set(workloads).count == workloads.count)
    }

    @Test func headsMustBeMultiples() {
        #expect(throws: HarnessError("--heads: 6 should be a multiple of --kv-heads, which is 4")) {
            try WorkloadSelection(heads: [6], kvHeads: [4]).workloads()
        }
    }

    @Test(arguments: Preset.allCases) func presetsAreLegal(preset: Preset) throws {
        let workloads = try WorkloadSelection(presets: [preset]).workloads()
        #expect(workloads == preset.workloads && !workloads.isEmpty)
    }

    @Test func listsReplaceAPresetsValues() throws {
        let workloads = try WorkloadSelection(lengths: [99], batch: [2], presets: [.llama3]).workloads()
        #expect(
            workloads == [
                .init(AttentionShape(batch: 2, heads: 32, kvHeads: 8, queryLength: 99, headDim: 128), .causal)
            ])
        // Four query heads share a key-value head in this model, whatever their number.
        let fewer = try WorkloadSelection(lengths: [99], heads: [8], presets: [.llama3]).workloads()
        #expect(fewer.map(\.shape.kvHeads) == [2])
    }

    @Test func theSameSeedGivesTheSameNumbers() {
        var (first, second, other) = (SeededGenerator(seed: 7), SeededGenerator(seed: 7), SeededGenerator(seed: 8))
        let numbers = first.gaussians(10_001)
        #expect(numbers == second.gaussians(10_001))
        #expect(numbers != other.gaussians(10_001))
        let mean = numbers.reduce(0, +) / 10_001
        let variance = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 10_000
        #expect(abs(mean) < 0.05 && abs(variance - 1) < 0.05 && numbers.allSatisfy(\.isFinite))
    }
}

@Suite struct ListArgumentTests {
    @Test func sizes() throws {
        #expect(try ListArguments.sizes("128,256, 512", option: "--lengths") == [128, 256, 512])
        #expect(try ListArguments.sizes("8,8", option: "--heads") == [8])
    }

    @Test(arguments: ["", "0", "-1", "1,,2", "x", "1.5", "1;2", "99999999999999999999", "16777217"])
    func badSizes(text: String) {
        #expect(throws: HarnessError.self) { try ListArguments.sizes(text, option: "--lengths") }
    }

    @Test func errorsNameOptionAndElement() {
        #expect(throws: HarnessError("--lengths: \"x\" in \"128,x\" should be integers from 1 to 16777216")) {
            try ListArguments.sizes("128,x", option: "--lengths")
        }
    }

    @Test func threads() throws {
        #expect(try ListArguments.threads("1,all,4", usableCores: 2) == [1, 2, 4])
        #expect(try ListArguments.threads("1,all", usableCores: 1) == [1])
        for text in ["0", "1025", "two", ""] {
            #expect(throws: HarnessError.self) { try ListArguments.threads(text, usableCores: 2) }
        }
    }

    @Test func names() throws {
        #expect(try ListArguments.names("fused,naive", option: "--kernels") == [AttentionKernel.fused, .naive])
        #expect(try ListArguments.names("all", option: "--kernels") == AttentionKernel.allCases)
        #expect(try ListArguments.names("none,causal", option: "--masks") == [SweepMask.none, .causal])
        #expect(
            try ListArguments.names("bf16,f32/f16", option: "--dtypes")
                == [SweepDType.bf16, SweepDType(.float32, .float16)])
        #expect(
            try ListArguments.names("causal+alibi,window", option: "--masks")
                == [SweepMask([.alibi, .causal]), SweepMask([.window])])
        #expect(throws: HarnessError("--dtypes: \"f8\" should be f32, bf16, f16, f32/bf16, f32/f16, f32/i8")) {
            try ListArguments.names("f8", option: "--dtypes", of: SweepDType.self)
        }
        for text in ["causal+", "+", "causal+none", "f32/", "f32/bf16/f16", "i8", "i8/f32"] {
            #expect(SweepMask(rawValue: text) == nil && SweepDType(rawValue: text) == nil)
        }
    }

    @Test func instructionSets() throws {
        #expect(try ListArguments.isas("portable") == [.portable])
        #expect(try ListArguments.isas("all") == InstructionSet.available)
        #expect(throws: HarnessError.self) { try ListArguments.isas("sse9") }
        for isa in InstructionSet.allCases where !InstructionSet.available.contains(isa) {
            #expect(throws: HarnessError.self) { try ListArguments.isas(isa.name) }
        }
    }

    @Test func causality() throws {
        #expect(try AttentionFileOptions.causality("none") == .none)
        #expect(try AttentionFileOptions.causality("top-left") == .topLeft)
        #expect(try AttentionFileOptions.causality("bottom-right") == .bottomRight)
        #expect(try AttentionFileOptions.causality("-7") == .offset(-7))
        #expect(throws: HarnessError.self) { try AttentionFileOptions.causality("left") }
    }
}
