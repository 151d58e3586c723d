/// Writes a figure as a gnuplot script.
enum GnuplotScript {
    /// What a figure is drawn as.
    enum Format: String, CaseIterable {
        case svg, png
    }

    /// The script that draws `figure` into the file at `path`.
    static func text(_ figure: Figure, format: Format, path: String) -> String {
        let rows = (figure.panels.count + figure.columns - 1) / max(figure.columns, 1)
        let legendRows = (figure.legend.count + 4) / 5
        let (width, height) = (max(120 + 400 * figure.columns, 640), 120 + 20 * legendRows + 290 * rows)
        let terminal =
            switch format {
            case .svg: "svg size \(width),\(height) font 'sans-serif,13' background rgb 'white'"
            case .png: "pngcairo size \(width),\(height) font 'sans-serif,11' background rgb 'white'"
            }
        // The margins in pixels leave room for title, axis titles, legend and caption at any size.
        let (left, right) = (75.0 / Double(width), 1 - 25.0 / Double(width))
        let (bottom, top) = (Double(105 + 20 * legendRows) / Double(height), 1 - 85.0 / Double(height))
        let legendHeight = Double(50 + 10 * legendRows) / Double(height)
        var lines = [
            "set terminal \(terminal)",
            "set output \(quoted(path))",
            "set termoption noenhanced",
            "set grid back linetype -1 dashtype solid linewidth 0.7 linecolor rgb '#CCCCCC'",
            "set border 3",
            "set tics nomirror",
            "set bars small",
            "set label 1 \(quoted(figure.caption)) at screen 0.5, screen \(32.0 / Double(height)) center",
            "set multiplot layout \(rows),\(figure.columns) title \(quoted(figure.title + "\n" + figure.subtitle))"
                + " margins screen \(left), screen \(right), screen \(bottom), screen \(top)"
                + " spacing screen \(85.0 / Double(width)), screen \(105.0 / Double(height))",
        ]
        let styles = FigureStyle.styles(figure.legend)
        for (index, panel) in figure.panels.enumerated() {
            // One legend serves all panels.
            lines.append(
                index == 0
                    ? "set key at screen 0.5, screen \(legendHeight) center horizontal nobox maxrows \(legendRows)"
                    : "unset key")
            lines += plot(panel, styles, legend: index == 0 ? figure.legend : [])
            lines.append("unset label")
        }
        lines.append("unset multiplot")
        return lines.joined(separator: "\n") + "\n"
    }

    private static func plot(
        _ panel: Figure.Panel, _ styles: [String: FigureStyle], legend: [Figure.Series]
    ) -> [String] {
        var lines = ["set title \(quoted(panel.title))"] + axis(panel.x, "x") + axis(panel.y, "y")
        for (index, label) in panel.labels.enumerated() {
            lines.append("set label \(index + 2) \(quoted(label.text)) at \(label.x), \(label.y) left offset 0.3,0.5")
        }
        var curves: [String] = []
        for (index, series) in panel.series.enumerated() where !series.points.isEmpty {
            lines.append("$series\(index) << END")
            lines += series.points.map { point in
                let interval = point.interval ?? point.y...point.y
                return "\(point.x) \(point.y) \(interval.lowerBound) \(interval.upperBound)"
            }
            lines.append("END")
            var columns = "1:2"
            if case .bars(let width) = series.kind { columns += ":(\(width))" }
            curves.append("$series\(index) using \(columns) \(drawing(series, styles[series.name])) notitle")
            if case .bars = series.kind, series.points.contains(where: { $0.interval != nil }) {
                curves.append("$series\(index) using 1:2:3:4 with yerrorbars pointtype 0 linecolor rgb 'black' notitle")
            }
        }
        // A series that has no points in this panel has its place in the legend too.
        for series in legend {
            curves.append("NaN \(drawing(series, styles[series.name])) title \(quoted(series.name))")
        }
        return lines + ["plot " + curves.joined(separator: ", \\\n     ")]
    }

    private static func drawing(_ series: Figure.Series, _ style: FigureStyle?) -> String {
        let (color, point, dash) = (style?.color ?? "#7F7F7F", style?.pointType ?? 7, style?.dash ?? 1)
        return switch series.kind {
        case .curve:
            "with linespoints linewidth 2 pointsize 1.1 pointtype \(point) dashtype \(dash) linecolor rgb '\(color)'"
        case .points: "with points pointsize 1 linewidth 1.5 pointtype \(point) linecolor rgb '\(color)'"
        case .bars: "with boxes fillstyle solid 0.85 border linecolor rgb 'black' linecolor rgb '\(color)'"
        case .limit: "with lines linewidth 1.2 dashtype 1 linecolor rgb '#7F7F7F'"
        }
    }

    private static func axis(_ axis: Figure.Axis, _ name: String) -> [String] {
        var lines = [
            "set \(name)label \(quoted(axis.title))",
            axis.logBase.map { "set logscale \(name) \($0)" } ?? "unset logscale \(name)",
            "set \(name)range [\(axis.range.lowerBound):\(axis.range.upperBound)]",
            "set format \(name) '%g'",
        ]
        if let ticks = axis.ticks {
            let marks = ticks.map { "\(quoted($0.text)) \(plain($0.position))" }.joined(separator: ", ")
            lines.append("set \(name)tics (\(marks))")
        } else {
            lines.append("set \(name)tics autofreq")
        }
        return lines
    }

    /// Whole numbers without a fraction.
    private static func plain(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
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
