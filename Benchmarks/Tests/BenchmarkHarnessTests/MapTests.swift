import AttentionKernels
import Foundation
import Safetensors
import Testing

@testable import BenchmarkHarness

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite struct AttentionMapTests {
    private func workload(queries: Int, keys: Int, mask: SweepMask = .causal) throws -> AttentionWorkload {
        try AttentionWorkload(
            shape: AttentionShape(
                batch: 2, heads: 4, kvHeads: 2, queryLength: queries, keyLength: keys, headDim: 8, valueDim: 5),
            mask: mask, seed: 3)
    }

    @Test func cutsCoverEverythingEvenly() {
        #expect(AttentionMap.cuts(10, into: 3) == [0..<3, 3..<6, 6..<10])
        #expect(AttentionMap.cuts(3, into: 8) == [0..<1, 1..<2, 2..<3])
        #expect(AttentionMap.cuts(0, into: 8).isEmpty)
    }

    /// More rows than one rectangle has, so that the second one's causal rule counts.
    @Test(arguments: SweepMask.allCases) func unpooledCellsAreTheLibrarysWeights(mask: SweepMask) throws {
        let workload = try workload(queries: 100, keys: 130, mask: mask)
        let weights = try #require(
            try workload.attend(.naive, returning: .weights, execution: Execution(threads: 1)).weights)
        for head in [0, 3] {
            let map = try AttentionMap(workload, batch: 1, head: head, size: 200, pooling: .mass)
            #expect(map.rows.count == 100 && map.columns.count == 130)
            for row in 0..<100 {
                for column in 0..<130 {
                    #expect(abs(map.cells[row * 130 + column] - weights[1, head, row, column]) < 1e-5)
                }
            }
        }
    }

    @Test func pooledRowsAddUpToOne() throws {
        let workload = try workload(queries: 100, keys: 130)
        let whole = try AttentionMap(workload, batch: 0, head: 2, size: 130, pooling: .max)
        let mass = try AttentionMap(workload, batch: 0, head: 2, size: 16, pooling: .mass)
        let largest = try AttentionMap(workload, batch: 0, head: 2, size: 16, pooling: .max)
        #expect(mass.rows.count == 16 && mass.columns.count == 16)
        for row in 0..<16 {
            #expect(abs(mass.cells[row * 16..<(row + 1) * 16].reduce(0, +) - 1) < 1e-4)
            for column in 0..<16 {
                let members = mass.rows[row].flatMap { query in
                    mass.columns[column].map { whole.cells[query * 130 + $0] }
                }
                #expect(largest.cells[row * 16 + column] == members.max())
                let share = members.reduce(0, +) / Float(mass.rows[row].count)
                #expect(abs(mass.cells[row * 16 + column] - share) < 1e-5)
            }
        }
        #expect(largest.largest == whole.largest)
    }

    @Test func placesOutsideAreErrors() throws {
        let workload = try workload(queries: 3, keys: 3)
        #expect(throws: HarnessError("--heads: 4 should be from 0 to 3")) {
            try AttentionMap(workload, batch: 0, head: 4, size: 8, pooling: .max)
        }
        #expect(throws: HarnessError("--batch-index: 2 should be from 0 to 1")) {
            try AttentionMap(workload, batch: 2, head: 0, size: 8, pooling: .max)
        }
    }

    @Test func coloursRiseWithTheWeight() {
        #expect(MapColors.color(0) == "rgb(68,1,84)" && MapColors.color(MapColors.count - 1) == "rgb(253,231,37)")
        #expect(MapColors.level(0, largest: 1) == 0 && MapColors.level(1, largest: 1) == MapColors.count - 1)
        #expect(MapColors.level(-0.0, largest: 0) == 0)
        let levels = stride(from: Float(0), through: 1, by: 0.01).map { MapColors.level($0, largest: 1) }
        #expect(levels == levels.sorted() && Set(levels).count > 50)
    }

    @Test func labelsNameRanges() throws {
        let directory = try TemporaryDirectory()
        try OutputFile.write("[\"a\", \"b\\nc\", \"d\"]", to: directory.file("t.json"))
        let labels = try TokenLabels(path: directory.file("t.json"), count: 3, option: "--tokens")
        #expect(labels.name(1..<2) == "1 \"b\nc\"" && labels.name(0..<3) == "0 to 2 \"a\" ... \"d\"")
        try OutputFile.write("a\n\nd\n", to: directory.file("t.txt"))
        #expect(try TokenLabels(path: directory.file("t.txt"), count: 3, option: "--tokens").tokens == ["a", "", "d"])
        #expect(throws: HarnessError.self) {
            try TokenLabels(path: directory.file("t.txt"), count: 4, option: "--tokens")
        }
        #expect(TokenLabels().name(4..<6) == "4 to 5")
    }
}

