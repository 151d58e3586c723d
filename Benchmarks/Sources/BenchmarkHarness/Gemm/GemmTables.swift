/// Tables of a run of `gemm`.
public enum GemmTables {
    /// What is printed at the end: peers, tables, means.
    public static func terminal(_ document: GemmDocument, folder: String) -> String {
        let machine = document.machine
        var text = "\(machine.name), \(machine.cores) cores, commit \(document.commit)\n"
        text += document.peers.map { "peer \($0.line)\n" }.joined()
        for cases in parts(document) {
            text += "\n\(heading(cases))\n\n" + table(cases).aligned
            let means = EntryText.means(cases.map(\.entries))
            if !means.isEmpty { text += "\n" + means.aligned }
        }
        for problem in problems(document) { text += "\n\(problem)\n" }
        return text + "\n" + ContestFiles.conclusion(document, cases: document.cases.count, folder: folder)
    }

    /// The page of a machine.
    public static func markdown(_ document: GemmDocument) -> String {
        let machine = document.machine
        var lines = [
            "# Matrix products: \(machine.name), \(machine.cores) cores", "",
            "Written by `attention-bench gemm`; commit \(document.commit); \(document.date); \(document.rounds) rounds. "
                + "GFLOP/s of medians. How it is measured is told in Benchmarks/README.md.", "",
        ]
        lines += document.peers.map { "* \($0.line)" }
        for cases in parts(document) {
            lines += ["", "## \(heading(cases))", "", table(cases).markdown]
            let means = EntryText.means(cases.map(\.entries))
            if !means.isEmpty { lines.append(means.markdown) }
        }
        lines += problems(document).flatMap { [$0, ""] }
        return lines.joined(separator: "\n")
    }

    /// A line for each contestant of each case. Values with a comma or a quotation mark are quoted.
    public static func csv(_ document: GemmDocument) -> String {
        let names = [
            "op", "m", "n", "k", "b", "dtype", "threads", "isa", "peakGflops", "roof", "disturbed",
        ]
        let lines = document.cases.flatMap { result in
            let cells = [
                result.op, "\(result.m)", "\(result.n)", "\(result.k)", result.b, result.dtype.rawValue,
                "\(result.threads)",
                result.isa, "\(result.peakGflops)", result.roof.name, "\(result.disturbed)",
            ]
            return result.entries.map { cells + EntryText.cells($0) }
        }
        return CSV.lines([names + EntryText.columns] + lines)
    }

    /// The cases of one element type and number of threads together.
    private static func parts(_ document: GemmDocument) -> [[GemmDocument.Case]] {
        var seen: Set<String> = []
        return document.cases.map(heading).filter { seen.insert($0).inserted }.map { title in
            document.cases.filter { heading($0) == title }
        }
    }

    private static func heading(_ cases: [GemmDocument.Case]) -> String { cases.first.map(heading) ?? "No cases" }

    private static func heading(_ first: GemmDocument.Case) -> String {
        let quantity = first.peakQuantity.flatMap(ComputeQuantity.init) ?? .fma
        return "\(first.dtype.rawValue), \(first.threads) thread\(first.threads == 1 ? "" : "s"), \(first.isa), "
            + "\(quantity.rawValue) peak \(NumberText.fixed(first.peakGflops, 1)) \(quantity.unit)"
    }

    private static func table(_ cases: [GemmDocument.Case]) -> TextTable {
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

    private static func problems(_ document: GemmDocument) -> [String] {
        var lines = EntryText.problems(
            document.cases.map { ("\($0.dtype.rawValue) \($0.shape.text), \($0.threads) threads", $0.entries) })
        let disturbed = document.cases.count(where: \.disturbed)
        if disturbed > 0 { lines.append(EntryText.disturbance(disturbed, of: document.cases.count)) }
        return lines
    }
}
