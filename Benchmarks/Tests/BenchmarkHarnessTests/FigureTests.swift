import Foundation
import Testing

@testable import BenchmarkHarness

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite struct FigureTests {
    private let shape = "f32-b1-h8-d64-portable"

    /// A comparison as the verb compare writes it, with what the pictures need.
    private static func peers() throws -> PeersRecord {
        let machine = String(decoding: try JSONEncoder().encode(sampleDocument().machine), as: UTF8.self)
        func entries(_ rate: Double) -> String {
            """
            [{"contestant": "AttentionKernels", "gflops": \(rate), "medianMs": 1},
             {"contestant": "torch", "gflops": \(rate / 2), "ratio": 2, "ratioLow": 1.9, "ratioHigh": 2.1, "more": 1},
             {"contestant": "absent", "problem": "it is not installed"}]
            """
        }
        let cases = [128, 256].map { length in
            """
            {"op": "attention", "dtype": "f32", "batch": 1, "heads": 8, "kvHeads": 8, "queryLength": \(length),
             "keyLength": \(length), "headDim": 64, "valueDim": 64, "mask": "none", "threads": 2,
             "entries": \(entries(Double(length)))}
            """
        }
        let text = """
            {"machine": \(machine), "commit": "1234567", "date": "2026-11-21T05:00:00Z", "cases": [\(cases.joined(separator: ","))],
             "rounds": 9}
            """
        let directory = try TemporaryDirectory()
        try OutputFile.write(text, to: directory.file("compare.json"))
        return try PeersRecord.read(path: directory.file("compare.json"))
    }

    @Test func figuresHaveAPanelForEachMaskAndThreadCount() {
        let figures = SweepFigures.figures(sampleDocument())
        #expect(figures.map(\.name) == ["time-\(shape)", "peak-\(shape)", "speedup-\(shape)"])
        let titles = ["no mask, 1 thread", "no mask, 2 threads", "causal, 1 thread", "causal, 2 threads"]
        for figure in figures {
            #expect(figure.panels.map(\.title) == titles && figure.columns == 2)
            #expect(figure.caption.hasSuffix("commit 1234567-dirty, 2026-11-21"))
        }
        #expect(figures[0].panels[0].series.map(\.name) == ["naive", "blocked", "fused"])
        #expect(figures[2].panels[0].series.map(\.name) == ["blocked", "fused"])
        #expect(figures[2].panels[0].series[1].points.allSatisfy { abs($0.y - 16) < 1e-3 })
    }

    @Test func axesHoldTheirValues() {
        #expect(Figure.Axis.decades([0.02, 30], title: "").range == 0.01...100)
        #expect(Figure.Axis.decades([1, 1], title: "").range == 1...10)
        #expect(Figure.Axis.fromZero([17], title: "").range == 0...20)
        #expect(Figure.Axis.fromZero([99], title: "").range == 0...120)
        let lengths = Figure.Axis.lengths(Array(1...20).map { 1 << $0 }, title: "")
        #expect((lengths.ticks?.count ?? 0) <= 8 && lengths.ticks?.last?.text == "1048576")
        #expect(Figure.Axis.lengths([197], title: "").ticks == [.init(text: "197", position: 197)])
    }

    @Test func decodingShowsRatesUnderTheLimits() throws {
        let figure = try #require(MachineFigures.decoding(sampleDocument()))
        #expect(figure.panels.count == 2)
        #expect(figure.panels[0].series.map(\.name) == ["naive", "blocked", "fused", "L3", "DRAM"])
        let document = sampleDocument()
        let result = try #require(
            document.cases.first { $0.keyLength == 8192 && $0.kernel == "fused" && $0.threads == 1 })
        let expected = Double(4 * 2 * 8192 * 128) / result.medianMs * 1e-6
        #expect(figure.panels[0].series[2].points.last == .init(8192, expected))
        #expect(MachineFigures.decoding(sampleDocument(limited: false))?.panels[0].series.count == 3)
    }

    @Test func scalingStartsAtOne() throws {
        let figure = try #require(MachineFigures.scaling(sampleDocument()))
        #expect(figure.panels.count == 2)
        let fused = try #require(figure.panels[0].series.first { $0.name == "fused" })
        #expect(fused.points.map(\.x) == [1, 2] && fused.points[0].y == 1 && abs(fused.points[1].y - 2) < 1e-3)
        #expect(figure.panels[0].title.contains("S=512"))
    }

    @Test func theRooflinePlacesEveryCase() throws {
        let document = sampleDocument()
        let figure = try #require(RooflineFigure.figure(document))
        #expect(figure.panels.map(\.title) == ["f32 FMA, 1 thread, portable", "f32 FMA, 2 threads, portable"])
        let points = figure.panels.flatMap(\.series).filter { $0.kind == .points }.reduce(0) { $0 + $1.points.count }
        #expect(points == document.cases.count)
        for panel in figure.panels {
            for point in panel.series.flatMap(\.points) {
                #expect(panel.x.range.contains(point.x) && panel.y.range.contains(point.y))
            }
            #expect(panel.series.contains { $0.name == "peak" } && panel.series.contains { $0.name == "DRAM" })
        }
        #expect(RooflineFigure.figure(sampleDocument(limited: false)) == nil)
    }

    @Test func theRooflinePlacesProducts() throws {
        let document = sampleDocument()
        let product = ProductsRecord.Case(
            n: 64, k: 32, threads: 2, dtype: "f32", isa: "portable",
            roof: Roof(name: "compute", flops: 1e6, seconds: 1),
            entries: [.init(contestant: "peer", gflops: 80), .init(contestant: ContestEntry.ours, gflops: 70)])
        let figure = try #require(RooflineFigure.figure(document, products: ProductsRecord(cases: [product])))
        let dots = figure.panels.flatMap(\.series).filter { $0.name == "matrix product" }.flatMap(\.points)
        #expect(dots == [Figure.Point(1e6 / (4 * 64 * 32), 70)])
        #expect(figure.panels[0].series.allSatisfy { $0.name != "matrix product" }, "it ran on two threads")
    }

    @Test func peersAreGroupedBarsWithIntervals() throws {
        let figure = try #require(PeersFigure.figures(try Self.peers()).first)
        #expect(figure.name == "peers-2-threads" && figure.panels.count == 1)
        let panel = figure.panels[0]
        #expect(panel.series.map(\.name) == ["AttentionKernels", "torch"])
        #expect(panel.x.ticks?.map(\.text) == ["128", "256"])
        let torch = panel.series[1].points[0]
        #expect(torch.y == 64 && torch.interval == 64 * 2 / 2.1...64 * 2 / 1.9)
        #expect(panel.series[0].points[0].interval == nil)
        // Bars of a group stand beside each other.
        #expect(abs(panel.series[1].points[0].x - panel.series[0].points[0].x - 0.4) < 1e-9)
        let script = GnuplotScript.text(figure, format: .svg, path: "x")
        #expect(script.contains("with boxes") && script.contains("with vectors"))
    }

    @Test func scriptsQuoteWhatTheyAreGiven() {
        let figures = SweepFigures.figures(sampleDocument())
        let script = GnuplotScript.text(figures[0], format: .svg, path: "out \"x\".svg")
        #expect(script.contains("set output \"out \\\"x\\\".svg\""))
        #expect(script.components(separatedBy: "\nplot ").count == 6)
        #expect(script.contains("set logscale y 10") && script.contains("set logscale x 2"))
        let peak = GnuplotScript.text(figures[1], format: .png, path: "x")
        #expect(peak.contains("set yrange [0.0:100.0]") && peak.contains("unset logscale y"))
    }

    @Test func stylesTellSeriesApart() {
        let names = ["naive", "blocked", "fused", "torch", "openvino", "onnxruntime", "vllm"]
        let legend = names.map { Figure.Series(name: $0, kind: .curve, points: []) }
        let styles = FigureStyle.styles(legend)
        #expect(Set(names.compactMap { styles[$0]?.pointType }).count == names.count)
        #expect(Set(names.compactMap { styles[$0]?.color }).count >= 6)
        // All routes of all peers in one figure of bars, which colour alone tells apart.
        let routes = ["AttentionKernels"] + (0..<11).map { "peer \($0)" }
        let bars = FigureStyle.styles(routes.map { Figure.Series(name: $0, kind: .curve, points: []) })
        #expect(Set(routes.compactMap { bars[$0]?.color }).count == routes.count)
    }

    @Test(.enabled(if: CommandLineTool.find("gnuplot") != nil, "gnuplot is not installed"))
    func everyFigureIsDrawnAndStaleOnesGo() throws {
        let directory = try TemporaryDirectory()
        let figures = Plots.figures(sampleDocument(), peers: try Self.peers())
        for stale in ["time-old.svg", "peak-old.png", "scaling.svg"] {
            try OutputFile.write("x", to: directory.file(stale))
        }
        try OutputFile.write("kept", to: directory.file("notes.svg"))
        try Plots.draw(figures, into: directory.path)
        let names = figures.flatMap { ["\($0.name).png", "\($0.name).svg"] }
        #expect(names.count == 2 * 7)
        #expect(directory.contents() == (names + ["notes.svg"]).sorted())
        for figure in figures {
            let svg = try directory.text("\(figure.name).svg")
            #expect(svg.contains("prefers-color-scheme: dark") && svg.contains("commit 1234567"))
            #expect(XMLParser(data: Data(svg.utf8)).parse(), "\(figure.name).svg is no XML")
            for series in figure.legend { #expect(svg.contains(">\(series.name)<"), "\(figure.name): \(series.name)") }
            let png = try #require(FileManager.default.contents(atPath: directory.file("\(figure.name).png")))
            #expect(png.starts(with: [0x89, 0x50, 0x4E, 0x47]))
        }
    }
}
