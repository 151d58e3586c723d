/// The result of a run of `compare`.
public typealias CompareDocument = ContestDocument<ComparedAttention>

/// One attention.
public struct ComparedAttention: Codable, Sendable, Equatable {
    /// `attention`.
    public var op: String
    /// The element type.
    public var dtype: SweepDType
    /// The number of sequences.
    public var batch: Int
    /// The number of query heads.
    public var heads: Int
    /// The number of key-value heads.
    public var kvHeads: Int
    /// The number of queries.
    public var queryLength: Int
    /// The number of keys.
    public var keyLength: Int
    /// The width of a query and a key.
    public var headDim: Int
    /// The width of a value.
    public var valueDim: Int
    /// The rules of the mask.
    public var mask: SweepMask
    /// The number of threads.
    public var threads: Int
    /// The library's instruction set.
    public var isa: String
    /// The peak of arithmetic of these types on that instruction set and number of threads, in GFLOP/s.
    public var peakGflops: Double
    /// What limits the case.
    public var roof: Roof
    /// How fast K and V passed in the library's median time, in 10^9 bytes a second.
    public var readOfKV: Double?
    /// How fast the level of memory that holds K and V is read, in 10^9 bytes a second.
    public var readBoundGBs: Double?
    /// Whether the peak measured beside this case fell more than 5 % below the run's, or others used its cores.
    public var disturbed: Bool
    /// What the machine did meanwhile; nil in older files.
    public var noise: ContestNoise?
    /// The rows: the library's first.
    public var entries: [ContestEntry]

    /// What was measured.
    var compareCase: CompareCase {
        CompareCase(
            AttentionShape(
                batch: batch, heads: heads, kvHeads: kvHeads, queryLength: queryLength, keyLength: keyLength,
                headDim: headDim, valueDim: valueDim), mask, dtype: dtype)
    }

    /// The case in words.
    var text: String { compareCase.text }
}

extension ComparedAttention: ContestCase {
    public static let noun = "comparison with peers"
    public static let fileName = "compare"
    public static let title = "Attention beside peers"
    public static let columns = [
        "op", "dtype", "batch", "heads", "kvHeads", "queryLength", "keyLength", "headDim", "valueDim", "mask",
        "threads", "isa", "peakGflops", "roof", "disturbed",
    ]

    public var cells: [String] {
        [
            op, dtype.rawValue, "\(batch)", "\(heads)", "\(kvHeads)", "\(queryLength)", "\(keyLength)", "\(headDim)",
            "\(valueDim)", mask.rawValue, "\(threads)", isa, "\(peakGflops)", roof.name, "\(disturbed)",
        ]
    }

    public var name: String { "\(dtype.rawValue) \(text)" }

    public var heading: String {
        return
            "\(dtype.rawValue), \(threads) thread\(threads == 1 ? "" : "s"), \(isa), peak "
            + "\(NumberText.fixed(peakGflops, 1)) GFLOP/s"
    }

    /// The library beside the best peer of each case.
    public static func table(_ cases: [ComparedAttention]) -> TextTable {
        var table = TextTable([
            ("case", .left), ("ms", .right), ("GFLOP/s", .right), ("% roof", .right), ("roof", .left),
            ("K, V GB/s", .right), ("of GB/s", .right), ("best peer", .left), ("ms", .right), ("time / ours", .right),
            ("95 % interval", .left), ("", .left), ("", .left),
        ])
        for result in cases {
            let (ours, best) = (result.entries.ours, result.entries.bestPeer)
            var comparison = EntryText.comparison(best)
            comparison.insert(EntryText.number(best?.medianMs), at: 1)
            table.add(
                [
                    result.text, EntryText.number(ours?.medianMs), EntryText.number(ours?.gflops),
                    ours?.percentOfRoof.map { NumberText.fixed($0, 1) } ?? "-", result.roof.name,
                    EntryText.number(result.readOfKV, digits: 3), EntryText.number(result.readBoundGBs, digits: 3),
                ] + comparison + [result.disturbed ? "disturbed" : ""])
        }
        return table
    }

    /// Every contestant's GFLOP/s; a hyphen where there is none, with the reason below.
    public static func details(_ cases: [ComparedAttention]) -> TextTable? {
        var names: [String] = []
        for entry in cases.flatMap(\.entries)
        where entry.medianMs != nil && !names.contains(entry.contestant) {
            names.append(entry.contestant)
        }
        var table = TextTable([("GFLOP/s", .left)] + names.map { ($0, .right) })
        for result in cases {
            table.add(
                [result.text]
                    + names.map { name in
                        EntryText.number(result.entries.first { $0.contestant == name }?.gflops, digits: 3)
                    })
        }
        return table
    }
}
