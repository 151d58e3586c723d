import AttentionKernels
import TestSupport
import Testing

/// Every argument of the call on borrowed memory, wrong in every way it can be. Each case breaks one thing of a valid
/// call, for every kernel, and sees that nothing was written.
@Suite struct AttentionErrorTests {
    @Test(arguments: AttentionKernel.allCases)
    func theFixtureIsValid(kernel: AttentionKernel) throws {
        let fixture = AttentionFixture()
        try fixture.forward(kernel)
        #expect(isMostlyNonzero(fixture.output.elements(AttentionFixture.outputLayout)))
        #expect(!fixture.isUntouched)
    }

    @Test(arguments: badSizes + badInputs + badOutputs + badScores + badValues)
    func refuses(_ bad: BadArgument<AttentionFixture>) {
        for kernel in AttentionKernel.allCases {
            let fixture = AttentionFixture()
            bad.spoil(fixture)
            bad.expectError { try fixture.forward(kernel) }
            #expect(fixture.isUntouched)
        }
    }

    static let badSizes: [BadArgument<AttentionFixture>] = [
        BadArgument(.negativeSize, .batch, "-1", "0 or more") { $0.resize(batch: -1) },
        BadArgument(.negativeSize, .heads, "-4") { $0.resize(heads: -4) },
        BadArgument(.negativeSize, .queryLength, "-5") { $0.resize(queryLength: -5) },
        BadArgument(.negativeSize, .keyLength, "-6") { $0.resize(keyLength: -6) },
        BadArgument(.negativeSize, .kvHeads, "-2") {
            $0.keyLayout.heads = -2
            $0.valueLayout.heads = -2
        },
        BadArgument(.negativeSize, .headDim, "-8") {
            $0.queryLayout.width = -8
            $0.keyLayout.width = -8
        },
        BadArgument(.negativeSize, .valueDim, "-3") {
            $0.valueLayout.width = -3
            $0.outputLayout.width = -3
        },
        BadArgument(.sizeOverflow, .batch) { $0.resize(batch: .max) },
        BadArgument(.sizeOverflow, .queryLength, "\(Int.max)") { $0.resize(queryLength: .max) },
        BadArgument(.sizeOverflow, .queryLength) { $0.resize(batch: 1 << 30, heads: 1 << 30, queryLength: 1 << 30) },
        BadArgument(.sizeOverflow, .keyLength, "\(1 << 40)") { $0.resize(keyLength: 1 << 40) },
        BadArgument(.headsNotMultiple, .heads, "4", "multiple of kvHeads", "3") {
            $0.keyLayout.heads = 3
            $0.valueLayout.heads = 3
        },
        BadArgument(.headsNotMultiple, .heads, "0") {
            $0.keyLayout.heads = 0
            $0.valueLayout.heads = 0
        },
    ]

    static let badInputs: [BadArgument<AttentionFixture>] = [
        BadArgument(.strideTooSmall, .query, "row stride is 7", "at least 8") { $0.queryLayout.rowStride = 7 },
        BadArgument(.strideTooSmall, .key, "row stride is 7", "at least 8") { $0.keyLayout.rowStride = 7 },
        BadArgument(.strideTooSmall, .value, "row stride is 2", "at least 3") { $0.valueLayout.rowStride = 2 },
        BadArgument(.spanTooShort, .query, "319", "320") { $0.counts[.query] = 319 },
        BadArgument(.spanTooShort, .key, "191", "192") { $0.counts[.key] = 191 },
        BadArgument(.spanTooShort, .value, "71", "72") { $0.counts[.value] = 71 },
        BadArgument(.spanTooShort, .query, "has 0") { $0.counts[.query] = 0 },
        BadArgument(.spanTooShort, .query, "offset 1") { $0.queryLayout.offset = 1 },
        BadArgument(.spanTooShort, .key, "-1", "before the first") { $0.keyLayout.offset = -1 },
        BadArgument(.spanTooShort, .value) { $0.valueLayout.rowStride = -3 },
        BadArgument(.sizeOverflow, .query) { $0.queryLayout.batchStride = .max },
        BadArgument(.sizeOverflow, .key) { $0.keyLayout.headStride = .min },
        BadArgument(.sizeOverflow, .value) { $0.valueLayout.offset = .max },
        BadArgument(.shapeMismatch, .key, "[3, 2, 6, 8]", "batch is 2", "[2, 4, 5, 8]") { $0.keyLayout.batch = 3 },
        BadArgument(.shapeMismatch, .key, "headDim is 8", "[2, 2, 6, 7]") { $0.keyLayout.width = 7 },
        BadArgument(.shapeMismatch, .value, "batch is 2") { $0.valueLayout.batch = 1 },
        BadArgument(.shapeMismatch, .value, "kvHeads is 2", "key [2, 2, 6, 8]") { $0.valueLayout.heads = 1 },
        BadArgument(.shapeMismatch, .value, "[2, 2, 5, 3]", "keyLength is 6") { $0.valueLayout.length = 5 },
    ]

