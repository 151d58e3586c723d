/// The result of a run of `gemm`.
public typealias GemmDocument = ContestDocument<MeasuredProduct>

/// One product on one number of threads.
public struct MeasuredProduct: Codable, Sendable, Equatable {
    /// `gemm`.
    public var op: String
    /// The rows of A and C.
    public var m: Int
    /// The columns of B and C.
    public var n: Int
    /// The columns of A.
    public var k: Int
    /// `B`, or `B^T` where B is stored `[n, k]`.
    public var b: String
    /// The element types.
    public var dtype: GemmDType
    /// The number of threads.
    public var threads: Int
    /// The library's instruction set.
    public var isa: String
    /// The peak of arithmetic of these types on that instruction set and number of threads, in 10^9 operations a second.
    public var peakGflops: Double
    /// What that peak counts, see ``ComputeQuantity``; nil in older files: multiply-adds of f32.
    public var peakQuantity: String?
    /// What limits the case.
    public var roof: Roof
    /// How fast B passed in the library's median time, in 10^9 bytes a second.
    public var readOfB: Double?
    /// How fast the level of memory that holds B is read, in 10^9 bytes a second.
    public var readBoundGBs: Double?
    /// Whether the peak measured beside this case fell more than 5 % below the run's, or others used its cores.
    public var disturbed: Bool
    /// What the machine did meanwhile; nil in older files.
    public var noise: ContestNoise?
    /// The rows: the library's first.
    public var entries: [ContestEntry]

    var shapeText: String { "\(m)x\(n)x\(k)" }

    /// The sizes and how B is stored.
    var shape: GemmShape { GemmShape(m, n, k, transposeB: b != GemmShape(m, n, k).storageText) }
}

extension MeasuredProduct: ContestCase {
    public static let noun = "comparison of products"
    public static let fileName = "gemm"
    public static let title = "Matrix products"
    public static let columns = [
        "op", "m", "n", "k", "b", "dtype", "threads", "isa", "peakGflops", "roof", "disturbed",
    ]

    public var cells: [String] {
        [
            op, "\(m)", "\(n)", "\(k)", b, dtype.rawValue, "\(threads)", isa, "\(peakGflops)", roof.name,
            "\(disturbed)",
        ]
    }

    public var name: String { "\(dtype.rawValue) \(shape.text), \(threads) threads" }

    public var heading: String {
        let quantity = peakQuantity.flatMap(ComputeQuantity.init) ?? .fma
        return "\(dtype.rawValue), \(threads) thread\(threads == 1 ? "" : "s"), \(isa), "
            + "\(quantity.rawValue) peak \(NumberText.fixed(peakGflops, 1)) \(quantity.unit)"
    }

    /// Every contestant has its column in the one table.
    public static func details(_ cases: [MeasuredProduct]) -> TextTable? { nil }

    /// The library, everyone's rates, and the best peer of each case.
    public static func table(_ cases: [MeasuredProduct]) -> TextTable {
        // Whoever has a time in one of these cases has a column.
        var peers: [String] = []
        for entry in cases.flatMap(\.entries)
        where entry.medianMs != nil && entry.contestant != ContestEntry.ours && !peers.contains(entry.contestant) {
            peers.append(entry.contestant)
        }
        var columns: [(title: String, alignment: TextTable.Alignment)] = [
            ("M x N x K", .left), ("B", .left), ("ms", .right), ("GFLOP/s", .right), ("% roof", .right),
            ("roof", .left), ("B GB/s", .right), ("of GB/s", .right),
        ]
        columns += peers.map { ($0, .right) }
        let comparesPeers = peers.contains { $0 != ContestEntry.packed }
        if comparesPeers {
            columns += [("best peer", .left), ("time / ours", .right), ("95 % interval", .left), ("", .left)]
        }
        columns.append(("", .left))
        var table = TextTable(columns)
        for result in cases {
            let ours = result.entries.ours
            var cells = [
                result.shapeText, result.b, EntryText.number(ours?.medianMs), EntryText.number(ours?.gflops),
                ours?.percentOfRoof.map { NumberText.fixed($0, 1) } ?? "-", result.roof.name,
                EntryText.number(result.readOfB, digits: 3), EntryText.number(result.readBoundGBs, digits: 3),
            ]
            for peer in peers {
                cells.append(EntryText.number(result.entries.first { $0.contestant == peer }?.gflops))
            }
            if comparesPeers { cells += EntryText.comparison(result.entries.bestPeer) }
            cells.append(result.disturbed ? "disturbed" : "")
            table.add(cells)
        }
        return table
    }
}
