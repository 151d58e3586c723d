/// A picture of measurements: panels with axes, and curves, points or bars in them.
public struct Figure: Sendable, Equatable {
    /// The name of the figure's files without their extension: `time-f32-b1-h8-d64-avx512`.
    public var name: String
    /// What is shown.
    public var title: String
    /// What all panels have in common.
    public var subtitle: String
    /// The panels, row by row.
    public var panels: [Panel]
    /// The number of panels in a row.
    public var columns: Int
    /// Two lines: the machine; commit and date.
    public var caption: String

    /// One coordinate system.
    public struct Panel: Sendable, Equatable {
        /// What sets the panel apart from the others.
        public var title: String
        /// The horizontal axis.
        public var x: Axis
        /// The vertical axis.
        public var y: Axis
        /// What is drawn.
        public var series: [Series]
        /// Words beside points.
        public var labels: [Label] = []
    }

    /// One axis of a panel.
    public struct Axis: Sendable, Equatable {
        /// The quantity with its unit.
        public var title: String
        /// The base of a logarithmic axis; nil for a linear one.
        public var logBase: Int?
        /// The ends.
        public var range: ClosedRange<Double>
        /// The marks; nil to leave them to the program that draws.
        public var ticks: [Tick]?
    }

    /// One mark of an axis.
    public struct Tick: Sendable, Equatable {
        /// Its text.
        public var text: String
        /// Its place.
        public var position: Double
    }

    /// Words in a panel.
    public struct Label: Sendable, Equatable {
        /// The words.
        public var text: String
        /// Where they begin.
        public var x: Double
        /// The height at which they stand.
        public var y: Double
        /// A second point: the words run along the line to it. Nil for level words.
        public var toward: Point?
    }

    /// One curve, cloud of points, or set of bars.
    public struct Series: Sendable, Equatable {
        /// How a series is drawn.
        public enum Kind: Sendable, Equatable {
            case curve, points
            /// Bars of a width in units of the horizontal axis.
            case bars(width: Double)
            /// A thin line that is a limit, not a measurement.
            case limit
        }

        /// What the legend calls it.
        public var name: String
        /// How it is drawn.
        public var kind: Kind
        /// The points from left to right.
        public var points: [Point]
    }

    /// One measurement.
    public struct Point: Sendable, Equatable {
        /// Where it stands.
        public var x: Double
        /// The value.
        public var y: Double
        /// The ends of the interval that holds the true value; nil if none is known.
        public var interval: ClosedRange<Double>?

        init(_ x: Double, _ y: Double, _ interval: ClosedRange<Double>? = nil) {
            (self.x, self.y, self.interval) = (x, y, interval)
        }
    }

    /// The names of all series, in the order in which panels bring them.
    var legend: [Series] {
        var seen: Set<String> = []
        return panels.flatMap(\.series).filter { $0.kind != .limit && seen.insert($0.name).inserted }
    }

    /// The machine; commit and date: the two lines under a figure.
    static func caption(_ machine: MachineReport, commit: String, date: String) -> String {
        "\(machine.name), \(machine.cores) cores, \(machine.os)\ncommit \(commit), \(date.prefix(10))"
    }
}

extension Figure.Axis {
    /// Sequence lengths: logarithmic, with a mark for each length where there is room.
    static func lengths(_ lengths: [Int], title: String) -> Figure.Axis {
        let sorted = Set(lengths).sorted()
        let (low, high) = (Double(sorted.first ?? 1) / 1.25, Double(sorted.last ?? 1) * 1.25)
        // At most eight marks, evenly spread, the last one among them.
        let step = max(1, (sorted.count + 7) / 8)
        let marked = sorted.enumerated().filter { (sorted.count - 1 - $0.offset).isMultiple(of: step) }.map(\.element)
        return Figure.Axis(
            title: title, logBase: 2, range: low...high,
            ticks: marked.map { .init(text: "\($0)", position: Double($0)) })
    }

    /// Whole decades that hold all of `values`, so that panels can be compared by eye.
    static func decades(_ values: [Double], title: String) -> Figure.Axis {
        let positive = values.filter { $0 > 0 }
        let low = tenTo(of: positive.min() ?? 1, roundedUp: false)
        let high = tenTo(of: positive.max() ?? 1, roundedUp: true)
        return Figure.Axis(title: title, logBase: 10, range: low...max(high, 10 * low), ticks: nil)
    }

    /// From 0 to a round number above all of `values`.
    static func fromZero(_ values: [Double], title: String) -> Figure.Axis {
        let largest = max(values.max() ?? 1, 1e-9)
        let unit = tenTo(of: largest, roundedUp: false)
        let top = [1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].first { $0 * unit >= 1.05 * largest } ?? 12
        return Figure.Axis(title: title, logBase: nil, range: 0...top * unit, ticks: nil)
    }

    /// The power of ten at or below, or at or above `value`.
    private static func tenTo(of value: Double, roundedUp: Bool) -> Double {
        var power = 1.0
        while power > value { power /= 10 }
        while power * 10 <= value { power *= 10 }
        return roundedUp && power < value ? power * 10 : power
    }
}
