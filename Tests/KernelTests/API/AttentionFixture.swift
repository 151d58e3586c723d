import AttentionKernels
import TestSupport

/// A small valid call on borrowed memory with every optional argument, of which a test breaks one thing. The memory fits
/// the layouts as they are at first; the outputs hold the poison until a call succeeds.
final class AttentionFixture {
    static let queryLayout = AttentionLayout.bhsd(batch: 2, heads: 4, length: 5, width: 8)
    static let keyLayout = AttentionLayout.bhsd(batch: 2, heads: 2, length: 6, width: 8)
    static let valueLayout = AttentionLayout.bhsd(batch: 2, heads: 2, length: 6, width: 3)
    static let outputLayout = AttentionLayout.bhsd(batch: 2, heads: 4, length: 5, width: 3)
    static let lseLayout = AttentionLayout.perRow(batch: 2, heads: 4, length: 5)
    static let weightsLayout = AttentionLayout.bhsd(batch: 2, heads: 4, length: 5, width: 6)
    static let scoreLayout = ScoreLayout(batch: 2, heads: 4, queryLength: 5, keyLength: 6)

    let query = GuardedBuffer(queryLayout, AttentionFixture.numbers(1, queryLayout))
    let key = GuardedBuffer(keyLayout, AttentionFixture.numbers(2, keyLayout))
    let value = GuardedBuffer(valueLayout, AttentionFixture.numbers(3, valueLayout))
    let output = GuardedBuffer(count: outputLayout.elementCount)
    let lse = GuardedBuffer(count: lseLayout.elementCount)
    let weights = GuardedBuffer(count: weightsLayout.elementCount)
    let maskBytes = (0..<240).map { UInt8($0 % 3) }
    let biasElements = (0..<240).map { Float($0 % 7) / 8 }

    var queryLayout = queryLayout
    var keyLayout = keyLayout
    var valueLayout = valueLayout
    var outputLayout = outputLayout
    var lseLayout: AttentionLayout? = lseLayout
    var weightsLayout: AttentionLayout? = weightsLayout
    var maskLayout: ScoreLayout? = scoreLayout
    var biasLayout: ScoreLayout? = scoreLayout
    var keyLengths: [Int]? = [6, 4]
    var causality = Causality.bottomRight
    var scale: Float?
    var execution = Execution.shared
    /// How many elements of each span the call is given; nil for all.
    var counts: [KernelError.Argument: Int] = [:]

    private static func numbers(_ seed: UInt64, _ layout: AttentionLayout) -> [Float] {
        var random = SeededRandom(seed: seed)
        return random.normals(layout.batch * layout.heads * layout.length * layout.width)
    }

    /// The sizes of every argument, so that a test changes one that several share.
    func resize(batch: Int? = nil, heads: Int? = nil, queryLength: Int? = nil, keyLength: Int? = nil) {
        func set(_ layout: inout AttentionLayout, heads: Int?, length: Int?, width: Int? = nil) {
            layout.batch = batch ?? layout.batch
            layout.heads = heads ?? layout.heads
            layout.length = length ?? layout.length
            layout.width = width ?? layout.width
        }
        set(&queryLayout, heads: heads, length: queryLength)
        set(&keyLayout, heads: nil, length: keyLength)
        set(&valueLayout, heads: nil, length: keyLength)
        set(&outputLayout, heads: heads, length: queryLength)
        lseLayout = nil
        weightsLayout = nil
        maskLayout = nil
        biasLayout = nil
        keyLengths = nil
    }

    func forward(_ kernel: AttentionKernel) throws(KernelError) {
        // Spans borrow from variables, not from properties of a class.
        let (query, key, value, maskBytes, biasElements) = (query, key, value, maskBytes, biasElements)
        let (output, lse, weights, keyLengths) = (output, lse, weights, keyLengths)
        var mask: MaskInput?
        if let maskLayout {
            mask = .keep(maskBytes.span.extracting(first: counts[.mask] ?? 240), maskLayout)
        }
        var bias: BiasInput?
        if let biasLayout {
            bias = BiasInput(biasElements.span.extracting(first: counts[.bias] ?? 240), biasLayout)
        }
        let problem = AttentionProblem(
            query: AttentionInput(query.span.extracting(first: counts[.query] ?? query.count), queryLayout),
            key: AttentionInput(key.span.extracting(first: counts[.key] ?? key.count), keyLayout),
            value: AttentionInput(value.span.extracting(first: counts[.value] ?? value.count), valueLayout),
            causality: causality, scale: scale, mask: mask, bias: bias, keyLengths: keyLengths?.span)
        var lseOutput: AttentionOutput?
        if let lseLayout { lseOutput = AttentionOutput(lse.mutableSpan(first: counts[.lse]), lseLayout) }
        var weightsOutput: AttentionOutput?
        if let weightsLayout {
            weightsOutput = AttentionOutput(weights.mutableSpan(first: counts[.weights]), weightsLayout)
        }
        try kernel.forward(
            problem, into: AttentionOutput(output.mutableSpan(first: counts[.output]), outputLayout), lse: lseOutput,
            weights: weightsOutput, execution: execution)
    }

    /// Whether no output, and nothing around one, has been written.
    var isUntouched: Bool {
        output.isIntact() && lse.isIntact() && weights.isIntact() && query.isIntact(Self.queryLayout)
            && key.isIntact(Self.keyLayout) && value.isIntact(Self.valueLayout)
    }
}
