import ArgumentParser
import AttentionKernels
import BenchmarkHarness

/// Which maps of attention weights to write, and of what part of them.
struct MapRequestArguments: ParsableArguments {
    @Flag(help: "Write column_mass [.., keys]: the sum of each key's weights over the queries.")
    var columnMass = false

    @Flag(help: "Write entropy [.., queries], in nats.")
    var entropy = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Write top_weights and top_keys [.., queries, count]: each query's largest weights, falling.",
            valueName: "count"))
    var top: Int?

    @Option(
        help: ArgumentHelp(
            "Write heat_map: the mean weight of cells of so many queries and keys.", valueName: "queries>x<keys"))
    var heatMap: String?

    @Flag(help: "Write map_weights: the weights of the rectangle below.")
    var mapWeights = false

    @Option(help: ArgumentHelp("The queries that maps speak of. (default: all)", valueName: "first:end"))
    var mapQueries: String?

    @Option(help: ArgumentHelp("The keys that maps speak of. (default: all)", valueName: "first:end"))
    var mapKeys: String?

    @Flag(help: "Write map_weights, column_mass and heat_map as means over the heads.")
    var meanHeads = false

    /// The request; nil where no map is wanted.
    func request() throws -> AttentionMapRequest? {
        let request = AttentionMapRequest(
            queries: try mapQueries.map { try Self.range($0, option: "--map-queries") },
            keys: try mapKeys.map { try Self.range($0, option: "--map-keys") }, weights: mapWeights,
            columnMass: columnMass, entropy: entropy, topCount: top, cell: try heatMap.map(Self.cell),
            averagesHeads: meanHeads)
        if mapWeights || columnMass || entropy || top != nil || heatMap != nil { return request }
        if mapQueries != nil || mapKeys != nil || meanHeads {
            throw HarnessError(
                "--map-queries, --map-keys and --mean-heads should come with a map: --map-weights, --column-mass, "
                    + "--entropy, --top or --heat-map")
        }
        return nil
    }

    private static func range(_ text: String, option: String) throws(HarnessError) -> Range<Int> {
        let ends = text.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
        guard ends.count == 2, let first = ends[0], let end = ends[1], 0 <= first, first <= end else {
            throw HarnessError("\(option): \"\(text)\" should be first:end, such as 0:128, with 0 <= first <= end")
        }
        return first..<end
    }

    private static func cell(_ text: String) throws(HarnessError) -> AttentionMapRequest.Cell {
        let sizes = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        guard sizes.count == 2, let queries = sizes[0], let keys = sizes[1], queries > 0, keys > 0 else {
            throw HarnessError("--heat-map: \"\(text)\" should be queries x keys, such as 64x64")
        }
        return AttentionMapRequest.Cell(queries: queries, keys: keys)
    }
}
