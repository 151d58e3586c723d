import Foundation
import Testing

@testable import BenchmarkHarness

@Suite struct ReportTests {
    /// The keys that readers of the files rely on.
    static let caseKeys = [
        "op", "kernel", "dtype", "batch", "heads", "kvHeads", "queryLength", "keyLength", "headDim", "valueDim", "mask",
        "threads", "isa", "medianMs", "minMs", "maxMs", "repetitions", "gflops", "percentOfPeak", "maxError",
    ]

    @Test func jsonHasTheAgreedKeys() throws {
        let object = try JSONSerialization.jsonObject(with: Data(sampleDocument().json().utf8))
        let document = try #require(object as? [String: Any])
        #expect(document["commit"] as? String == "1234567-dirty")
        #expect(document["date"] as? String == "2026-11-21T05:00:00Z")
        #expect((document["machine"] as? [String: Any])?["name"] is String)
        let first = try #require((document["cases"] as? [[String: Any]])?.first)
        for key in Self.caseKeys { #expect(first[key] != nil, "\(key) is missing") }
        #expect(first["kernel"] as? String == "naive")
        #expect(first["op"] as? String == "attention")
        #expect(first["repetitions"] as? Int == 7)
        #expect(first["percentOfPeak"] as? Double == 5)
    }

    @Test func jsonComesBack() throws {
        let directory = try TemporaryDirectory()
        var document = sampleDocument()
        document.failed = [.init(key: "fused", text: "fused", maxError: .infinity, bound: 1e-6)]
        let path = directory.file("sweep.json")
        try OutputFile.write(document.json(), to: path)
        #expect(try SweepDocument.read(path: path) == document)
    }

    @Test func csvHasTheAgreedColumnsAndARowForEachCase() throws {
        let document = sampleDocument()
        let lines = CSV.text(document.cases).split(separator: "\n").map { $0.split(separator: ",").map(String.init) }
        #expect(Array(lines[0].prefix(20)) == Self.caseKeys)
        #expect(lines.count == document.cases.count + 1)
        #expect(lines.allSatisfy { $0.count == lines[0].count })
        #expect(lines[3][1] == "fused" && lines[3][6] == "128")
        #expect(Double(lines[3][13]) == document.cases[2].medianMs)
    }

    @Test func tableColumnsAlign() {
        var table = TextTable([("name", .left), ("value", .right), ("", .left)])
        table.add(["a", "1.25", "x"])
        table.add(["longer", "1000"])
        let expected = """
            name    value
            ------  -----
            a        1.25  x
            longer   1000

            """
        #expect(table.aligned == expected)
        #expect(table.markdown.hasPrefix("| name | value |  |\n| --- | ---: | --- |\n| a | 1.25 | x |\n"))
    }

    @Test func terminalTableShowsEveryCaseAndItsSpeedUps() {
        let document = sampleDocument(lengths: [128, 256])
        let text = SweepTables.terminal(document)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        #expect(lines[0] == "f32, B=1 H=8 D=64, no mask, 1 thread, portable")
        let fused = lines.first { $0.contains("fused") }?.split(separator: " ").map(String.init) ?? []
        #expect(fused.prefix(2) == ["128", "fused"])
        #expect(fused.suffix(5) == ["80.0", "compute", "16.0x", "1.60x", "2.0e-07"])
        #expect(lines.count { $0.contains("naive") && !$0.contains("vs naive") } == 12)
        #expect(!text.contains("GB/s"))
        var bounded = document
        bounded.cases[0].bound = "DRAM"
        #expect(SweepTables.terminal(bounded).contains("K, V GB/s"), "rates stand where memory is the bound")
    }

    @Test func shapesOfOneLengthShareATable() {
        let sections = SweepTables.sections(sampleDocument(lengths: [128]).cases)
        #expect(
            sections.map(\.title).suffix(2)
                == ["Single shapes, 1 thread, portable", "Single shapes, 2 threads, portable"])
        #expect(sections.count == 4)
        let lines = sections[2].table.aligned.split(separator: "\n")
        #expect(lines.count == 2 + 2 * 3 && lines[2].hasPrefix("f32    B=1 H=8 S=128 D=64  none    naive"))
    }

    @Test func numbers() {
        #expect(NumberText.significant(0.0123456) == "0.01235")
        #expect(NumberText.significant(12.3456) == "12.35")
        #expect(NumberText.significant(123456) == "123456")
        #expect(NumberText.significant(0) == "0.0")
        #expect(NumberText.bytes(48 << 10) == "48 KiB" && NumberText.bytes(0) == "none")
        #expect(NumberText.bytes(3 << 19) == "1.5 MiB" && NumberText.bytes(100) == "100 B")
        #expect(NumberText.wait(seconds: 44.2) == "45 s" && NumberText.wait(seconds: 150) == "3 min")
        #expect(12.3456789.significant() == 12.3457 && 0.00012345678.significant() == 0.000123457)
    }

    @Test func theClockOfAColdMachineIsNotItsPeak() throws {
        var meter = PeakMeter()
        let key = PeakMeter.Key(isa: .portable, threads: 1)
        for value in [120, 90, 101, 99, 102, 98, 100, 97, 96, 95, 94, 93, 92, 91, 103, 119, 50, 94, 93, 92] {
            meter.note(key, Double(value))
        }
        let record = try #require(meter.records[key])
        #expect(record.peak == 103 && record.lowest == 50 && record.count == 20)
        #expect(meter.isDisturbed(key, gflops: 97) && !meter.isDisturbed(key, gflops: 98))
        var resumed = PeakMeter()
        resumed.restore(MachineReport.current(meter).peaks)
        let known = try #require(resumed.records[key])
        #expect(known.peak == 103 && known.lowest == 50 && known.count == 20)
    }

    @Test func disturbancesAreSaid() throws {
        #expect(SweepSummary.text(sampleDocument(disturbed: true), folder: "r").contains("The machine was disturbed"))
        #expect(!SweepSummary.text(sampleDocument(), folder: "r").contains("disturbed"))
        var meter = PeakMeter()
        let key = PeakMeter.Key(isa: .portable, threads: 1)
        meter.note(key, 100)
        meter.note(key, 94)
        #expect(meter.isDisturbed(key, gflops: 94.9) && !meter.isDisturbed(key, gflops: 95.1))
        let record = try #require(meter.records[key])
        #expect(record.peak == 100 && record.lowest == 94 && record.count == 2)
        meter.note(.init(isa: .portable, threads: 2), 120)
        #expect(MachineReport.current(meter).scalingRemarks.count == (MachineReport.current(meter).cores >= 2 ? 1 : 0))
    }

    @Test func machineFoldersAreSafeNames() {
        var machine = MachineReport.current(PeakMeter())
        (machine.name, machine.cores) = ("Intel(R) Xeon(R) CPU @ 2.20GHz/é", 4)
        #expect(machine.folderName == "intel-r-xeon-r-cpu-2-20ghz-4-cores")
    }
}
