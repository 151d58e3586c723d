/// Makes gnuplot's pictures readable in light and dark: dark ink and grid become light ones where the reader prefers
/// a dark background. Colours of series stand out on both, but for the blue, which gets lighter.
enum SVGTheme {
    private static let style = """
        <style>
        @media (prefers-color-scheme: dark) {
        rect[fill="#ffffff"] { fill: #15181c; }
        [color="#FFFFFF"] { color: #15181c; }
        [fill="black"] { fill: #dde3ea; }
        [stroke="black"] { stroke: #dde3ea; }
        [color="black"] { color: #dde3ea; }
        [stroke="rgb(204, 204, 204)"] { stroke: #3a424b; }
        [stroke="rgb(  0, 114, 178)"] { stroke: #3f9fdc; }
        [fill="rgb(  0, 114, 178)"] { fill: #3f9fdc; }
        [color="rgb(  0, 114, 178)"] { color: #3f9fdc; }
        }
        </style>
        """

    /// `svg` with the two themes.
    static func themed(_ svg: String) -> String {
        guard let place = svg.firstRange(of: "<g id=\"gnuplot_canvas\">") else { return svg }
        return svg[..<place.lowerBound] + style + "\n" + svg[place.lowerBound...]
    }
}
