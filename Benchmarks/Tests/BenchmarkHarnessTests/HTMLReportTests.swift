import Foundation
import Testing

@testable import BenchmarkHarness

@Suite struct HTMLReportTests {
    private let directory: TemporaryDirectory
    private let document = sampleDocument()
    private let page: String

    init() throws {
        directory = try TemporaryDirectory()
        _ = try ResultsFolder.write(document, to: directory.path, plots: CommandLineTool.find("gnuplot") != nil)
        page = try directory.text("\(document.machine.folderName)/index.html")
    }

    private var path: String { directory.file("\(document.machine.folderName)/index.html") }

    @Test func everyCaseIsThere() throws {
        for panel in SweepPanel.panels(document.cases) {
            #expect(page.contains("<h3>\(HTMLReport.escaped(panel.key.text))</h3>"))
            for result in panel.cases {
                #expect(page.contains("<td class=\"number\">\(NumberText.significant(result.medianMs))</td>"))
            }
        }
        let rows = page.components(separatedBy: "<tr>").count - page.components(separatedBy: "<thead>").count
        #expect(rows >= document.cases.count)
        for text in [document.commit, document.machine.name, "naive S=8192: it would take too long", "% bound"] {
            #expect(page.contains(HTMLReport.escaped(text)), "\(text) is missing")
        }
    }

    @Test func nothingIsFetched() throws {
        // Nothing in it, nor in the pictures in it, names another place.
        var texts = [page]
        for part in page.components(separatedBy: "base64,").dropFirst() {
            let data = try #require(Data(base64Encoded: String(part.prefix { $0 != "\"" })))
            texts.append(String(decoding: data, as: UTF8.self))
        }
        if CommandLineTool.find("gnuplot") != nil { #expect(texts.count == 1 + 6) }
        for text in texts {
            for match in text.matches(of: /(?:src|href)\s*=\s*["']([^"']*)/) {
                #expect(match.1.hasPrefix("data:") || match.1.hasPrefix("#"), "\(match.1.prefix(80))")
            }
            for word in ["@import", "url(", "<script", "<link", "<iframe"] { #expect(!text.contains(word), "\(word)") }
        }
    }

    @Test func elementsNestProperly() throws {
        let void: Set = ["meta", "img", "br", "hr", "link", "!doctype"]
        var open: [String] = []
        for match in page.matches(of: /<(\/?)([a-zA-Z!][a-zA-Z0-9]*)[^>]*>/) {
            let name = match.2.lowercased()
            if void.contains(name) { continue }
            if match.1.isEmpty {
                open.append(name)
            } else {
                #expect(open.popLast() == name, "</\(name)> closes something else")
            }
        }
        #expect(open.isEmpty, "\(open) stay open")
    }

    @Test func reportDrawsAgainWithPeers() throws {
        let outcome = try BuiltCommand.run(["report", "--output", directory.path])
        #expect(outcome.exitCode == 0 && outcome.output.contains(document.machine.folderName), "\(outcome.errors)")
        #expect(try directory.text("\(document.machine.folderName)/index.html") == page)
        let empty = try TemporaryDirectory()
        try BuiltCommand.expectError(["report", "--output", empty.path], "holds no results")
    }

    @Test func namesCannotBreakThePage() throws {
        var strange = document
        strange.machine.name = "CPU <script>\"&"
        let page = HTMLReport.page(strange, folder: directory.path)
        #expect(page.contains("CPU &lt;script&gt;&quot;&amp;") && !page.contains("<script"))
    }

    static let browser = ["chromium", "chromium-browser", "google-chrome"].compactMap(CommandLineTool.find)
        .first

    @Test(
        .enabled(if: Self.browser != nil, "no Chromium is installed: the page is not rendered"),
        arguments: [(390, 844), (1280, 900)])
    func aBrowserShowsIt(width: Int, height: Int) throws {
        let browser = try #require(Self.browser)
        let picture = directory.file("page-\(width).png")
        // The page is asked how wide it is: a phone must not have to scroll sideways.
        // A headless window is never narrower than 500 pixels; a frame is as narrow as it is told to be.
        let frame = """
            <!DOCTYPE html><body style="margin:0"><iframe id="f" src="probe.html" width="\(width)" height="\(height)" \
            style="border:0"></iframe><script>document.getElementById('f').onload = () => { const d = \
            document.getElementById('f').contentDocument; const images = [...d.images]; document.body.insertAdjacentText( \
            'beforeend', 'WIDTH ' + d.documentElement.scrollWidth + ' IMAGES ' + images.filter(i => i.naturalWidth > 0).length \
            + ' OF ' + images.length + ' TABLES ' + d.querySelectorAll('table').length) }</script></body>
            """
        try OutputFile.write(page, to: directory.file("probe.html"))
        try OutputFile.write(frame, to: directory.file("frame.html"))
        let common = [
            "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files",
            "--virtual-time-budget=10000",
            "--user-data-dir=\(directory.file("profile"))",
        ]
        let dumped = try CommandLineTool.run(
            browser, common + ["--dump-dom", "file://\(directory.file("frame.html"))"])
        #expect(dumped.exitCode == 0, "\(dumped.errors)")
        let told = try #require(dumped.output.firstMatch(of: /WIDTH (\d+) IMAGES (\d+) OF (\d+) TABLES (\d+)/))
        #expect(Int(told.1) ?? 0 <= width, "the page is \(told.1) pixels wide")
        #expect(told.2 == told.3 && told.3 == (CommandLineTool.find("gnuplot") == nil ? "0" : "6"))
        #expect(Int(told.4) ?? 0 >= SweepPanel.panels(document.cases).count)
        let shot = try CommandLineTool.run(
            browser, common + ["--window-size=\(width),\(height)", "--screenshot=\(picture)", "file://\(path)"])
        #expect(shot.exitCode == 0)
        let png = try #require(FileManager.default.contents(atPath: picture))
        #expect(png.starts(with: [0x89, 0x50, 0x4E, 0x47]) && png.count > 10_000)
    }
}
