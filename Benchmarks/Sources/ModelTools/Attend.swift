import AttentionKernels
import BenchmarkHarness
import PretrainedModels
import Safetensors
import Transformer

/// Pictures of the attention that a model pays within a text, or from an answer to its source.
public struct Attend: Sendable {
    /// What a picture shows.
    public enum View: String, Sendable, CaseIterable {
        /// Every head of every layer.
        case heads
        /// Every layer, its heads averaged.
        case mean
        /// How much of each token's information is in each output (Abnar and Zuidema 2020): the layers' averages, each
        /// halved and added to half of the identity for the residual, multiplied from the first to the last. From an
        /// answer to its source: the decoder's rollout, times the layer's average, times the encoder's rollout.
        case rollout
    }

    /// Whose attention.
    public enum Part: String, Sendable, CaseIterable {
        /// The encoder's to its own tokens.
        case encoder
        /// The decoder's to its own tokens, each of which sees the ones before it.
        case decoder
        /// The decoder's to the encoder's.
        case cross
    }

    /// Some tokens and their names.
    private struct Tokens {
        var ids: [Int]
        var labels: TokenLabels

        init(_ ids: [Int], _ name: (Int) -> String?) {
            self.ids = ids
            labels = TokenLabels(ids.map { name($0) ?? "\($0)" })
        }
    }

    /// The most tokens whose weights are kept, `layers · heads · tokens²` numbers.
    private static let limit = 512

    private let use: ModelUse
    private let text: String
    /// Whose attention it is.
    public let part: Part
    private let queries: Tokens
    private let keys: Tokens
    private let maps: LayerMaps
    /// Both ends of cross-attention, for its rollout.
    private let ends: (encoder: LayerMaps, decoder: LayerMaps)?

    /// Computes the attention within `text`.
    ///
    /// - Parameters:
    ///   - text: what the model reads; of an encoder-decoder the source.
    ///   - target: of an encoder-decoder what it answers, given whole; nil for its own most likely answer.
    ///   - part: whose attention; nil for `cross` where there is that, else for the one there is.
    /// - Throws: an error of one sentence if the model has no such part or cannot be read, or the text is too long.
    public init(_ text: String, target: String? = nil, part: Part? = nil, _ use: ModelUse) throws {
        self.use = use
        self.text = text
        let model = try use.model()
        func require(_ only: Part) throws(HarnessError) -> Part {
            guard part ?? only == only else {
                throw HarnessError("--part: \(use.folder) holds \(model.kind); it should be \(only.rawValue)")
            }
            guard target == nil else {
                throw HarnessError("--target: \(use.folder) holds \(model.kind), which has none; it should be left out")
            }
            return only
        }
        func check(_ ids: [Int]) throws(HarnessError) {
            guard (1...Self.limit).contains(ids.count) else {
                throw HarnessError("--text: it has \(ids.count) tokens; it should have 1 to \(Self.limit)")
            }
        }
        switch model {
        case .sentenceEncoder(let encoder):
            self.part = try require(.encoder)
            queries = Tokens(encoder.tokens(of: text), encoder.tokenizer.token)
            keys = queries
            maps = LayerMaps(try encoder.model.makeContext(kernel: use.kernel).attentionWeights(of: queries.ids))
            ends = nil
        case .chat(let chat):
            self.part = try require(.decoder)
            queries = Tokens(chat.tokens(of: text)) { try? chat.tokenizer.decode([$0], skipsSpecialTokens: false) }
            keys = queries
            try check(keys.ids)
            let context = try chat.model.makeContext(capacity: keys.ids.count, kernel: use.kernel)
            maps = LayerMaps(try context.attentionWeights(of: queries.ids).tokens)
            ends = nil
        case .translator(let translator):
            self.part = part ?? .cross
            let source = Tokens(try translator.tokens(of: text), translator.tokenizer.token)
            let answer = Tokens(
                try Self.answer(target, to: source.ids, translator, use.kernel), translator.tokenizer.token)
            let weights = try translator.model.attentionWeights(
                source: source.ids, target: answer.ids, kernel: use.kernel)
            let (encoder, decoder) = (LayerMaps(weights.encoder), LayerMaps(weights.decoder.tokens))
            queries = self.part == .encoder ? source : answer
            keys = self.part == .decoder ? answer : source
            switch self.part {
            case .encoder: (maps, ends) = (encoder, nil)
            case .decoder: (maps, ends) = (decoder, nil)
            case .cross: (maps, ends) = (LayerMaps(weights.decoder.source), (encoder, decoder))
            }
        }
    }

