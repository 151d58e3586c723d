import AttentionKernels
import Foundation
import Safetensors

/// What a map shows.
public struct MapOptions: Sendable {
    /// The sequence.
    public var batch = 0
    /// The heads; nil for all.
    public var heads: [Int]?
    /// The most rows and columns of cells.
    public var size = 128
    /// How long sequences are pooled.
    public var pooling = AttentionMap.Pooling.mass
    /// A file with a token for each query, and for each key unless there is one for keys.
    public var tokens: String?
    /// A file with a token for each key.
    public var keyTokens: String?

    /// The usual options.
    public init() {}
}

/// Draws the attention maps of a file's tensors.
public enum MapFiles {
    /// Draws the maps of the file at `input` as `output.svg` and `output.html`, or as the one of them that `output`
    /// names by its ending.
    ///
    /// - Returns: the paths written.
    /// - Throws: an error of one sentence; nothing is written then.
    public static func draw(
        input: String, output: String, attention: AttentionFileOptions, options: MapOptions
    ) throws -> [String] {
        let workload = try AttentionWorkload(file: SafetensorsFile(path: input), options: attention)
        try workload.requireNoCache(for: "a map")
        // Computed once whole, because the library then says which shapes do not fit each other; the maps take longer.
        _ = try workload.attend(.fused, returning: [], execution: Execution())
        let shape = workload.shape
        let heads = options.heads ?? Array(0..<shape.heads)
        var picture = MapPicture(
            maps: try heads.map { head in
                try AttentionMap(
                    workload, batch: options.batch, head: head, size: options.size, pooling: options.pooling)
            }, caption: caption(workload, input, options))
        if let tokens = options.tokens {
            picture.queryLabels = try TokenLabels(path: tokens, count: shape.queryLength, option: "--tokens")
            if options.keyTokens == nil && shape.keyLength == shape.queryLength {
                picture.keyLabels = picture.queryLabels
            }
        }
        if let tokens = options.keyTokens {
            picture.keyLabels = try TokenLabels(path: tokens, count: shape.keyLength, option: "--key-tokens")
        }
        return try write(
            picture, title: "Attention weights of \(URL(fileURLWithPath: input).lastPathComponent)", to: output)
    }

    /// Draws maps of weights that are known, of the same tokens each, as `output.svg` and `output.html`, or as the one of
    /// them that `output` names by its ending.
    ///
    /// - Parameter caption: lines under the picture.
    /// - Returns: the paths written.
    /// - Throws: an error of one sentence; nothing is written then.
    public static func draw(
        _ maps: [AttentionMap], queryLabels: TokenLabels, keyLabels: TokenLabels, caption: [String], title: String,
        output: String
    ) throws -> [String] {
        var picture = MapPicture(maps: maps, caption: caption)
        picture.queryLabels = queryLabels
        picture.keyLabels = keyLabels
        return try write(picture, title: title, to: output)
    }

    private static func write(_ picture: MapPicture, title: String, to output: String) throws -> [String] {
        var files = [(output, picture.svg)]
        if output.hasSuffix(".html") {
            files = [(output, try MapPage.page(picture, title: title))]
        } else if !output.hasSuffix(".svg") {
            files = [("\(output).svg", picture.svg), ("\(output).html", try MapPage.page(picture, title: title))]
        }
        for (path, text) in files { try OutputFile.write(text, to: path) }
        return files.map(\.0)
    }

    private static func caption(_ workload: AttentionWorkload, _ input: String, _ options: MapOptions) -> [String] {
        let shape = workload.shape
        let isPooled = max(shape.queryLength, shape.keyLength) > options.size
        let pooled =
            switch options.pooling {
            case .mass: "a cell is the share of attention that its queries give to its keys"
            case .max: "a cell is its largest weight"
            }
        return [
            "\(URL(fileURLWithPath: input).lastPathComponent), sequence \(options.batch): \(shape.queryLength) queries, "
                + "\(shape.keyLength) keys, \(shape.heads) heads of \(shape.headDim)" + (isPooled ? "; \(pooled)" : ""),
            "\(Machine.current.name), \(Machine.current.usableCores) cores; commit \(SourceRevision.describe())",
        ]
    }
}
