import Foundation

/// What the pictures need of a machine's `compare.json`, which the verb compare writes.
struct PeersRecord: HarnessDocument {
    static let noun = "comparison with peers"

    struct Case: Codable {
        var dtype: String
        var batch, heads, kvHeads, queryLength, keyLength, headDim, valueDim: Int
        var mask: String
        var threads: Int
        var entries: [Entry]
    }

    /// One contestant: the library is called AttentionKernels, and a row without a time has no rate.
    struct Entry: Codable {
        var contestant: String
        var gflops: Double?
        /// Its time over the library's, with the ends of the 95 % interval.
        var ratio, ratioLow, ratioHigh: Double?
    }

    var machine: MachineReport
    var commit: String
    var date: String
    var cases: [Case]
}

/// Peers beside the library as grouped bars.
enum PeersFigure {
    /// A figure for each number of threads, with a panel for each shape and mask; nil if nothing was timed.
    static func figures(_ record: PeersRecord) -> [Figure] {
        var seen: Set<Int> = []
        return record.cases.map(\.threads).filter { seen.insert($0).inserted }.compactMap { threads in
            figure(record, threads: threads)
        }
    }

    private static func figure(_ record: PeersRecord, threads: Int) -> Figure? {
        let cases = record.cases.filter { $0.threads == threads }
        var names: [String] = []
        for entry in cases.flatMap(\.entries) where entry.gflops != nil && !names.contains(entry.contestant) {
            names.append(entry.contestant)
        }
        if names.isEmpty { return nil }
        var seen: Set<String> = []
        let titles = cases.map(title).filter { seen.insert($0).inserted }
        let y = Figure.Axis.fromZero(
            cases.flatMap { $0.entries.compactMap(\.gflops) }, title: "GFLOP/s")
        let panels = titles.map { title in
            panel(cases.filter { self.title($0) == title }, title: title, names: names, y: y)
        }
        return Figure(
            name: "peers-\(threads)-threads",
            title: "Attention forward: this library and others, \(threads) thread\(threads == 1 ? "" : "s")",
            subtitle: "bars are medians; error bars the 95 % interval of the ratio to this library", panels: panels,
            columns: min(2, panels.count),
            caption: Figure.caption(record.machine, commit: record.commit, date: record.date))
    }

    private static func title(_ result: PeersRecord.Case) -> String {
        let heads = result.heads == result.kvHeads ? "\(result.heads)" : "\(result.heads)/\(result.kvHeads)"
        let width = result.headDim == result.valueDim ? "\(result.headDim)" : "\(result.headDim)/\(result.valueDim)"
        return
            "\(result.dtype), B=\(result.batch) H=\(heads) D=\(width), \(result.mask == "none" ? "no mask" : result.mask)"
    }

    private static func panel(
        _ cases: [PeersRecord.Case], title: String, names: [String], y: Figure.Axis
    ) -> Figure.Panel {
        let width = 0.8 / Double(names.count)
        let series = names.enumerated().compactMap { index, name -> Figure.Series? in
            let points = cases.enumerated().compactMap { place, result -> Figure.Point? in
                guard let entry = result.entries.first(where: { $0.contestant == name }), let rate = entry.gflops else {
                    return nil
                }
                let x = Double(place) - 0.4 + width * (Double(index) + 0.5)
                return Figure.Point(x, rate, interval(entry, rate))
            }
            return points.isEmpty ? nil : .init(name: name, kind: .bars(width: width), points: points)
        }
        let ticks = cases.enumerated().map { place, result in
            Figure.Tick(
                text: result.queryLength == result.keyLength
                    ? "\(result.queryLength)" : "\(result.queryLength)x\(result.keyLength)", position: Double(place))
        }
        return Figure.Panel(
            title: title,
            x: .init(
                title: "sequence length (queries x keys)", logBase: nil, range: -0.5...Double(cases.count) - 0.5,
                ticks: ticks), y: y, series: series)
    }

    /// The rates that the ends of the ratio's interval mean, beside the median's own.
    private static func interval(_ entry: PeersRecord.Entry, _ rate: Double) -> ClosedRange<Double>? {
        guard let ratio = entry.ratio, let low = entry.ratioLow, let high = entry.ratioHigh, low > 0, low <= high else {
            return nil
        }
        return rate * ratio / high...rate * ratio / low
    }
}
