import ArgumentParser
import BenchmarkHarness

/// Measures the limits of this machine.
struct PeaksCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peaks",
        abstract: "Measures this machine's limits: multiply-adds, dot products, exp2, cache and memory traffic.",
        discussion: """
            Takes about 20 s, on one thread and on all, and keeps the result in the user's cache directory, from where \
            the other verbs take it. Rates are in 10^9 operations a second (GFLOP/s, GOP/s: a multiply-add counts 2) \
            and in 10^9 bytes a second (GB/s: bytes read and written together). Each limit is the best of 12 runs; \
            the median beside it tells how disturbed the machine was.
            """)

    @Flag(help: "Show what was measured before, with its date, and measure only if there is nothing.")
    var cached = false

    @OptionGroup var tables: TableArguments

    func run() throws {
        let document = try cached ? PeaksStore.cachedOrMeasured() : PeaksStore.measured()
        try tables.print(PeaksTables.tables(document), heading: PeaksTables.heading(document)) {
            try document.json()
        }
    }
}
