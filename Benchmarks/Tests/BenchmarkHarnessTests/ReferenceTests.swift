import AttentionKernels
import Testing

@testable import BenchmarkHarness

@Suite struct ReferenceTests {
    private func attention(_ mask: SweepMask = .causal) throws -> AttentionWorkload {
        let shape = AttentionShape(
            batch: 2, heads: 4, kvHeads: 2, queryLength: 19, keyLength: 23, headDim: 16, valueDim: 12)
        return try AttentionWorkload(shape: shape, mask: mask, seed: 3)
    }

    private func tally(_ tensor: any NumberTensor, _ reference: AttentionReference) -> ErrorTally {
        reference.errors(ofOutput: tensor)
    }

    @Test func kernelsKeepTheBoundAndMistakesDoNot() throws {
        let workload = try attention()
        let reference = try AttentionReference(workload, rowLimit: .max, keepsWeights: true, seed: 1)
        #expect(reference.isComplete && reference.rows.count == 2 * 4 * 19)
        for kernel in AttentionKernel.allCases {
            let result = try workload.attend(kernel, returning: [.lse, .weights], execution: Execution(threads: 1))
            #expect(tally(result.output, reference).maximum <= reference.outputBound)
            let (lse, weights) = (try #require(result.lse), try #require(result.weights))
            let lseErrors = lse.span.withUnsafeBufferPointer { reference.errors(ofLSE: $0) }
            #expect(lseErrors.maximum <= reference.lseBound && lseErrors.count == 152)
            let weightErrors = weights.span.withUnsafeBufferPointer { reference.errors(ofWeights: $0) }
            #expect(weightErrors.maximum <= reference.weightsBound && weightErrors.count == 152 * 23)

            var wrong = try Tensor(shape: result.output.shape, elements: result.output.floats)
            wrong[1, 3, 18, 11] += 1e-4
            #expect(tally(wrong, reference).maximum > reference.outputBound)
            wrong[1, 3, 18, 11] = .nan
            #expect(tally(wrong, reference).maximum == .infinity)
        }
        // The wrong mask is a wrong result, not an inaccurate one.
        let unmasked = try attention(.none).attend(.fused, returning: [], execution: Execution(threads: 1))
        #expect(tally(unmasked.output, reference).maximum > 1000 * reference.outputBound)
    }

    /// Every rule and every type: what the kernels compute keeps the bound, and without the rule it does not.
    @Test(
        arguments: SweepMask.allCases, [SweepDType.f32, .bf16, SweepDType(.float16), SweepDType(.float32, .bfloat16)])
    func rulesAndTypesKeepTheBound(mask: SweepMask, dtype: SweepDType) throws {
        let shape = AttentionShape(
            batch: 2, heads: 4, kvHeads: 2, queryLength: 70, keyLength: 600, headDim: 16, valueDim: 12)
        let workload = try AttentionWorkload(shape: shape, mask: mask, dtype: dtype, seed: 3)
        let reference = try AttentionReference(workload, rowLimit: .max, keepsWeights: true, seed: 1)
        for kernel in AttentionKernel.allCases {
            let result = try workload.attend(kernel, returning: [.lse, .weights], execution: Execution(threads: 2))
            #expect(result.output.dataType == dtype.query)
            #expect(tally(result.output, reference).maximum <= reference.outputBound)
            let (lse, weights) = (try #require(result.lse), try #require(result.weights))
            #expect(lse.withFloats { reference.errors(ofLSE: $0).maximum } <= reference.lseBound)
            #expect(weights.withFloats { reference.errors(ofWeights: $0).maximum } <= reference.weightsBound)
        }
        if mask == .none || dtype != .f32 { return }
        let plain = try AttentionWorkload(shape: shape, mask: .none, dtype: dtype, seed: 3)
        let other = try plain.attend(.fused, returning: [], execution: Execution(threads: 1))
        #expect(tally(other.output, reference).maximum > 10 * reference.outputBound)
    }

    /// A cache of 8 bits holds the very numbers of the workload, and keeps the bound with every rule.
    @Test(arguments: SweepMask.allCases.filter { !$0.has(.qknorm) })
    func bytesKeepTheBound(mask: SweepMask) throws {
        let shape = AttentionShape(
            batch: 2, heads: 4, kvHeads: 2, queryLength: 70, keyLength: 600, headDim: 16, valueDim: 12)
        let workload = try AttentionWorkload(shape: shape, mask: mask, dtype: .bytes, seed: 3)
        let reference = try AttentionReference(workload, rowLimit: .max, keepsWeights: false, seed: 1)
        let plain = try AttentionWorkload(shape: shape, mask: mask, seed: 3)
            .attend(.fused, returning: [], execution: Execution(threads: 1))
        for kernel in AttentionKernel.allCases {
            let result = try workload.attend(kernel, returning: [], execution: Execution(threads: 2))
            let error = tally(result.output, reference).maximum
            #expect(error <= reference.outputBound)
            // naive and blocked read the numbers exactly; fused rounds Q.
            #expect(kernel == .fused ? error > 1e-6 : error < 1e-5)
        }
        #expect(tally(plain.output, reference).maximum > 2 * reference.outputBound)
    }

    @Test func aChosenOutputTypeIsJudgedByItsOwnRounding() throws {
        var workload = try attention()
        workload.outputType = .float16
        let reference = try AttentionReference(workload, rowLimit: .max, keepsWeights: false, seed: 1)
        let result = try workload.attend(.fused, returning: [.lse], execution: Execution(threads: 1))
        #expect(result.output.dataType == .float16 && result.weights == nil)
        let error = tally(result.output, reference).maximum
        #expect(error <= reference.outputBound && error > 1e-5 && reference.outputBound < 0.02)
    }

    @Test func rulesOfRaggedBatchesReachTheOracle() throws {
        var workload = try attention(.none)
        var generator = SeededGenerator(seed: 5)
        workload.causality = .bottomRight
        workload.keyLengths = [23, 15]
        workload.visibility = KeyVisibility(
            window: SlidingWindow(left: 9, right: 1), queryLengths: [12, 19], prefixLengths: [0, 4],
            segments: AttentionSegments(
                query: (0..<38).map { Int32($0 / 8 % 2) }, key: (0..<46).map { Int32($0 / 6 % 2) }))
        workload.blocks = .init(
            queryBlock: 5, keyBlock: 3, shape: [2, 1, 4, 8], bytes: (0..<64).map { $0 % 3 == 1 ? 0 : 1 })
        workload.scores = ScoreOptions(
            softcap: 3, normalizesQueryAndKey: true, headScales: [1, 2, -3, 4], alibiSlopes: [0.1, 0.2, 0, -0.1],
            sinks: .perHead(generator.gaussians(4)))
        workload.scale = 2
        let reference = try AttentionReference(workload, rowLimit: .max, keepsWeights: true, seed: 1)
        let result = try workload.attend(.fused, returning: [.lse, .weights], execution: Execution(threads: 2))
        #expect(tally(result.output, reference).maximum <= reference.outputBound)
        let (lse, weights) = (try #require(result.lse), try #require(result.weights))
        #expect(lse.withFloats { reference.errors(ofLSE: $0).maximum } <= reference.lseBound)
        #expect(weights.withFloats { reference.errors(ofWeights: $0).maximum } <= reference.weightsBound)
        // Each rule matters: without it the same output is wrong.
        let changes: [(inout AttentionWorkload) -> Void] = [
            { $0.visibility.window = nil }, { $0.visibility.queryLengths = nil }, { $0.visibility.prefixLengths = nil },
            { $0.visibility.segments = nil }, { $0.blocks = nil }, { $0.scores.softcap = nil },
            { $0.scores.normalizesQueryAndKey = false }, { $0.scores.headScales = nil },
            { $0.scores.alibiSlopes = nil }, { $0.scores.sinks = nil },
        ]
        for (index, change) in changes.enumerated() {
            var changed = workload
            change(&changed)
            let other = try AttentionReference(changed, rowLimit: .max, keepsWeights: false, seed: 1)
            #expect(tally(result.output, other).maximum > other.outputBound, "change \(index)")
        }
    }

    @Test func everyOptionReachesTheOracle() throws {
        var workload = try attention(.none)
        var generator = SeededGenerator(seed: 5)
        workload.causality = .offset(-2)
        workload.scale = -0.3
        workload.bias = try Tensor(shape: [4, 1, 23], elements: generator.gaussians(4 * 23))
        workload.mask = .init(
            shape: [2, 1, 19, 23], bytes: (0..<2 * 19 * 23).map { $0 % 5 == 0 ? 1 : 0 }, keeps: false)
        workload.keyLengths = [23, 9]
        let reference = try AttentionReference(workload, rowLimit: .max, keepsWeights: false, seed: 1)
        let result = try workload.attend(.fused, returning: [.lse], execution: Execution(threads: 1))
        #expect(tally(result.output, reference).maximum <= reference.outputBound)
        // The first two queries of every head see no key.
        #expect(try #require(result.lse)[0, 0, 1] == -.infinity)
        // Each option matters: without it the same output is wrong.
        let changes: [(inout AttentionWorkload) -> Void] = [
            { $0.causality = .none }, { $0.scale = nil }, { $0.bias = nil }, { $0.mask = nil },
            { $0.keyLengths = nil },
        ]
        for change in changes {
            var changed = workload
            change(&changed)
            let other = try AttentionReference(changed, rowLimit: .max, keepsWeights: false, seed: 1)
            #expect(tally(result.output, other).maximum > other.outputBound)
        }
    }

    @Test func samplesHoldTheCornersAndManyHeads() {
        let shape = AttentionShape(batch: 2, heads: 3, queryLength: 100)
        let rows = RowIndex.sample(of: shape, limit: 20, seed: 9)
        #expect(rows.count == 20 && Set(rows).count == 20)
        for (batch, head, query) in [(0, 0, 0), (0, 0, 99), (1, 2, 0), (1, 2, 99)] {
            #expect(rows.contains(RowIndex(batch: batch, head: head, query: query)))
        }
        #expect(Set(rows.map { $0.batch * 3 + $0.head }).count == 6)
        #expect(RowIndex.sample(of: shape, limit: 20, seed: 9) == rows)
        #expect(RowIndex.sample(of: shape, limit: 1, seed: 9).count == 16)
        #expect(RowIndex.sample(of: shape, limit: 600, seed: 9).count == 600)
        #expect(RowSample.rows(groups: 0, length: 0, limit: 16, seed: 1).isEmpty)
    }

    @Test func sampledRowsFindErrorsInTheirRows() throws {
        let workload = try AttentionWorkload(shape: AttentionShape(queryLength: 64, headDim: 8), mask: .none, seed: 1)
        let reference = try AttentionReference(workload, rowLimit: 16, keepsWeights: false, seed: 4)
        #expect(!reference.isComplete && reference.rows.count == 16 && reference.naiveFlopsPerSecond > 0)
        let result = try workload.attend(.blocked, returning: [], execution: Execution(threads: 1))
        #expect(tally(result.output, reference).maximum <= reference.outputBound)
        for row in reference.rows {
            var wrong = try Tensor(shape: result.output.shape, elements: result.output.floats)
            wrong[row.batch, row.head, row.query, 3] += 0.01
            #expect(tally(wrong, reference).maximum > reference.outputBound)
        }
    }

    @Test func equalSpecialValuesAgree() {
        var tally = ErrorTally()
        tally.add(.nan, oracle: .nan)
        tally.add(-.infinity, oracle: -.infinity)
        tally.add(.infinity, oracle: 1e300)
        #expect(tally.maximum == 0 && tally.count == 3)
        tally.add(1.5, oracle: 1)
        #expect(tally.maximum == 0.5 && tally.mean == 0.125)
        tally.add(0, oracle: .nan)
        #expect(tally.maximum == .infinity)
    }

    @Test func aBrokenNaivePathExcusesNothing() {
        var naive = ErrorTally()
        naive.add(2, oracle: 1)
        #expect(ErrorBound.bound(naive: naive, limit: 1e-5) == 1e-5)
        #expect(ErrorBound.bound(naive: naive, limit: .infinity) == 2 + 2 * Double(Float(1).ulp))
    }

    @Test(arguments: [false, true], [false, true])
    func products(transposeA: Bool, transposeB: Bool) throws {
        var generator = SeededGenerator(seed: 2)
        func tensor(_ shape: [Int]) throws -> Tensor {
            try Tensor(shape: shape, elements: generator.gaussians(shape.reduce(1, *)))
        }
        let workload = GemmWorkload(
            a: try tensor(transposeA ? [3, 40, 21] : [3, 21, 40]), b: try tensor(transposeB ? [17, 40] : [40, 17]),
            c: try tensor([3, 21, 17]), transposeA: transposeA, transposeB: transposeB, alpha: 0.5, beta: -2)
        let reference = try GemmReference(workload, rowLimit: .max, seed: 1)
        #expect(reference.isComplete && reference.rows.count == 63 && reference.scaledBound == 16)
        for kernel in AttentionKernel.allCases {
            var product = try #require(
                try workload.multiply(kernel, execution: Execution(threads: 1)) as? Tensor)
            let errors = reference.errors(of: product)
            #expect(errors.scaled < 4 && errors.absolute.count == 63 * 17)
            product[2, 20, 16] += 0.001
            #expect(reference.errors(of: product).scaled > 16)
        }
    }
}
