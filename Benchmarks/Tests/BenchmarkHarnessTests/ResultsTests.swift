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
        #expect(directory.contents(of: folder) == ["index.html", "peaks.json", "sweep.csv", "sweep.json"])
        let page = try directory.text("README.md")
        #expect(page.contains("## \(document.machine.name), \(document.machine.cores) cores"))
        #expect(page.contains("### f32, B=1 H=8 D=64, causal, 2 threads, portable"))
        #expect(page.contains("naive S=8192: it would take too long"))
        #expect(!page.contains("!["))
        #expect(page.contains("Memory is read at L1 200"))
        #expect(page.contains("fused % of bound"))
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
}
