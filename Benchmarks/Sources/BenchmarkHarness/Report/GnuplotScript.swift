import Foundation

/// Writes a figure as a gnuplot script.
enum GnuplotScript {
    /// What a figure is drawn as.
    enum Format: String, CaseIterable {
        case svg, png
    }

    /// The kernels in the order of the legend. Colours are Okabe and Ito's, told apart by every kind of colour
    /// vision; markers tell the lines apart without colour.
    private static let styles: [(kernel: String, color: String, pointType: Int, dash: Int)] = [
        ("naive", "#D55E00", 7, 2), ("blocked", "#0072B2", 5, 4), ("fused", "#009E73", 9, 1),
    ]

    /// The script that draws `figure` into the file at `path`.
    static func text(_ figure: PlotFigure, format: Format, path: String) -> String {
        let rows = (figure.panels.count + figure.columns - 1) / max(figure.columns, 1)
        let (width, height) = (max(120 + 400 * figure.columns, 640), 140 + 290 * rows)
        let terminal =
            switch format {
            case .svg: "svg size \(width),\(height) font 'sans-serif,13' background rgb 'white'"
            case .png: "pngcairo size \(width),\(height) font 'sans-serif,11' background rgb 'white'"
            }
        // The margins in pixels leave room for title, axis titles, legend and caption at any size.
        let (left, right) = (75.0 / Double(width), 1 - 25.0 / Double(width))
        let (bottom, top) = (125.0 / Double(height), 1 - 85.0 / Double(height))
        var lines = [
            "set terminal \(terminal)",
            "set output \(quoted(path))",
            "set termoption noenhanced",
            "set grid back linetype -1 dashtype solid linewidth 0.7 linecolor rgb '#CCCCCC'",
            "set border 3",
            "set tics nomirror",
            "set logscale x 2",
            "set label 1 \(quoted(figure.caption)) at screen 0.5, screen \(32.0 / Double(height)) center",
            "set multiplot layout \(rows),\(figure.columns) title \(quoted(figure.quantity.title + "\n" + figure.shapeText))"
                + " margins screen \(left), screen \(right), screen \(bottom), screen \(top)"
                + " spacing screen \(85.0 / Double(width)), screen \(105.0 / Double(height))",
        ]
        switch figure.quantity {
        case .time:
            // Whole decades that hold every panel, so that panels can be compared by eye.
            let medians = figure.panels.flatMap { $0.cases.map(\.medianMs) }.filter { $0 > 0 }
            let low = floor(log10(medians.min() ?? 1))
            let high = max(ceil(log10(medians.max() ?? 1)), low + 1)
            lines += ["set logscale y 10", "set format y '%g'", "set yrange [1e\(Int(low)):1e\(Int(high))]"]
        case .peak:
            lines += ["set yrange [0:100]", "set ytics 20"]
        }
        for (index, panel) in figure.panels.enumerated() {
            // One legend serves all panels.
            lines.append(
                index == 0
                    ? "set key at screen 0.5, screen \(60.0 / Double(height)) center horizontal nobox" : "unset key")
            lines += plot(panel, quantity: figure.quantity)
            lines.append("unset label 1")
        }
        lines.append("unset multiplot")
        return lines.joined(separator: "\n") + "\n"
    }

    private static func plot(_ panel: SweepPanel, quantity: PlotFigure.Quantity) -> [String] {
        let lengths = Set(panel.cases.map(\.queryLength)).sorted()
        let tics = thinned(lengths, to: 8).map { "\(quoted("\($0)")) \($0)" }.joined(separator: ", ")
        let (low, high) = (Double(lengths.first ?? 1) / 1.25, Double(lengths.last ?? 1) * 1.25)
        var lines = [
            "set title \(quoted((panel.key.mask == "none" ? "no mask" : panel.key.mask) + ", " + panel.key.threadsText))",
            "set xlabel 'sequence length (tokens)'",
            "set ylabel \(quoted(quantity.axisTitle))",
            "set xrange [\(low):\(high)]",
            "set xtics (\(tics))",
        ]
        var curves: [String] = []
        for style in styles {
            let cases = panel.cases.filter { $0.kernel == style.kernel }.sorted { $0.queryLength < $1.queryLength }
            if cases.isEmpty { continue }
            let name = "$\(style.kernel)"
            lines.append("\(name) << END")
            lines += cases.map { "\($0.queryLength) \(quantity == .time ? $0.medianMs : $0.percentOfPeak)" }
            lines.append("END")
            curves.append(
                "\(name) using 1:2 with linespoints title \(quoted(style.kernel)) linewidth 2 pointsize 1.1"
                    + " pointtype \(style.pointType) dashtype \(style.dash) linecolor rgb '\(style.color)'")
        }
        return lines + ["plot " + curves.joined(separator: ", \\\n     ")]
    }

    /// At most `count` of the values, evenly spread, the last one among them.
    private static func thinned(_ values: [Int], to count: Int) -> [Int] {
        let step = max(1, (values.count + count - 1) / count)
        return values.enumerated().filter { (values.count - 1 - $0.offset).isMultiple(of: step) }.map(\.element)
    }

    /// A double-quoted gnuplot string.
    private static func quoted(_ text: String) -> String {
        let escaped = text.flatMap { character -> String in
            switch character {
            case "\\", "\"": "\\\(character)"
            case "\n": "\\n"
            default: String(character)
            }
        }
        return "\"\(String(escaped))\""
    }
}
