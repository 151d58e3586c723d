import Foundation
import Testing

@testable import BenchmarkHarness

@Suite struct ResultsTests {
    @Test func folderHoldsDataAndPage() throws {
        let directory = try TemporaryDirectory()
        let document = sampleDocument()
        let problems = try ResultsFolder.write(document, to: directory.path, plots: false)
        #expect(problems.isEmpty)
        let folder = document.machine.folderName
        #expect(directory.contents() == ["README.md", folder].sorted())
        #expect(directory.contents(of: folder) == ["peaks.json", "sweep.csv", "sweep.json"])
        let page = try directory.text("README.md")
        #expect(page.contains("## \(document.machine.name), \(document.machine.cores) cores"))
        #expect(page.contains("### f32, B=1 H=8 D=64, causal, 2 threads, portable"))
        #expect(page.contains("naive S=8192: it would take too long"))
        #expect(!page.contains("!["))
    }

    @Test func pageTellsOfAllMachinesAndOfUnreadableSweeps() throws {
        let directory = try TemporaryDirectory()
        var other = sampleDocument()
        other.machine.name = "Another CPU"
        _ = try ResultsFolder.write(other, to: directory.path, plots: false)
        try OutputFile.write("{\"machine\": 1}", to: directory.file("broken/sweep.json"))
        let problems = try ResultsFolder.write(sampleDocument(), to: directory.path, plots: false)
        #expect(problems.count == 1)
        #expect(problems[0].contains("broken/sweep.json holds no sweep"))
        let page = try directory.text("README.md")
        #expect(page.components(separatedBy: "\n## ").count == 3)
        #expect(page.contains("## Another CPU"))
    }

    @Test func earlierFilesAreReplacedWhole() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("deep/er/x.txt")
        try OutputFile.write("one", to: path)
        try OutputFile.write("two", to: path)
        #expect(try directory.text("deep/er/x.txt") == "two")
        #expect(directory.contents(of: "deep/er") == ["x.txt"])
        try OutputFile.write("nowhere", to: "/dev/null")
        let type = try FileManager.default.attributesOfItem(atPath: "/dev/null")[.type] as? FileAttributeType
        #expect(type == .typeCharacterSpecial)
        #expect(throws: HarnessError.self) { try OutputFile.write("x", to: directory.file("deep")) }
        #expect(throws: HarnessError.self) { try OutputFile.prepare(directory.file("deep")) }
        #expect(throws: HarnessError.self) { try OutputFile.prepare(path + "/below/a/file") }
    }

    @Test func figuresHaveAPanelForEachMaskAndThreadCount() throws {
        let figures = PlotFigure.figures(sampleDocument())
        #expect(figures.map(\.name) == ["time-f32-b1-h8-d64-portable", "peak-f32-b1-h8-d64-portable"])
        #expect(figures[0].panels.map(\.key.mask) == ["none", "none", "causal", "causal"])
        #expect(figures[0].panels.map(\.key.threads) == [1, 2, 1, 2])
        #expect(figures[0].columns == 2)
        let script = GnuplotScript.text(figures[0], format: .svg, path: "out \"x\".svg")
        #expect(script.contains("set output \"out \\\"x\\\".svg\""))
        #expect(script.contains("commit 1234567-dirty, 2026-11-21"))
        #expect(script.components(separatedBy: "\nplot ").count == 5)
        #expect(script.contains("set logscale y 10") && script.contains("set logscale x 2"))
        let peak = GnuplotScript.text(figures[1], format: .png, path: "x")
        #expect(peak.contains("set yrange [0:100]") && !peak.contains("logscale y"))
    }

    @Test(.enabled(if: CommandLineTool.find("gnuplot") != nil, "gnuplot is not installed"))
    func plotsAreDrawnAndStaleOnesGo() throws {
        let directory = try TemporaryDirectory()
        let document = sampleDocument()
        let folder = document.machine.folderName
        for stale in ["time-old.svg", "peak-old.png"] {
            try OutputFile.write("x", to: directory.file("\(folder)/\(stale)"))
        }
        try OutputFile.write("kept", to: directory.file("\(folder)/notes.svg"))
        #expect(try ResultsFolder.write(document, to: directory.path, plots: true).isEmpty)
        let names = ["peak", "time"].flatMap {
            ["\($0)-f32-b1-h8-d64-portable.png", "\($0)-f32-b1-h8-d64-portable.svg"]
        }
        #expect(
            directory.contents(of: folder) == (names + ["notes.svg", "peaks.json", "sweep.csv", "sweep.json"]).sorted())
        let svg = try directory.text("\(folder)/time-f32-b1-h8-d64-portable.svg")
        #expect(svg.contains("<svg") && svg.contains("fused") && svg.contains("sequence length"))
        let png = try #require(FileManager.default.contents(atPath: directory.file("\(folder)/\(names[0])")))
        #expect(png.starts(with: [0x89, 0x50, 0x4E, 0x47]))
        #expect(try directory.text("README.md").contains("](\(folder)/time-f32-b1-h8-d64-portable.svg)"))
    }

    @Test func oneLengthIsDrawnToo() {
        for figure in PlotFigure.figures(sampleDocument(lengths: [197])) {
            #expect(GnuplotScript.text(figure, format: .svg, path: "x").contains("set xtics (\"197\" 197)"))
        }
    }
}
