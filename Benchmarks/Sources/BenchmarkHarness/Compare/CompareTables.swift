/// Tables of a run of `compare`.
public enum CompareTables {
    /// What is printed at the end: peers, tables, means, problems.
    public static func terminal(_ document: CompareDocument, folder: String) -> String {
        let machine = document.machine
        var text = "\(machine.name), \(machine.cores) cores, commit \(document.commit)\n"
        text += document.peers.map { "peer \($0.line)\n" }.joined()
        for cases in parts(document) {
            text += "\n\(heading(cases))\n\n" + table(cases).aligned
            let means = EntryText.means(cases.map(\.entries))
            if !means.isEmpty { text += "\n" + means.aligned }
            text += "\n" + routes(cases).aligned
        }
        for problem in problems(document) { text += "\n\(problem)\n" }
        return text + "\n" + ContestFiles.conclusion(document, cases: document.cases.count, folder: folder)
    }

    /// The page of a machine.
    public static func markdown(_ document: CompareDocument) -> String {
        let machine = document.machine
        var lines = [
            "# Attention beside peers: \(machine.name), \(machine.cores) cores", "",
            "Written by `attention-bench compare`; commit \(document.commit); \(document.date); \(document.rounds) "
                + "rounds. How it is measured is told in Benchmarks/README.md.", "",
        ]
        lines += document.peers.map { "* \($0.line)" }
        for cases in parts(document) {
            lines += ["", "## \(heading(cases))", "", table(cases).markdown]
            let means = EntryText.means(cases.map(\.entries))
            if !means.isEmpty { lines += ["### Means", "", means.markdown] }
            lines += ["### GFLOP/s of every route", "", routes(cases).markdown]
        }
        lines += problems(document).flatMap { [$0, ""] }
        return lines.joined(separator: "\n")
    }

    /// A line for each contestant of each case.
    public static func csv(_ document: CompareDocument) -> String {
        let names = [
            "op", "dtype", "batch", "heads", "kvHeads", "queryLength", "keyLength", "headDim", "valueDim", "mask",
            "threads", "isa", "peakGflops", "roof", "disturbed",
        ]
        let lines = document.cases.flatMap { result in
            let cells = [
                result.op, result.dtype.rawValue, "\(result.batch)", "\(result.heads)", "\(result.kvHeads)",
                "\(result.queryLength)", "\(result.keyLength)", "\(result.headDim)", "\(result.valueDim)",
                result.mask.rawValue, "\(result.threads)", result.isa, "\(result.peakGflops)", result.roof.name,
                "\(result.disturbed)",
            ]
            return result.entries.map { cells + EntryText.cells($0) }
        }
        return CSV.lines([names + EntryText.columns] + lines)
    }

    /// The cases of one element type and number of threads together.
    private static func parts(_ document: CompareDocument) -> [[CompareDocument.Case]] {
        var seen: Set<String> = []
        return document.cases.map(heading).filter { seen.insert($0).inserted }.map { title in
            document.cases.filter { heading($0) == title }
        }
    }

    private static func heading(_ cases: [CompareDocument.Case]) -> String { cases.first.map(heading) ?? "No cases" }

    private static func heading(_ first: CompareDocument.Case) -> String {
        return
            "\(first.dtype.rawValue), \(first.threads) thread\(first.threads == 1 ? "" : "s"), \(first.isa), peak "
            + "\(NumberText.fixed(first.peakGflops, 1)) GFLOP/s"
    }

    /// The library beside the best peer of each case.
    private static func table(_ cases: [CompareDocument.Case]) -> TextTable {
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
    private static func routes(_ cases: [CompareDocument.Case]) -> TextTable {
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

    private static func problems(_ document: CompareDocument) -> [String] {
        var lines = EntryText.problems(document.cases.map { ("\($0.dtype.rawValue) \($0.text)", $0.entries) })
        let disturbed = document.cases.count(where: \.disturbed)
        if disturbed > 0 { lines.append(EntryText.disturbance(disturbed, of: document.cases.count)) }
        return lines
    }
}
