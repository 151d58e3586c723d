import AttentionKernels
import TestSupport

@testable import Transformer

/// Weights by name, drawn at random when a test asks for them, and kept to be read by its reference.
final class RandomWeights: WeightSource {
    private var random: SeededRandom
    private(set) var tensors: [String: Tensor] = [:]
    /// The shapes of the model under test.
    private let shapes: [String: [Int]]
    /// The format of matrices.
    private let format: WeightFormat

    init(_ shapes: [String: [Int]], seed: UInt64, format: WeightFormat = .float32) throws {
        random = SeededRandom(seed: seed)
        self.shapes = shapes
        self.format = format
        for name in shapes.keys.sorted() { try draw(name, shapes[name] ?? []) }
    }

    private func draw(_ name: String, _ shape: [Int]) throws {
        let scale = shape.count == 2 ? 1 / Float(shape[1]).squareRoot() : 0.2
        let shift: Float = name.contains("orm") && name.hasSuffix("weight") ? 1 : 0
        let numbers = random.normals(shape.reduce(1, *)).map { $0 * scale + shift }
        tensors[name] = try Tensor(shape: shape, elements: numbers)
    }

    func weight(named name: String) throws -> StoredWeight? {
        guard let tensor = tensors[name] else { return nil }
        guard tensor.rank == 2, let quantization = QuantizedFormat(rawValue: format.rawValue) else {
            return try StoredWeight(name: name, tensor)
        }
        let matrix = try QuantizedMatrix(quantizing: tensor, quantization, transposed: true)
        tensors[name] = try matrix.dequantized()
        let owner = Owner(matrix)
        let (start, count) = matrix.bytes.withUnsafeBytes { ($0.baseAddress, $0.count) }
        return try StoredWeight(
            name: name, shape: tensor.shape, format: format,
            bytes: UnsafeRawBufferPointer(start: start, count: count), owner: owner)
    }

    private final class Owner {
        let matrix: QuantizedMatrix
        init(_ matrix: QuantizedMatrix) { self.matrix = matrix }
    }

    /// A matrix or vector in double precision.
    func double(_ name: String) -> Matrix {
        let tensor = tensors[name]!
        return Matrix(
            rows: tensor.rank == 2 ? tensor.shape[0] : 1, columns: tensor.shape.last ?? 1,
            tensor.elements.map(Double.init))
    }
}

extension BERTConfiguration {
    static let small = BERTConfiguration(
        vocabularySize: 50, hiddenSize: 48, layerCount: 2, headCount: 4, feedForwardSize: 80, maximumLength: 70)

    var shapes: [String: [Int]] {
        let d = hiddenSize
        var shapes = [
            "embeddings.word_embeddings.weight": [vocabularySize, d],
            "embeddings.position_embeddings.weight": [maximumLength, d],
            "embeddings.token_type_embeddings.weight": [tokenTypeCount, d],
            "embeddings.LayerNorm.weight": [d], "embeddings.LayerNorm.bias": [d],
        ]
        for index in 0..<layerCount {
            let layer = "encoder.layer.\(index)."
            for (name, outputs, inputs) in [
                ("attention.self.query", d, d), ("attention.self.key", d, d), ("attention.self.value", d, d),
                ("attention.output.dense", d, d), ("intermediate.dense", feedForwardSize, d),
                ("output.dense", d, feedForwardSize),
            ] {
                shapes[layer + name + ".weight"] = [outputs, inputs]
                shapes[layer + name + ".bias"] = [outputs]
            }
            for name in ["attention.output.LayerNorm", "output.LayerNorm"] {
                shapes[layer + name + ".weight"] = [d]
                shapes[layer + name + ".bias"] = [d]
            }
        }
        return shapes
    }
}

extension LlamaConfiguration {
    static func small(_ naming: WeightNaming = .gguf) -> LlamaConfiguration {
        LlamaConfiguration(
            vocabularySize: 64, hiddenSize: 64, layerCount: 2, headCount: 6, kvHeadCount: 2, headSize: 16,
            feedForwardSize: 96, contextLength: 80, naming: naming)
    }

    var shapes: [String: [Int]] {
        let (d, queries, keys) = (hiddenSize, headCount * headSize, kvHeadCount * headSize)
        var shapes = ["token_embd.weight": [vocabularySize, d], "output_norm.weight": [d]]
        for index in 0..<layerCount {
            let layer = "blk.\(index)."
            shapes[layer + "attn_q.weight"] = [queries, d]
            shapes[layer + "attn_k.weight"] = [keys, d]
            shapes[layer + "attn_v.weight"] = [keys, d]
            shapes[layer + "attn_output.weight"] = [d, queries]
            shapes[layer + "ffn_gate.weight"] = [feedForwardSize, d]
            shapes[layer + "ffn_up.weight"] = [feedForwardSize, d]
            shapes[layer + "ffn_down.weight"] = [d, feedForwardSize]
            shapes[layer + "attn_norm.weight"] = [d]
            shapes[layer + "ffn_norm.weight"] = [d]
        }
        return shapes
    }
}

extension EncoderDecoderConfiguration {
    static func small(_ placement: NormPlacement) -> EncoderDecoderConfiguration {
        EncoderDecoderConfiguration(
            sourceVocabularySize: 20, targetVocabularySize: 23, hiddenSize: 32, encoderLayerCount: 2,
            decoderLayerCount: 2, headCount: 4, feedForwardSize: 64, maximumLength: 40, normPlacement: placement,
            positions: placement == .pre ? .sinusoidal : .learned, startToken: 1, endToken: 2)
    }

    var shapes: [String: [Int]] {
        let d = hiddenSize
        var shapes: [String: [Int]] = [:]
        func linear(_ name: String, _ outputs: Int, _ inputs: Int) {
            shapes[name + ".weight"] = [outputs, inputs]
            shapes[name + ".bias"] = [outputs]
        }
        func norm(_ name: String) {
            shapes[name + ".weight"] = [d]
            shapes[name + ".bias"] = [d]
        }
        for (stack, count, layers) in [
            ("encoder", sourceVocabularySize, encoderLayerCount), ("decoder", targetVocabularySize, decoderLayerCount),
        ] {
            shapes[stack + ".tok_embedding.weight"] = [count, d]
            shapes[stack + ".pos_embedding.weight"] = [maximumLength, d]
            norm(stack + ".layer_norm")
            for index in 0..<layers {
                let layer = "\(stack).layers.\(index)."
                for name in ["self_attention", "encoder_attention"] {
                    for part in ["fc_q", "fc_k", "fc_v", "fc_o"] { linear(layer + name + "." + part, d, d) }
                }
                linear(layer + "positionwise_feedforward.fc_1", feedForwardSize, d)
                linear(layer + "positionwise_feedforward.fc_2", d, feedForwardSize)
                for name in ["self_attn_layer_norm", "enc_attn_layer_norm", "ff_layer_norm"] { norm(layer + name) }
            }
        }
        linear("decoder.fc_out", targetVocabularySize, d)
        return shapes
    }
}
