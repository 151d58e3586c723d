import Foundation

/// A comparison with a baseline as tables.
public enum BaselineTables {
    /// Which commits are compared, and how.
    public static func heading(_ comparison: BaselineComparison) -> String {
        """
        Commit \(comparison.commits.now) against \(comparison.commits.before) of \(comparison.dates.before). Compared are shares of \
        the FMA peak measured between the repetitions, so that the clock and the load of the machine cancel; noise is \
        the range of the passes.
        """
    }

    /// The means, and the cases: all of them, or those that differ.
    public static func tables(_ comparison: BaselineComparison, all: Bool) -> [TextTable] {
        let chosen = comparison.cells.filter { all || $0.verdict != .same }
        return [means(comparison)] + (chosen.isEmpty ? [] : [cells(chosen)])
    }

    /// What follows, in a sentence or a few.
    public static func conclusion(_ comparison: BaselineComparison) -> String {
        let percent = NumberText.significant(100 * comparison.threshold, digits: 2)
        var lines = comparison.missing.map { "MISSING: \($0) is in the baseline and could not be measured." }
        for mean in comparison.slowerMeans {
            lines.append("SLOWER: the geometric mean of \(mean.name) fell to \(NumberText.fixed(mean.ratio, 3)).")
        }
        for cell in comparison.slower {
            lines.append("SLOWER: \(cell.key): \(NumberText.fixed(cell.ratio, 3)) of the baseline's speed.")
        }
        for cell in comparison.unclear {
            lines.append(
                "unclear: \(cell.key): \(NumberText.fixed(cell.ratio, 3)) in the median, but not in every pass: compare again "
                    + "on a quiet machine.")
        }
        let disturbed = comparison.cells.count(where: \.disturbed)
        if disturbed > 0 {
            lines.append(
                "disturbed: \(disturbed) of \(comparison.cells.count) cases in every pass; they are unclear at worst: compare "
                    + "again on a quiet machine.")
        }
        if comparison.passes {
            lines.append("No case of \(comparison.cells.count) is slower by more than \(percent) % beyond noise.")
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func means(_ comparison: BaselineComparison) -> TextTable {
        var table = TextTable([
            ("geometric mean of", .left), ("cases", .right), ("speed now / before", .right), ("lowest pass", .right),
            ("highest pass", .right),
        ])
        for mean in comparison.means {
            table.add([
                mean.name, "\(mean.count)", NumberText.fixed(mean.ratio, 3),
                NumberText.fixed(mean.range.lowerBound, 3), NumberText.fixed(mean.range.upperBound, 3),
            ])
        }
        return table
    }

    private static func cells(_ cells: [BaselineComparison.Cell]) -> TextTable {
        var table = TextTable([
            ("case", .left), ("before, % of peak", .right), ("now, % of peak", .right), ("now / before", .right),
            ("noise, %", .right), ("verdict", .left), ("", .left),
        ])
        for cell in cells {
            table.add([
                cell.key, NumberText.fixed(100 * cell.shares.before, 1), NumberText.fixed(100 * cell.shares.now, 1),
                NumberText.fixed(cell.ratio, 3), NumberText.fixed(100 * cell.noise, 1), cell.verdict.rawValue,
                cell.disturbed ? "disturbed" : "",
            ])
        }
        return table
    }
}

extension BaselineComparison {
    /// The comparison as JSON text.
    public func json() throws -> String {
        struct CellReport: Encodable {
            var key, verdict: String
            var shareBefore, shareNow, ratio, noise: Double
        }
        struct MeanReport: Encodable {
            var name: String
            var cases: Int
            var ratio, lowest, highest: Double
        }
        struct Report: Encodable {
            var commitBefore, commitNow, dateBefore, dateNow: String
            var threshold: Double
            var passes: Bool
            var missing: [String]
            var means: [MeanReport]
            var cells: [CellReport]
        }
        let report = Report(
            commitBefore: commits.before, commitNow: commits.now, dateBefore: dates.before, dateNow: dates.now,
            threshold: threshold, passes: passes, missing: missing,
            means: means.map {
                MeanReport(
                    name: $0.name, cases: $0.count, ratio: $0.ratio.significant(),
                    lowest: $0.range.lowerBound.significant(), highest: $0.range.upperBound.significant())
            },
            cells: cells.map {
                CellReport(
                    key: $0.key, verdict: $0.verdict.rawValue, shareBefore: $0.shares.before, shareNow: $0.shares.now,
                    ratio: $0.ratio.significant(), noise: $0.noise.significant())
            })
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(report), as: UTF8.self) + "\n"
    }
}
