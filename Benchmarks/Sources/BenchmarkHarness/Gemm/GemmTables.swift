/// Tables of a run of `gemm`.
public enum GemmTables {
    /// What is printed at the end: peers, tables, means.
    public static func terminal(_ document: GemmDocument, folder: String) -> String {
        let machine = document.machine
        var text = "\(machine.name), \(machine.cores) cores, commit \(document.commit)\n"
        text += document.peers.map { "peer \($0.line)\n" }.joined()
        for threads in threadCounts(document) {
            text += "\n\(heading(document, threads))\n\n" + table(document, threads).aligned
            let means = means(document, threads)
            if !means.isEmpty { text += "\n" + means.aligned }
        }
        for problem in problems(document) { text += "\n\(problem)\n" }
        return text + "\nResults are in \(folder)/\(machine.folderName)/gemm.md, gemm.csv and gemm.json.\n"
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
        for threads in threadCounts(document) {
            lines += ["", "## \(heading(document, threads))", "", table(document, threads).markdown]
            let means = means(document, threads)
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
                result.op, "\(result.m)", "\(result.n)", "\(result.k)", result.b, result.dtype, "\(result.threads)",
                result.isa, "\(result.peakGflops)", result.roof.name, "\(result.disturbed)",
            ]
            return result.entries.map { cells + EntryText.cells($0) }
        }
        return EntryText.csv([names + EntryText.columns] + lines)
    }

    private static func threadCounts(_ document: GemmDocument) -> [Int] {
        var seen: Set<Int> = []
        return document.cases.map(\.threads).filter { seen.insert($0).inserted }
    }

    private static func heading(_ document: GemmDocument, _ threads: Int) -> String {
        guard let first = document.cases.first(where: { $0.threads == threads }) else { return "No cases" }
        return "\(first.dtype), \(threads) thread\(threads == 1 ? "" : "s"), \(first.isa), FMA peak "
            + "\(NumberText.fixed(first.peakGflops, 1)) GFLOP/s"
    }

    private static func table(_ document: GemmDocument, _ threads: Int) -> TextTable {
        let peers = document.peers.filter { $0.problem == nil }.map(\.name)
        var columns: [(title: String, alignment: TextTable.Alignment)] = [
            ("M x N x K", .left), ("B", .left), ("ms", .right), ("GFLOP/s", .right), ("% roof", .right),
            ("roof", .left), ("B GB/s", .right),
        ]
        columns += peers.map { ($0, .right) }
        if !peers.isEmpty {
            columns += [("best peer", .left), ("time / ours", .right), ("95 % interval", .left), ("", .left)]
        }
        columns.append(("", .left))
        var table = TextTable(columns)
        for result in document.cases where result.threads == threads {
            let ours = result.entries.ours
            var cells = [
                result.shapeText, result.b, EntryText.number(ours?.medianMs), EntryText.number(ours?.gflops),
                ours?.percentOfRoof.map { NumberText.fixed($0, 1) } ?? "-", result.roof.name,
                EntryText.number(result.readOfB, digits: 3),
            ]
            for peer in peers {
                cells.append(EntryText.number(result.entries.first { $0.contestant == peer }?.gflops))
            }
            if !peers.isEmpty { cells += EntryText.comparison(result.entries.bestPeer) }
            cells.append(result.disturbed ? "disturbed" : "")
            table.add(cells)
        }
        return table
    }

    private static func means(_ document: GemmDocument, _ threads: Int) -> TextTable {
        EntryText.means(document.cases.filter { $0.threads == threads }.map(\.entries))
    }

    private static func problems(_ document: GemmDocument) -> [String] {
        var lines = EntryText.problems(
            document.cases.map { ("\($0.shapeText) \($0.b), \($0.threads) threads", $0.entries) })
        let disturbed = document.cases.count(where: \.disturbed)
        if disturbed > 0 { lines.append(EntryText.disturbance(disturbed, of: document.cases.count)) }
        return lines
    }
}
