/// Draws attention maps as SVG: a square for each head, queries downwards and keys to the right.
struct MapPicture {
    var maps: [AttentionMap]
    var queryLabels = TokenLabels()
    var keyLabels = TokenLabels()
    /// What the maps have in common: two lines under them.
    var caption: [String]

    /// Pixels of the longer side of a head's square.
    private let side = 360.0
    private let gap = 40.0
    private let charactersOfLabel = 14

    /// Whether every position has a row or column of its own, and there is room to name it.
    private func isNamed(_ ranges: [Range<Int>], _ labels: TokenLabels) -> Bool {
        !labels.tokens.isEmpty && ranges.count <= 48 && ranges.allSatisfy { $0.count == 1 }
    }

    private struct Frame {
        var cell: Double
        var left, top, width, height: Double
    }

    /// The size of a cell and where a head's square lies in the picture.
    private func frame(_ index: Int) -> Frame {
        guard let map = maps.first else { return Frame(cell: 1, left: 0, top: 0, width: 1, height: 1) }
        let longest = Double(max(map.rows.count, map.columns.count, 1))
        let cell = max(1, side / longest)
        let named = (isNamed(map.rows, queryLabels) ? 100.0 : 44.0, isNamed(map.columns, keyLabels) ? 100.0 : 24.0)
        let (width, height) = (cell * Double(map.columns.count), cell * Double(map.rows.count))
        let (column, row) = (Double(index % columns), Double(index / columns))
        return Frame(
            cell: cell, left: 20 + named.0 + column * (width + named.0 + gap),
            top: 40 + named.1 + row * (height + named.1 + gap + 24), width: width, height: height)
    }

    private var columns: Int { min(maps.count, maps.count == 2 || maps.count == 4 ? 2 : 3) }

    /// The picture.
    var svg: String {
        guard let last = maps.indices.last else { return "" }
        let frames = maps.indices.map(frame)
        let width = max((frames.map { $0.left + $0.width }.max() ?? 0) + 20, 480)
        let bottom = frames[last].top + frames[last].height
        let height = bottom + 96 + 18 * Double(caption.count)
        var text = """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(number(width)) \(number(height))" width="\(number(width))" \
            height="\(number(height))" font-family="sans-serif" font-size="12">
            <style>
            .paper { fill: #ffffff; } .ink { fill: #16191d; } .frame { fill: none; stroke: #7f7f7f; }
            @media (prefers-color-scheme: dark) { .paper { fill: #15181c; } .ink { fill: #dde3ea; } }
            </style>
            <rect class="paper" width="100%" height="100%"/>

            """
        for (map, frame) in zip(maps, frames) { text += square(map, frame) }
        text += legend(top: bottom + 40)
        for (index, line) in caption.enumerated() {
            text +=
                "<text class=\"ink\" x=\"20\" y=\"\(number(bottom + 96 + 18 * Double(index)))\">\(HTMLReport.escaped(line))</text>\n"
        }
        return text + "</svg>\n"
    }

    private func square(_ map: AttentionMap, _ frame: Frame) -> String {
        var text = """
            <g class="map" data-head="\(map.head)" data-name="\(HTMLReport.escaped(map.name))" transform="translate(\(number(frame.left)),\(number(frame.top)))">
            <title>attention weights of \(HTMLReport.escaped(map.name))</title>
            <text class="ink" x="0" y="\(isNamed(map.columns, keyLabels) ? -96 : -20)" font-size="14">\(HTMLReport.escaped(map.name))</text>
            <g shape-rendering="crispEdges" transform="scale(\(number(frame.cell)))">
            <rect width="\(map.columns.count)" height="\(map.rows.count)" fill="\(MapColors.color(0))"/>

            """
        // Runs of equal colour, a path for each colour: a tenth of the size of a rectangle for each cell.
        var paths = [String](repeating: "", count: MapColors.count)
        let (width, largest) = (map.columns.count, largest)
        for row in map.rows.indices {
            var column = 0
            while column < width {
                let level = MapColors.level(map.cells[row * width + column], largest: largest)
                let start = column
                while column < width && MapColors.level(map.cells[row * width + column], largest: largest) == level {
                    column += 1
                }
                if level > 0 { paths[level] += "M\(start) \(row)h\(column - start)v1h-\(column - start)z" }
            }
        }
        for (level, path) in paths.enumerated() where !path.isEmpty {
            text += "<path fill=\"\(MapColors.color(level))\" d=\"\(path)\"/>\n"
        }
        text += "</g>\n<rect class=\"frame\" width=\"\(number(frame.width))\" height=\"\(number(frame.height))\"/>\n"
        return text + axes(map, frame) + "</g>\n"
    }

    private func axes(_ map: AttentionMap, _ frame: Frame) -> String {
        var text = ""
        if isNamed(map.rows, queryLabels) {
            for (index, token) in queryLabels.tokens.enumerated() {
                let y = number(frame.cell * (Double(index) + 0.5) + 4)
                text +=
                    "<text class=\"ink\" x=\"-6\" y=\"\(y)\" text-anchor=\"end\" font-size=\"11\">\(short(token))</text>\n"
            }
        } else {
            text += "<text class=\"ink\" x=\"-6\" y=\"10\" text-anchor=\"end\">0</text>\n"
            text +=
                "<text class=\"ink\" x=\"-6\" y=\"\(number(frame.height))\" text-anchor=\"end\">\((map.rows.last?.upperBound ?? 1) - 1)</text>\n"
        }
        if isNamed(map.columns, keyLabels) {
            for (index, token) in keyLabels.tokens.enumerated() {
                let x = number(frame.cell * (Double(index) + 0.5) + 4)
                text +=
                    "<text class=\"ink\" transform=\"translate(\(x),-6) rotate(-60)\" font-size=\"11\">\(short(token))</text>\n"
            }
        } else {
            text += "<text class=\"ink\" x=\"0\" y=\"-5\">0</text>\n"
            text +=
                "<text class=\"ink\" x=\"\(number(frame.width))\" y=\"-5\" text-anchor=\"end\">\((map.columns.last?.upperBound ?? 1) - 1)</text>\n"
        }
        return text
            + "<text class=\"ink\" x=\"\(number(frame.width / 2))\" y=\"\(number(frame.height + 16))\" text-anchor=\"middle\">key (columns), query (rows)</text>\n"
    }

    /// The colours with the weights they stand for.
    private func legend(top: Double) -> String {
        var text = "<g transform=\"translate(20,\(number(top)))\">\n"
        for level in 0..<MapColors.count {
            text += "<rect x=\"\(level * 4)\" width=\"5\" height=\"12\" fill=\"\(MapColors.color(level))\"/>\n"
        }
        // On a scale of square roots a quarter of the largest weight lies in the middle.
        for (share, x) in [(0.0, 0), (0.25, 128), (1, 256)] {
            let weight = NumberText.significant(Double(largest) * share, digits: 3)
            text += "<text class=\"ink\" x=\"\(x)\" y=\"28\">\(weight)</text>\n"
        }
        return text + "<text class=\"ink\" x=\"310\" y=\"11\">weight, square-root scale</text>\n</g>\n"
    }

    /// The largest weight of all maps, so that heads can be compared.
    var largest: Float { maps.map(\.largest).max() ?? 0 }

    private func short(_ token: String) -> String {
        HTMLReport.escaped(
            token.count <= charactersOfLabel ? token : token.prefix(charactersOfLabel - 1) + "\u{2026}")
    }

    private func number(_ value: Double) -> String {
        value == value.rounded() ? "\(Int(value))" : NumberText.fixed(value, 3)
    }
}
