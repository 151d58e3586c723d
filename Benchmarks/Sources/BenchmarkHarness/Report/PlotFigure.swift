/// One figure of a sweep: panels of the same shape, a row for each mask and a column for each number of threads.
public struct PlotFigure: Sendable {
    /// What the figure shows over the sequence length.
    public enum Quantity: String, Sendable, CaseIterable {
        /// The median time, both axes logarithmic.
        case time
        /// The share of the FMA peak.
        case peak

        var axisTitle: String {
            switch self {
            case .time: "median time (ms)"
            case .peak: "% of f32 FMA peak"
            }
        }

        var title: String {
            switch self {
            case .time: "Attention forward: time against sequence length"
            case .peak: "Attention forward: share of the FMA peak against sequence length"
            }
        }
    }

    /// What is shown.
    public let quantity: Quantity
    /// The panels, by masks and then threads.
    public let panels: [SweepPanel]
    /// The number of panels in a row.
    public let columns: Int
    /// Two lines: the machine; commit and date.
    public let caption: String

    /// The figures of a sweep: for each shape, instruction set and element type one of each quantity.
    ///
    /// Cases with another number of keys than of queries have no place on the axis and are left to the tables.
    public static func figures(_ document: SweepDocument) -> [PlotFigure] {
        let panels = SweepPanel.panels(document.cases.filter { $0.queryLength == $0.keyLength })
        var order: [String] = []
        var byShape: [String: [SweepPanel]] = [:]
        for panel in panels {
            let name = shapeName(panel.key)
            if byShape[name] == nil { order.append(name) }
            byShape[name, default: []].append(panel)
        }
        let machine = document.machine
        let day = document.date.prefix(10)
        let caption = "\(machine.name), \(machine.cores) cores, \(machine.os)\ncommit \(document.commit), \(day)"
        return order.flatMap { name in
            let masks = SweepMask.allCases.map(\.rawValue)
            let panels = (byShape[name] ?? []).sorted {
                (masks.firstIndex(of: $0.key.mask) ?? 0, $0.key.threads)
                    < (masks.firstIndex(of: $1.key.mask) ?? 0, $1.key.threads)
            }
            let columns = Set(panels.map(\.key.threads)).count
            return Quantity.allCases.map {
                PlotFigure(quantity: $0, panels: panels, columns: columns, caption: caption)
            }
        }
    }

    /// The name of the figure's files without their extension: `time-f32-b1-h8-d64-avx512`.
    public var name: String { "\(quantity.rawValue)-\(panels.first.map { Self.shapeName($0.key) } ?? "")" }

    /// What the figure's panels have in common, in words.
    public var shapeText: String { panels.first.map { "\($0.key.shapeText), \($0.key.isa)" } ?? "" }

    private static func shapeName(_ key: SweepPanel.Key) -> String {
        let heads = key.heads == key.kvHeads ? "h\(key.heads)" : "h\(key.heads)-kv\(key.kvHeads)"
        let width = key.headDim == key.valueDim ? "d\(key.headDim)" : "d\(key.headDim)-dv\(key.valueDim)"
        return "\(key.dtype)-b\(key.batch)-\(heads)-\(width)-\(key.isa)"
    }
}
