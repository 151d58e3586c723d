/// The figures of a sweep over sequence lengths: for each shape, instruction set and element type one of each quantity,
/// with a row of panels for each mask and a column for each number of threads.
enum SweepFigures {
    /// What a figure shows over the sequence length.
    enum Quantity: String, CaseIterable {
        /// The median time, both axes logarithmic.
        case time
        /// The share of the peak of arithmetic.
        case peak
        /// How many times as fast as the naive kernel.
        case speedup

        var title: String {
            switch self {
            case .time: "Attention forward: time against sequence length"
            case .peak: "Attention forward: share of the arithmetic peak against sequence length"
            case .speedup: "Attention forward: speed-up over the naive kernel against sequence length"
            }
        }

        var axisTitle: String {
            switch self {
            case .time: "median time (ms)"
            case .peak: "% of peak"
            case .speedup: "times as fast as naive"
            }
        }

        /// The value of a case; nil where it has none.
        func value(_ result: CaseResult, _ panel: SweepPanel) -> Double? {
            switch self {
            case .time: return result.medianMs
            case .peak: return result.percentOfPeak
            case .speedup:
                guard result.kernel != "naive", let naive = panel.result("naive", result.lengthText) else { return nil }
                return naive.medianMs / result.medianMs
            }
        }
    }

    /// The figures of `document`. Cases with another number of keys than of queries have no place on the axis.
    static func figures(_ document: SweepDocument) -> [Figure] {
        let caption = Figure.caption(document.machine, commit: document.commit, date: document.date)
        return groups(document.cases.filter { $0.queryLength == $0.keyLength }).flatMap { name, panels -> [Figure] in
            // One length is a number, not a curve.
            let panels = panels.filter { $0.lengths.count > 1 }
            return Quantity.allCases.compactMap { quantity in
                let columns = Set(panels.map(\.key.threads)).count
                let drawn = panels.map { panel in self.panel(panel, quantity, all: panels) }
                guard drawn.contains(where: { !$0.series.isEmpty }) else { return nil }
                return Figure(
                    name: "\(quantity.rawValue)-\(name)", title: quantity.title,
                    subtitle: panels.first.map { "\($0.key.shapeText), \($0.key.isa)" } ?? "", panels: drawn,
                    columns: columns, caption: caption)
            }
        }
    }

    /// Panels of one shape, with the name of the shape; by masks and then threads.
    static func groups(_ cases: [CaseResult]) -> [(name: String, panels: [SweepPanel])] {
        let panels = SweepPanel.panels(cases)
        let masks = panels.map(\.key.mask)
        var seen: Set<String> = []
        return panels.map { shapeName($0.key) }.filter { seen.insert($0).inserted }.map { name in
            let members = panels.filter { shapeName($0.key) == name }.sorted {
                (masks.firstIndex(of: $0.key.mask) ?? 0, $0.key.threads)
                    < (masks.firstIndex(of: $1.key.mask) ?? 0, $1.key.threads)
            }
            return (name, members)
        }
    }

    private static func panel(_ panel: SweepPanel, _ quantity: Quantity, all: [SweepPanel]) -> Figure.Panel {
        let values = all.flatMap { panel in panel.cases.compactMap { quantity.value($0, panel) } }
        let y: Figure.Axis =
            switch quantity {
            case .time: .decades(values, title: quantity.axisTitle)
            case .peak:
                .init(
                    title: quantity.axisTitle, logBase: nil, range: 0...100,
                    ticks: stride(from: 0, through: 100, by: 20).map { .init(text: "\($0)", position: Double($0)) })
            case .speedup: .fromZero(values, title: quantity.axisTitle)
            }
        let series = AttentionKernelName.all.compactMap { kernel -> Figure.Series? in
            let cases = panel.cases.filter { $0.kernel == kernel }.sorted { $0.queryLength < $1.queryLength }
            let points = cases.compactMap { result in
                quantity.value(result, panel).map { Figure.Point(Double(result.queryLength), $0) }
            }
            return points.isEmpty ? nil : .init(name: kernel, kind: .curve, points: points)
        }
        return Figure.Panel(
            title: "\(panel.key.maskText), \(panel.key.threadsText)",
            x: .lengths(panel.cases.map(\.queryLength), title: "sequence length (tokens)"), y: y, series: series)
    }

    static func shapeName(_ key: SweepPanel.Key) -> String {
        let heads = key.heads == key.kvHeads ? "h\(key.heads)" : "h\(key.heads)-kv\(key.kvHeads)"
        let width = key.headDim == key.valueDim ? "d\(key.headDim)" : "d\(key.headDim)-dv\(key.valueDim)"
        return "\(key.dtype.replacing("/", with: "-"))-b\(key.batch)-\(heads)-\(width)-\(key.isa)"
    }
}

/// The kernels in the order of the legend.
enum AttentionKernelName {
    static let all = ["naive", "blocked", "fused"]
}
