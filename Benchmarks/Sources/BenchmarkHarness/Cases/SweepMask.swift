import AttentionKernels

/// Which keys the queries of a case see, and what changes their scores: rules that hold together, written with plus
/// signs, `causal+alibi`; or `none`.
public struct SweepMask: RawRepresentable, Sendable, Hashable, Codable, CaseIterable {
    /// One rule, with the numbers that cases give it.
    public enum Rule: String, Sendable, Hashable, CaseIterable {
        /// The keys up to the query's own position, counted so that the last query sees the last key.
        case causal
        /// Keys at most 255 before, and without `causal` at most 255 behind, the query's position.
        case window
        /// Causal, but the first quarter of the keys is visible to all.
        case prefix
        /// Documents of 512 tokens, one after the other: a query sees its own.
        case segments
        /// Blocks of 64 x 64: the four around the query's own on each side, and every eighth one.
        case blocks
        /// A boolean mask `[batch, 1, 1, keys]` that hides the last eighth of the keys.
        case padding
        /// Numbers `[1, 1, queries, keys]` added to the scores.
        case bias
        /// The slopes of ALiBi.
        case alibi
        /// Scores capped at 50.
        case softcap
        /// A logit for each head that takes its share of the softmax.
        case sinks
        /// Queries and keys divided by their norms, and a scale of 10.
        case qknorm
    }

    /// The rules, each once, in the order of their declaration.
    public let rules: [Rule]

    /// The rules together.
    public init(_ rules: [Rule] = []) { self.rules = Rule.allCases.filter(rules.contains) }

    /// Reads `none`, or names of rules joined by plus signs.
    public init?(rawValue: String) {
        if rawValue == "none" {
            self.init()
            return
        }
        let names = rawValue.split(separator: "+", omittingEmptySubsequences: false)
        let rules = names.compactMap { Rule(rawValue: String($0)) }
        guard rules.count == names.count else { return nil }
        self.init(rules)
    }

    public var rawValue: String { rules.isEmpty ? "none" : rules.map(\.rawValue).joined(separator: "+") }

    /// Every key.
    public static let none = SweepMask()
    /// ``Rule/causal`` alone.
    public static let causal = SweepMask([.causal])
    /// What a sweep measures that nobody asked other masks of.
    public static let defaults = [none, causal]
    /// No rule, and each rule alone.
    public static let allCases = [none] + Rule.allCases.map { SweepMask([$0]) }

    func has(_ rule: Rule) -> Bool { rules.contains(rule) }

    static let windowReach = 255
    static let documentLength = 512
    static let block = 64

    /// The keys `[0, prefix)` of ``Rule/prefix``.
    static func prefix(keyLength: Int) -> Int { keyLength / 4 }

    /// Whether a block of queries sees a block of keys by ``Rule/blocks``; `ownBlock` is that of the queries' position.
    static func seesBlock(_ keyBlock: Int, ownBlock: Int) -> Bool {
        abs(keyBlock - ownBlock) <= 4 || keyBlock.isMultiple(of: 8)
    }
}

extension SweepMask {
    /// The pairs of a query and a key in one head of one sequence that positions, documents and blocks leave. A boolean
    /// mask and a bias take nothing away: what they hide is known to the kernel only when it has read them.
    public func visiblePairs(queryLength: Int, keyLength: Int) -> Int {
        let offset = keyLength - queryLength
        return (0..<queryLength).reduce(0) { sum, query in
            let position = query + offset
            let keys = visibleKeys(position: position, keyLength: keyLength)
            guard has(.blocks) else { return sum + keys.count }
            let own = (query / Self.block * Self.block + offset) / Self.block
            return sum
                + stride(from: 0, to: keyLength, by: Self.block).reduce(0) { sum, first in
                    Self.seesBlock(first / Self.block, ownBlock: own)
                        ? sum + keys.clamped(to: first..<first + Self.block).count : sum
                }
        }
    }

    /// The keys that all rules but the blocks leave to a query: always neighbours.
    private func visibleKeys(position: Int, keyLength: Int) -> Range<Int> {
        var (first, last) = (0, keyLength - 1)
        if has(.causal) || has(.prefix) { last = min(last, position) }
        if has(.prefix) { last = max(last, Self.prefix(keyLength: keyLength) - 1) }
        if has(.window) {
            (first, last) = (max(first, position - Self.windowReach), min(last, position + Self.windowReach))
        }
        if has(.segments) {
            // Queries before the first key are of its document.
            let document = max(position, 0) / Self.documentLength * Self.documentLength
            (first, last) = (max(first, document), min(last, document + Self.documentLength - 1))
        }
        return first <= last ? first..<last + 1 : 0..<0
    }
}
