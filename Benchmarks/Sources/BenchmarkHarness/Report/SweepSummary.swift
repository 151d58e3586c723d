/// What a sweep prints when it is done.
public enum SweepSummary {
    /// Machine, tables, and what was skipped, wrong or disturbed.
    public static func text(_ document: SweepDocument, folder: String) -> String {
        let machine = document.machine
        var text = "\(machine.name), \(machine.cores) cores, commit \(document.commit)\n"
        for peak in machine.peaks {
            text += "\(peak.quantityName) peak, \(peak.isa), \(peak.threads) thread\(peak.threads == 1 ? "" : "s"): "
            text += "\(NumberText.fixed(peak.gflops, 1)) GFLOP/s (lowest of \(peak.measurements) measurements: "
            text += "\(NumberText.fixed(peak.lowestGflops, 1)))\n"
        }
        if let limits = document.limits {
            text += "Limits of memory: measured \(limits.date), commit \(limits.commit).\n"
        }
        text += machine.scalingRemarks.map { $0 + "\n" }.joined()
        text += "\n" + SweepTables.terminal(document)
        if !document.skipped.isEmpty { text += "\nSkipped:\n" }
        for skipped in document.skipped { text += "  \(skipped.text): \(skipped.reason)\n" }
        let disturbed = document.cases.count(where: \.disturbed)
        if disturbed > 0 {
            text +=
                "\nThe machine was disturbed: beside \(disturbed) of \(document.cases.count) cases the peak fell more "
            text += "than 5 % below the run's, or other work used their cores. Run again on an idle machine.\n"
        }
        for failure in document.failed {
            text += "\nWRONG RESULT, not timed: \(failure.text): error \(NumberText.error(failure.maxError)), allowed "
            text += "\(NumberText.error(failure.bound))\n"
        }
        if document.complete {
            return text + "\nResults are in \(folder)/README.md and \(folder)/\(machine.folderName)/.\n"
        }
        return text + "\nInterrupted after \(document.cases.count) cases, which are kept in "
            + "\(PartialRun.path("sweep", in: folder)). The same command with --resume goes on from there.\n"
    }
}