    /// What the decoder reads: the start token and all of the answer that it goes on from.
    private static func answer(
        _ target: String?, to source: [Int], _ translator: SequenceTranslator, _ kernel: AttentionKernel
    ) throws -> [Int] {
        if let target { return try translator.tokens(of: target).dropLast() }
        let (start, end) = (translator.tokenizer.startToken, translator.tokenizer.endToken)
        let context = try translator.model.makeContext(sources: [source], kernel: kernel)
        let found = try generateAll(
            context, prompts: [[start]], maximumTokens: translator.model.configuration.maximumLength - 1,
            stopTokens: [end])
        return [start] + found[0].tokens
    }

    /// The number of layers.
    public var layerCount: Int { maps.layers.count }

    /// The rollout up to a layer, `[queries, keys]`; each row adds up to 1.
    func rollout(upTo layer: Int) -> [Float] {
        guard let (encoder, decoder) = ends else { return maps.rollout(upTo: layer) }
        let read = LayerMaps.product(decoder.rollout(upTo: layer), maps.mean(layer), columns: maps.keys)
        return LayerMaps.product(read, encoder.rollout(upTo: encoder.layers.count - 1), columns: maps.keys)
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
        let chosenHeads = heads ?? Array(0..<maps.heads)
        for (option, places, count) in [("--layers", chosen, layerCount), ("--heads", chosenHeads, maps.heads)] {
            if let place = places.first(where: { !(0..<count).contains($0) }) {
                throw HarnessError("\(option): \(place) should be from 0 to \(count - 1)")
            }
        }
        var drawn: [AttentionMap] = []
        func add(_ weights: [Float], _ name: String) {
            drawn.append(
                AttentionMap(
                    weights, queries: maps.queries, keys: maps.keys, place: drawn.count, name: name, size: size,
                    pooling: .mass))
        }
        for layer in chosen {
            switch view {
            case .heads:
                for head in chosenHeads { add(maps.head(head, of: layer), "layer \(layer), head \(head)") }
            case .mean: add(maps.mean(layer), "layer \(layer), mean of \(maps.heads) heads")
            case .rollout: add(rollout(upTo: layer), "rollout up to layer \(layer)")
            }
        }
        let shown = text.count <= 80 ? text : text.prefix(79) + "\u{2026}"
        let counts = part == .cross ? "\(queries.ids.count) tokens to \(keys.ids.count)" : "\(keys.ids.count) tokens"
        return try MapFiles.draw(
            drawn, queryLabels: queries.labels, keyLabels: keys.labels,
            caption: ["\"\(shown)\": \(counts)", "model \(use.folder), \(part.rawValue)"],
            title: "Attention: \(part.rawValue), \(view.rawValue)", output: output)
    }

    /// Writes `attention`, F32 `[layers, heads, queries, keys]`, `rollout`, F32 `[layers, queries, keys]`, and `query_ids`
    /// and `key_ids`, I64.
    public func write(path: String) throws {
        var writer = SafetensorsWriter(metadata: ["model": use.folder, "text": text, "part": part.rawValue])
        try writer.add(
            "attention", shape: [layerCount, maps.heads, maps.queries, maps.keys], floats: maps.layers.flatMap(\.self))
        try writer.add(
            "rollout", shape: [layerCount, maps.queries, maps.keys],
            floats: (0..<layerCount).flatMap { rollout(upTo: $0) })
        try writer.add("query_ids", shape: [queries.ids.count], integers: queries.ids)
        try writer.add("key_ids", shape: [keys.ids.count], integers: keys.ids)
        try writer.write(path: path)
    }

    /// What `--json` prints.
    public struct Document: Encodable, Sendable {
        public var model: String
        public var text: String
        public var part: String
        public var queries: [Int]
        public var queryLabels: [String]
        public var keys: [Int]
        public var keyLabels: [String]
        public var files: [String]
    }

    /// The text with its tokens, and the files written.
    public func document(files: [String]) -> Document {
        Document(
            model: use.folder, text: text, part: part.rawValue, queries: queries.ids,
            queryLabels: queries.labels.tokens, keys: keys.ids, keyLabels: keys.labels.tokens, files: files)
    }
}
