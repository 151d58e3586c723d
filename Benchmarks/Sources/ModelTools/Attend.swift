import AttentionKernels
import BenchmarkHarness
import PretrainedModels
import Safetensors

/// Pictures of the attention that an encoder pays within a text.
public struct Attend: Sendable {
    /// What a picture shows.
    public enum View: String, Sendable, CaseIterable {
        /// Every head of every layer.
        case heads
        /// Every layer, its heads averaged.
        case mean
        /// How much of each token's information is in each output (Abnar and Zuidema 2020): the layers' averages, each
        /// halved and added to half of the identity for the residual, multiplied from the first to the last.
        case rollout
    }

    private let use: ModelUse
    private let text: String
    private let ids: [Int]
    private let labels: TokenLabels
    private let heads: Int
    /// Of each layer `[heads, tokens, tokens]`.
    private let layers: [[Float]]

    /// Computes the attention within `text`.
    ///
    /// - Throws: an error of one sentence if the model is no encoder of sentences, or cannot be read.
    public init(_ text: String, _ use: ModelUse) throws {
        let encoder = try use.model("an encoder of sentences (*.safetensors)") {
            if case .sentenceEncoder(let encoder) = $0 { encoder } else { nil }
        }
        self.use = use
        self.text = text
        ids = encoder.tokens(of: text)
        labels = TokenLabels(ids.map { encoder.tokenizer.token($0) ?? "\($0)" })
        heads = encoder.model.configuration.headCount
        layers = try encoder.model.makeContext(kernel: use.kernel).attentionWeights(of: ids).map(\.elements)
    }

    /// The number of layers.
    public var layerCount: Int { layers.count }

    private var square: Int { ids.count * ids.count }

    /// The mean of a layer's heads, `[tokens, tokens]`.
    func mean(_ layer: Int) -> [Float] {
        (0..<square).map { cell in
            (0..<heads).reduce(0) { $0 + layers[layer][$1 * square + cell] } / Float(heads)
        }
    }

    /// The rollout up to a layer, `[tokens, tokens]`; each row adds up to 1.
    func rollout(upTo layer: Int) -> [Float] {
        let count = ids.count
        var product = (0..<square).map { Float($0 / count == $0 % count ? 1 : 0) }
        for index in 0...layer {
            let step = mean(index)
            var next = [Float](repeating: 0, count: square)
            for row in 0..<count {
                for inner in 0..<count {
                    let weight = step[row * count + inner] / 2 + (row == inner ? 0.5 : 0)
                    for column in 0..<count {
                        next[row * count + column] += weight * product[inner * count + column]
                    }
                }
            }
            product = next
        }
        return product
    }

    /// Draws `view` of the chosen layers as `output.svg` and `output.html`, or as the one of them that `output` names by
    /// its ending.
    ///
    /// - Parameters:
    ///   - layers: the layers to draw, from 0 on; nil for all.
    ///   - heads: the heads to draw, from 0 on; nil for all.
    ///   - size: the most rows and columns of cells; longer texts are pooled.
    /// - Returns: the paths written.
    /// - Throws: an error of one sentence; nothing is written then.
    public func draw(_ view: View, layers: [Int]?, heads: [Int]?, size: Int, output: String) throws -> [String] {
        let chosen = layers ?? Array(0..<layerCount)
        let chosenHeads = heads ?? Array(0..<self.heads)
        for (option, places, count) in [("--layers", chosen, layerCount), ("--heads", chosenHeads, self.heads)] {
            if let place = places.first(where: { !(0..<count).contains($0) }) {
                throw HarnessError("\(option): \(place) should be from 0 to \(count - 1)")
            }
        }
        var maps: [AttentionMap] = []
        func add(_ weights: [Float], _ name: String) {
            maps.append(
                AttentionMap(
                    weights, tokens: ids.count, place: maps.count, name: name, size: size, pooling: .mass))
        }
        for layer in chosen {
            switch view {
            case .heads:
                for head in chosenHeads {
                    add(Array(self.layers[layer][head * square..<(head + 1) * square]), "layer \(layer), head \(head)")
                }
            case .mean: add(mean(layer), "layer \(layer), mean of \(self.heads) heads")
            case .rollout: add(rollout(upTo: layer), "rollout up to layer \(layer)")
            }
        }
        let shown = text.count <= 80 ? text : text.prefix(79) + "\u{2026}"
        return try MapFiles.draw(
            maps, labels: labels, caption: ["\"\(shown)\": \(ids.count) tokens", "model \(use.folder)"],
            title: "Attention: \(view.rawValue)", output: output)
    }

    /// Writes `attention`, F32 `[layers, heads, tokens, tokens]`, `rollout`, F32 `[layers, tokens, tokens]`, and
    /// `input_ids`, I64.
    public func write(path: String) throws {
        var writer = SafetensorsWriter(metadata: ["model": use.folder, "text": text])
        let count = ids.count
        try writer.add("attention", shape: [layerCount, heads, count, count], floats: layers.flatMap(\.self))
        try writer.add(
            "rollout", shape: [layerCount, count, count],
            floats: (0..<layerCount).flatMap { rollout(upTo: $0) })
        try writer.add("input_ids", shape: [count], integers: ids)
        try writer.write(path: path)
    }

    /// What `--json` prints.
    public struct Document: Encodable, Sendable {
        public var model: String
        public var text: String
        public var tokens: [Int]
        public var labels: [String]
        public var files: [String]
    }

    /// The text with its tokens, and the files written.
    public func document(files: [String]) -> Document {
        Document(model: use.folder, text: text, tokens: ids, labels: labels.tokens, files: files)
    }
}
