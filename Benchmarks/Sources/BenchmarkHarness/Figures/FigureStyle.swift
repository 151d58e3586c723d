/// Colours, markers and dashes of series: the same name looks the same in every figure.
///
/// The first colours are Okabe and Ito's, told apart by every kind of colour vision; markers and dashes tell series apart
/// without colour.
struct FigureStyle {
    var color: String
    var pointType: Int
    var dash: Int

    private static let known: [String: FigureStyle] = [
        "naive": FigureStyle(color: "#D55E00", pointType: 7, dash: 2),
        "blocked": FigureStyle(color: "#0072B2", pointType: 5, dash: 4),
        "fused": FigureStyle(color: "#009E73", pointType: 9, dash: 1),
        ContestEntry.ours: FigureStyle(color: "#009E73", pointType: 9, dash: 1),
    ]

    private static let others = [
        FigureStyle(color: "#E69F00", pointType: 11, dash: 3), FigureStyle(color: "#56B4E9", pointType: 13, dash: 5),
        FigureStyle(color: "#CC79A7", pointType: 4, dash: 2), FigureStyle(color: "#D55E00", pointType: 6, dash: 4),
        FigureStyle(color: "#0072B2", pointType: 8, dash: 3), FigureStyle(color: "#7F7F7F", pointType: 10, dash: 5),
        FigureStyle(color: "#B8A800", pointType: 12, dash: 2), FigureStyle(color: "#5B4FB3", pointType: 14, dash: 3),
        FigureStyle(color: "#A3355F", pointType: 1, dash: 4), FigureStyle(color: "#DDCC77", pointType: 2, dash: 5),
        FigureStyle(color: "#7FD1AE", pointType: 3, dash: 2),
    ]

    /// The styles of all series of a figure.
    static func styles(_ legend: [Figure.Series]) -> [String: FigureStyle] {
        var styles = known
        var index = 0
        for series in legend where styles[series.name] == nil {
            styles[series.name] = others[index % others.count]
            index += 1
        }
        return styles
    }
}