    static let badOutputs: [BadArgument<AttentionFixture>] = [
        BadArgument(.shapeMismatch, .output, "[1, 4, 5, 3]", "[2, 4, 5, 3]") { $0.outputLayout.batch = 1 },
        BadArgument(.shapeMismatch, .output) { $0.outputLayout.heads = 2 },
        BadArgument(.shapeMismatch, .output) { $0.outputLayout.length = 6 },
        BadArgument(.shapeMismatch, .output, "valueDim") { $0.outputLayout.width = 8 },
        BadArgument(.strideTooSmall, .output, "row stride is 2") { $0.outputLayout.rowStride = 2 },
        BadArgument(.strideTooSmall, .output, "head stride is 14") { $0.outputLayout.headStride = 14 },
        BadArgument(.strideTooSmall, .output, "batch stride is 0") { $0.outputLayout.batchStride = 0 },
        BadArgument(.spanTooShort, .output, "119", "120") { $0.counts[.output] = 119 },
        BadArgument(.spanTooShort, .output, "-2") { $0.outputLayout.offset = -2 },
        BadArgument(.sizeOverflow, .output) { $0.outputLayout.batchStride = .max },
        BadArgument(.shapeMismatch, .lse, "[2, 4, 6, 1]", "[2, 4, 5, 1]") { $0.lseLayout?.length = 6 },
        BadArgument(.shapeMismatch, .lse) { $0.lseLayout?.width = 3 },
        BadArgument(.strideTooSmall, .lse) { $0.lseLayout?.rowStride = 0 },
        BadArgument(.spanTooShort, .lse, "39", "40") { $0.counts[.lse] = 39 },
        BadArgument(.spanTooShort, .lse, "has 0") { $0.counts[.lse] = 0 },
        BadArgument(.shapeMismatch, .weights, "keyLength") { $0.weightsLayout?.width = 5 },
        BadArgument(.strideTooSmall, .weights) { $0.weightsLayout?.rowStride = 5 },
        BadArgument(.spanTooShort, .weights, "239", "240") { $0.counts[.weights] = 239 },
    ]

    static let badScores: [BadArgument<AttentionFixture>] = [
        BadArgument(.shapeMismatch, .mask, "[3, 4, 5, 6]", "[2, 4, 5, 6]", "1 where it repeats") {
            $0.maskLayout?.batch = 3
        },
        BadArgument(.shapeMismatch, .mask) { $0.maskLayout?.heads = 2 },
        BadArgument(.shapeMismatch, .mask) { $0.maskLayout?.queryLength = 4 },
        BadArgument(.shapeMismatch, .mask) { $0.maskLayout?.keyLength = 0 },
        BadArgument(.spanTooShort, .mask, "239", "240") { $0.counts[.mask] = 239 },
        BadArgument(.spanTooShort, .mask, "has 0") { $0.counts[.mask] = 0 },
        BadArgument(.spanTooShort, .mask, "-1") { $0.maskLayout?.offset = -1 },
        BadArgument(.sizeOverflow, .mask) { $0.maskLayout?.columnStride = .max },
        BadArgument(.shapeMismatch, .bias, "[2, 4, 5, 7]") { $0.biasLayout?.keyLength = 7 },
        BadArgument(.shapeMismatch, .bias) { $0.biasLayout?.batch = 0 },
        BadArgument(.spanTooShort, .bias, "1", "240") { $0.counts[.bias] = 1 },
        BadArgument(.spanTooShort, .bias, "has 0") { $0.counts[.bias] = 0 },
        BadArgument(.sizeOverflow, .bias) { $0.biasLayout?.rowStride = .min },
    ]

    static let badValues: [BadArgument<AttentionFixture>] = [
        BadArgument(.shapeMismatch, .keyLengths, "there are 3", "batch is 2") { $0.keyLengths = [1, 2, 3] },
        BadArgument(.shapeMismatch, .keyLengths, "there are 0") { $0.keyLengths = [] },
        BadArgument(.invalidKeyLength, .keyLengths, "element 1 is 7", "0 ... 6") { $0.keyLengths = [6, 7] },
        BadArgument(.invalidKeyLength, .keyLengths, "element 0 is -1") { $0.keyLengths = [-1, 6] },
        BadArgument(.notFinite, .scale, "nan", "finite") { $0.scale = .nan },
        BadArgument(.notFinite, .scale, "inf") { $0.scale = .infinity },
        BadArgument(.notFinite, .scale, "-inf") { $0.scale = -.infinity },
        BadArgument(.invalidThreadCount, .threads, "they are 0", "1 ... 1024") { $0.execution = Execution(threads: 0) },
        BadArgument(.invalidThreadCount, .threads, "-1") { $0.execution = Execution(threads: -1) },
        BadArgument(.invalidThreadCount, .threads, "1025") { $0.execution = Execution(threads: 1025) },
        BadArgument(.invalidThreadCount, .threads, "\(Int.max)") { $0.execution = Execution(threads: .max) },
        BadArgument(.instructionSetUnavailable, .instructionSet, "not available", "portable") {
            let absent = InstructionSet.allCases.first { !InstructionSet.available.contains($0) }
            $0.execution = Execution(instructionSet: absent ?? .neon)
        },
    ]
}
