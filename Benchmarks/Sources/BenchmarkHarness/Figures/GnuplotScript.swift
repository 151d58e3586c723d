import Foundation

/// Writes a figure as a gnuplot script.
enum GnuplotScript {
    /// What a figure is drawn as.
    enum Format: String, CaseIterable {
        case svg, png
    }

    /// Where things lie in a figure, in pixels: room for title, axis titles, legend and caption at any size.
    private struct Layout {
        let columns, rows, legendRows: Int
        let width, height: Double
        let left = 75.0
        let right = 25.0
        let top = 85.0
        /// Between two panels.
        let between = (x: 85.0, y: 105.0)

        init(_ figure: Figure) {
            columns = max(figure.columns, 1)
            rows = (figure.panels.count + columns - 1) / columns
            width = Double(max(120 + 400 * columns, 640))
            // Names of equal width stand in columns.
            let longest = figure.legend.map(\.name.count).max() ?? 0
            let places = max(1, Int((width - 100) / Double(70 + 8 * longest)))
            legendRows = max(1, (figure.legend.count + places - 1) / places)
            height = Double(130 + 20 * legendRows + 290 * rows)
        }

        var bottom: Double { Double(115 + 20 * legendRows) }
        /// The middle of the legend above the lower edge.
        var legend: Double { Double(52 + 10 * legendRows) }

        /// The size of one panel.
        var panel: (width: Double, height: Double) {
            (
                (width - left - right - between.x * Double(columns - 1)) / Double(columns),
                (height - top - bottom - between.y * Double(rows - 1)) / Double(rows)
            )
        }
    }

    /// The script that draws `figure` into the file at `path`.
    static func text(_ figure: Figure, format: Format, path: String) -> String {
        let layout = Layout(figure)
        let (width, height) = (layout.width, layout.height)
        let size = "\(Int(width)),\(Int(height))"
        let terminal =
            switch format {
            case .svg: "svg size \(size) font 'sans-serif,13' background rgb 'white'"
            case .png: "pngcairo size \(size) font 'sans-serif,11' background rgb 'white'"
            }
        let margins = [layout.left / width, 1 - layout.right / width, layout.bottom / height, 1 - layout.top / height]
        var lines = [
            "set terminal \(terminal)",
            "set output \(quoted(path))",
            "set termoption noenhanced",
            "set grid back linetype -1 dashtype solid linewidth 0.7 linecolor rgb '#CCCCCC'",
            "set border 3",
            "set tics nomirror",
            "set bars small",
            "unset key",
            "set label 1 \(quoted(figure.caption)) at screen 0.5, screen \(32 / height) center",
            "set multiplot layout \(layout.rows),\(layout.columns) title \(quoted(figure.title + "\n" + figure.subtitle))"
                + " margins \(margins.map { "screen \($0)" }.joined(separator: ", "))"
                + " spacing screen \(layout.between.x / width), screen \(layout.between.y / height)",
        ]
        let styles = FigureStyle.styles(figure.legend)
        for panel in figure.panels {
            lines += plot(panel, styles, layout)
            lines.append("unset label")
        }
        lines += legend(figure, styles, layout)
        lines.append("unset multiplot")
        return lines.joined(separator: "\n") + "\n"
    }

    /// One legend for all panels: a panel without axes as wide as the figure, because gnuplot breaks a legend's rows at
    /// the width of its panel.
    private static func legend(
        _ figure: Figure, _ styles: [String: FigureStyle], _ layout: Layout
    ) -> [String] {
        let entries = figure.legend.map { "NaN \(drawing($0, styles[$0.name])) title \(quoted($0.name))" }
        if entries.isEmpty { return [] }
        let (low, high) = ((layout.legend - 10) / layout.height, (layout.legend + 10) / layout.height)
        return [
            "unset title", "unset xlabel", "unset ylabel", "unset xtics", "unset ytics", "unset border", "unset grid",
            "unset logscale",
            "set lmargin at screen 0.02", "set rmargin at screen 0.98", "set bmargin at screen \(low)",
            "set tmargin at screen \(high)", "set xrange [0:1]", "set yrange [0:1]",
            "set key at screen 0.5, screen \(layout.legend / layout.height) center center horizontal nobox "
                + "maxrows \(layout.legendRows)",
            "plot " + entries.joined(separator: ", \\\n     "),
        ]
    }

    private static func plot(
        _ panel: Figure.Panel, _ styles: [String: FigureStyle], _ layout: Layout
    ) -> [String] {
        var lines = ["set title \(quoted(panel.title))"] + axis(panel.x, "x") + axis(panel.y, "y")
        for (index, label) in panel.labels.enumerated() {
            let angle = NumberText.fixed(self.angle(label, panel, layout), 1)
            lines.append(
                "set label \(index + 2) \(quoted(label.text)) at \(label.x), \(label.y) left rotate by \(angle) offset 0.3,0.5"
            )
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
                // Not error bars: those blot out the bar around their point.
                curves.append(
                    "$series\(index) using 1:3:(0):($4-$3) with vectors nohead linewidth 2 linecolor rgb 'black' notitle"
                )
            }
        }
        return lines + ["plot " + (curves.isEmpty ? "NaN notitle" : curves.joined(separator: ", \\\n     "))]
    }

    /// The angle on paper of a line from a label to the point that it runs toward, in degrees.
    private static func angle(_ label: Figure.Label, _ panel: Figure.Panel, _ layout: Layout) -> Double {
        guard let toward = label.toward else { return 0 }
        func share(_ axis: Figure.Axis, _ from: Double, _ to: Double) -> Double {
            let (low, high) = (axis.range.lowerBound, axis.range.upperBound)
            return axis.logBase == nil ? (to - from) / (high - low) : log(to / from) / log(high / low)
        }
        let across = share(panel.x, label.x, toward.x) * layout.panel.width
        let up = share(panel.y, label.y, toward.y) * layout.panel.height
        return atan2(up, across) * 180 / .pi
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
