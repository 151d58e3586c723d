import Foundation

/// Writes the page of results: every machine's tables and plots, from the sweeps that lie there.
public enum ResultsPage {
    /// The page for all machine folders in `directory`, and a sentence for each sweep that could not be read.
    public static func text(directory: String) -> (page: String, problems: [String]) {
        var sections: [String] = []
        var problems: [String] = []
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        for folder in names.sorted() {
            let path = "\(directory)/\(folder)/sweep.json"
            guard FileManager.default.fileExists(atPath: path) else { continue }
            do throws(HarnessError) {
                let document = try SweepDocument.read(path: path)
                sections.append(section(document, folder: folder, directory: directory))
            } catch {
                problems.append(error.description)
            }
        }
        return (introduction + sections.joined(separator: "\n"), problems)
    }

    private static let introduction = """
        # Results

        Written by `attention-bench sweep`; edits are lost with the next sweep. How the numbers are measured is told
        in [Benchmarks/README.md](../Benchmarks/README.md). Times are medians; % of peak refers to the peak of
        arithmetic measured in the same run (f32 multiply-adds, or dot products of bf16 where the instruction set has them), % of bound to that or to what memory can feed, whichever is lower; a max error is the
        largest absolute difference from the double-precision oracle.


        """

    private static func section(_ document: SweepDocument, folder: String, directory: String) -> String {
        let machine = document.machine
        var lines = [
            "## \(machine.name), \(machine.cores) cores", "",
            "\(machine.os); instruction sets \(machine.isas.joined(separator: ", ")); L1d "
                + "\(NumberText.bytes(machine.l1dBytes)), L2 \(NumberText.bytes(machine.l2Bytes)), last level "
                + "\(NumberText.bytes(machine.l3Bytes)); threads by \(machine.backend); Swift \(machine.swift); commit "
                + "\(document.commit); \(document.date). All of it on one page: [index.html](\(folder)/index.html). Data: "
                + "[sweep.json](\(folder)/sweep.json), [sweep.csv](\(folder)/sweep.csv).", "",
        ]
        lines.append(peaks(document).markdown)
        if let limits = document.limits { lines += [readRates(limits, folder: folder), ""] }
        lines += notes(document)
        for figure in ResultsFolder.figures(document, in: "\(directory)/\(folder)") {
            let path = "\(folder)/\(figure.name).svg"
            guard FileManager.default.fileExists(atPath: "\(directory)/\(path)") else { continue }
            lines += ["![\(figure.title), \(figure.subtitle)](\(path))", ""]
        }
        for section in SweepTables.sections(document.cases) {
            lines += ["### \(section.title)", "", (section.byLength ?? section.table).markdown]
        }
        return lines.joined(separator: "\n")
    }

    /// A sentence on how fast each level of memory is read.
    private static func readRates(_ limits: PeaksDocument, folder: String) -> String {
        let threads = Set(limits.bandwidth.map(\.threads)).sorted()
        let levels = MemoryLevel.allCases.compactMap { level -> String? in
            let rates = threads.compactMap { limits.readBandwidth(level, threads: $0) }
            if rates.isEmpty { return nil }
            return "\(level.rawValue) " + rates.map { NumberText.significant($0, digits: 3) }.joined(separator: " / ")
        }
        let on = threads.map(String.init).joined(separator: " / ")
        return "Memory is read at \(levels.joined(separator: ", ")) GB/s on \(on) threads, measured "
            + "\(limits.date.prefix(10)); all limits: [peaks.json](\(folder)/peaks.json)."
    }

    /// The peaks of arithmetic of the run.
    static func peaks(_ document: SweepDocument) -> TextTable {
        var table = TextTable([
            ("peak", .left), ("instruction set", .left), ("threads", .right), ("GFLOP/s", .right),
            ("lowest along the run", .right),
        ])
        for peak in document.machine.peaks {
            table.add([
                peak.quantityName, peak.isa, "\(peak.threads)", NumberText.fixed(peak.gflops, 1),
                NumberText.fixed(peak.lowestGflops, 1),
            ])
        }
        return table
    }

    /// What a reader must know about the numbers, in Markdown.
    static func notes(_ document: SweepDocument) -> [String] {
        var lines = document.machine.scalingRemarks.flatMap { [$0, ""] }
        let disturbed = document.cases.count(where: \.disturbed)
        if disturbed > 0 {
            lines += [
                "**The machine was disturbed:** beside \(disturbed) of \(document.cases.count) cases the peak fell more "
                    + "than 5 % below the run's, or other work used their cores.", "",
            ]
        }
        for failure in document.failed {
            lines += [
                "**Wrong result, not timed:** \(failure.text): error \(NumberText.error(failure.maxError)), allowed "
                    + "\(NumberText.error(failure.bound)).", "",
            ]
        }
        if let skipped = document.skipped.first {
            lines += [
                "\(document.skipped.count) cases were skipped, the first of them: \(skipped.text): \(skipped.reason).",
                "",
            ]
        }
        return lines
    }
}