@Suite(.serialized) struct MapCommandTests {
    private let directory: TemporaryDirectory
    private let input: String

    init() throws {
        directory = try TemporaryDirectory()
        input = directory.file("in.safetensors")
        var generator = SeededGenerator(seed: 1)
        var writer = SafetensorsWriter()
        for (name, shape) in [("q", [1, 4, 6, 8]), ("k", [1, 2, 6, 8]), ("v", [1, 2, 6, 8])] {
            try writer.add(name, shape: shape, floats: generator.gaussians(shape.reduce(1, *)))
        }
        try writer.write(path: input)
    }

    @Test func bothPicturesHoldTheHeadsAndTokens() throws {
        try OutputFile.write("the\ncat\n<sat>\non\nthe\n</script>\n", to: directory.file("tokens"))
        let outcome = try BuiltCommand.run([
            "map", "--input", input, "--output", directory.file("map"), "--heads", "1,3", "--causal", "bottom-right",
            "--tokens", directory.file("tokens"),
        ])
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        let (svg, html) = (try directory.text("map.svg"), try directory.text("map.html"))
        #expect(XMLParser(data: Data(svg.utf8)).parse())
        #expect(svg.contains("data-head=\"1\"") && svg.contains("data-head=\"3\"") && !svg.contains("data-head=\"0\""))
        #expect(svg.contains("&lt;sat&gt;") && svg.contains("commit "))
        #expect(html.components(separatedBy: "</script>").count == 3, "a token must not end the script")
        for match in html.matches(of: /(?:src|href)\s*=\s*["']([^"']*)/) { Issue.record("\(match.1)") }
        let start = try #require(html.firstRange(of: "application/json\">"))
        let json = html[start.upperBound...].prefix { $0 != "\n" }.replacing("</script>", with: "")
        let contents = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
        #expect((contents?["queries"] as? [String])?.last == "5 \"</script>\"")
        let heads = try #require(contents?["heads"] as? [String: [String: Any]])
        let cells = try #require(heads["3"]?["cells"] as? [Double])
        // The first query of a causal map sees one key.
        #expect(cells.count == 36 && cells[0] == 1 && cells[1] == 0)
    }

    private static let browser = HTMLReportTests.browser

    @Test(.enabled(if: Self.browser != nil, "no Chromium is installed: nothing is pointed at"))
    func theWeightUnderThePointerIsTold() throws {
        let browser = try #require(Self.browser)
        let path = directory.file("map.html")
        #expect(
            try BuiltCommand.run(["map", "--input", input, "--output", path, "--causal", "top-left"]).exitCode == 0)
        let pointing = """
            <script>const f = document.querySelector('.map[data-head="2"]'), b = f.querySelector('.frame')
            .getBoundingClientRect(); f.dispatchEvent(new PointerEvent('pointermove', {clientX: b.left + 1, clientY: \
            b.top + 1}));</script></body>
            """
        try OutputFile.write(try directory.text("map.html").replacing("</body>", with: pointing), to: path)
        let outcome = try CommandLineTool.run(
            browser,
            [
                "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=\(directory.file("profile"))",
                "--dump-dom",
                "file://\(path)",
            ])
        #expect(outcome.output.contains(">head 2: query 0 gives key 0 the weight 1</p>"), "\(outcome.errors)")
    }

    @Test func oneEndingIsOneFile() throws {
        let path = directory.file("only.svg")
        #expect(try BuiltCommand.run(["map", "--input", input, "--output", path, "--size", "2"]).exitCode == 0)
        #expect(directory.contents() == ["in.safetensors", "only.svg"])
        #expect(try directory.text("only.svg").contains("6 queries, 6 keys, 4 heads of 8; a cell is the share"))
    }

    @Test func badInputIsOneSentence() throws {
        func expect(_ arguments: [String], _ sentence: String) throws {
            try BuiltCommand.expectError(
                ["map", "--input", input, "--output", directory.file("no")] + arguments, sentence)
            #expect(directory.contents() == ["in.safetensors"])
        }
        try expect(["--heads", "4"], "--heads: 4 should be from 0 to 3")
        try expect(["--heads", "x"], "--heads: \"x\" should be integers from 0 on, or all")
        try expect(["--size", "0"], "--size: 0 should be from 1 to 1024")
        try expect(["--tokens", directory.file("absent")], "could not be read")
    }
}
