import AttentionKernels
import Foundation
import Safetensors
import Testing

@testable import Transformer

/// Weights and inputs in single precision, and what PyTorch made of them in double precision.
private struct Fixture: WeightSource {
    private let file: SafetensorsFile

    init(_ name: String) throws {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        file = try SafetensorsFile(path: tests.path + "/Conformance/pytorch/\(name).safetensors")
    }

    func tensor(_ name: String) throws -> Tensor {
        let stored = try file.tensor(name)
        return try Tensor(shape: stored.shape, elements: stored.floats())
    }

    func tokens(_ name: String) throws -> [Int] { try file.tensor(name).integers() }

    func mask(_ name: String) throws -> ScoreMask {
        let stored = try file.tensor(name)
        return try ScoreMask(shape: stored.shape, elements: stored.booleans())
    }

    func weight(named name: String) throws -> StoredWeight? {
        guard file.contains(name) else { return nil }
        let stored = try file.tensor(name)
        let bytes = OwnedArray(try stored.floats())
        return try StoredWeight(
            name: name, shape: stored.shape, format: .float32, bytes: UnsafeRawBufferPointer(bytes.elements),
            owner: bytes)
    }

    /// The weights of a linear layer with a bias.
    func linear(_ name: String) throws -> LinearWeights {
        LinearWeights(
            try #require(try weight(named: name + ".weight")), bias: try weight(named: name + ".bias"))
    }

    /// The largest difference between `tensor` and the double-precision tensor called `name`.
    func difference(_ tensor: Tensor?, _ name: String) throws -> Double {
        let tensor = try #require(tensor)
        let stored = try file.tensor(name)
        #expect(tensor.shape == stored.shape)
        let expected = stored.withUnsafeBytes { bytes in
            (0..<bytes.count / 8).map {
                Double(bitPattern: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self)))
            }
        }
        return zip(tensor.elements, expected).reduce(0) { max($0, (Double($1.0) - $1.1).magnitude) }
    }
}

/// Floats at an address that stays.
private final class OwnedArray {
    let elements: UnsafeMutableBufferPointer<Float>

    init(_ array: [Float]) {
        elements = .allocate(capacity: array.count)
        _ = elements.initialize(from: array)
    }

    deinit { elements.deallocate() }
}

/// Blocks and models against PyTorch's: `nn.MultiheadAttention`, `nn.TransformerEncoder`, `nn.TransformerDecoder`, and a
/// Llama of its functions.
struct PyTorchTests {
    private static func attention(
        _ fixture: Fixture, _ source: MultiHeadAttention.Source, _ run: ModelRun
    ) throws -> MultiHeadAttention {
        try MultiHeadAttention(
            query: fixture.linear("q"), key: fixture.linear("k"), value: fixture.linear("v"),
            output: fixture.linear("o"), heads: 4, source: source, execution: run.execution)
    }

    @Test(arguments: ModelRun.all) func selfAttentionUnderEveryMask(run: ModelRun) throws {
        let fixture = try Fixture("self_attention")
        let block = try Self.attention(fixture, .itself, run)
        let cases: [(String, AttentionOptions)] = [
            ("plain", AttentionOptions()),
            ("hidden", AttentionOptions(mask: .drop(try fixture.mask("hidden")))),
            ("bias", AttentionOptions(bias: try fixture.tensor("bias"))),
            ("padded", AttentionOptions(keyLengths: [7, 5])),
        ]
        for (name, options) in cases {
            for returning in [ReturnedWeights.perHead, .averaged] {
                let result = try block(
                    query: fixture.tensor("x"), options: options, returning: returning, kernel: run.kernel,
                    execution: run.execution)
                #expect(try fixture.difference(result.output, name + ".output") < 2e-6, "\(name)")
                let weights = name + (returning == .averaged ? ".mean" : ".weights")
                #expect(try fixture.difference(result.weights, weights) < 1e-6, "\(weights)")
            }
        }
    }

    @Test(arguments: ModelRun.all) func crossAttentionOfEqualAndOtherWidths(run: ModelRun) throws {
        for name in ["cross_attention", "cross_attention_widths"] {
            let fixture = try Fixture(name)
            let block = try Self.attention(fixture, .other, run)
            let result = try block(
                query: fixture.tensor("x"), key: fixture.tensor("key"),
                value: name == "cross_attention" ? nil : fixture.tensor("value"), returning: .perHead,
                kernel: run.kernel, execution: run.execution)
            #expect(try fixture.difference(result.output, "output") < 2e-6)
            #expect(try fixture.difference(result.weights, "weights") < 1e-6)
        }
    }

    @Test(arguments: ModelRun.all) func encoderAndDecoderOfBothPlacements(run: ModelRun) throws {
        for placement in NormPlacement.allCases {
            let fixture = try Fixture(placement == .pre ? "pre_norm" : "post_norm")
            let model = try EncoderDecoderModel(
                Self.configuration(placement), weights: fixture, execution: run.execution)
            let source = try fixture.tokens("source")
            let encoded = try model.encode([source], kernel: run.kernel)[0]
            #expect(try fixture.difference(encoded, "expected.encoded") < 1e-5, "\(placement)")
            let logits = try model.logits(source: source, target: fixture.tokens("target"), kernel: run.kernel)
            #expect(try fixture.difference(logits, "expected.logits") < 1e-5, "\(placement)")
        }
    }

    /// The layers one by one on tensors: sequences of a batch side by side, one of them shorter.
    @Test(arguments: ModelRun.all) func layersOnTensors(run: ModelRun) throws {
        for placement in NormPlacement.allCases {
            let fixture = try Fixture(placement == .pre ? "pre_norm" : "post_norm")
            let configuration = Self.configuration(placement)
            let model = try EncoderDecoderModel(configuration, weights: fixture, execution: run.execution)
            let (source, target) = (try fixture.tokens("source"), try fixture.tokens("target"))
            let x = try twice(fixture, "encoder", source)
            let lengths = [source.count, source.count - 3]
            var encoded = x
            for layer in model.encoder.layers {
                encoded = try layer(encoded, lengths: lengths, kernel: run.kernel, execution: run.execution)
            }
            let whole = try model.encoder(x, lengths: lengths, kernel: run.kernel, execution: run.execution)
            if let norm = model.encoder.finalNorm {
                encoded = try norm(encoded, execution: run.execution)
            } else {
                #expect(encoded == whole)
            }
            #expect(try fixture.difference(first(whole), "expected.encoded") < 1e-5, "\(placement)")
            #expect(try fixture.difference(first(encoded), "expected.encoded") < 1e-5, "\(placement)")
            #expect(whole.elements.suffix(3 * 32).allSatisfy { $0 == 0 })
            var y = try twice(fixture, "decoder", target)
            for layer in model.decoder.layers {
                y = try layer(
                    y, source: whole, sourceLengths: lengths, kernel: run.kernel, execution: run.execution)
            }
            if let norm = model.decoder.finalNorm { y = try norm(y, execution: run.execution) }
            let logits = try model.decoder.head(first(y), execution: run.execution)
            #expect(try fixture.difference(logits, "expected.logits") < 1e-5, "\(placement)")
        }
    }

    @Test func layersNameWhatDoesNotFit() throws {
        let fixture = try Fixture("pre_norm")
        let model = try EncoderDecoderModel(Self.configuration(.pre), weights: fixture)
        let (encoder, decoder) = (model.encoder.layers[0], model.decoder.layers[0])
        func subject(_ body: () throws -> Void) -> String? {
            (#expect(throws: TransformerError.self) { try body() })?.subject
        }
        let x = try Tensor(shape: [2, 3, 32])
        #expect(subject { _ = try encoder(Tensor(shape: [2, 3, 31])) } == "x")
        #expect(subject { _ = try encoder(Tensor(shape: [3, 32])) } == "x")
        #expect(subject { _ = try encoder(x, lengths: [3]) } == "lengths")
        #expect(subject { _ = try encoder(x, lengths: [3, 4]) } == "lengths")
        #expect(subject { _ = try decoder(x) } == "source")
        #expect(subject { _ = try decoder(x, source: Tensor(shape: [1, 3, 32])) } == "source")
        #expect(subject { _ = try model.decoder.makeContext() } == "layers")
        let other = EncoderLayer(
            attention: try #require(decoder.crossAttention), attentionNorm: encoder.attentionNorm.norm,
            feedForward: encoder.feedForward, feedForwardNorm: encoder.feedForwardNorm.norm, placement: .pre)
        #expect(subject { _ = try other(x) } == "attention")
        let rounded = try EncoderDecoderModel(Self.configuration(.pre), weights: fixture, precision: .bfloat16)
        #expect(subject { _ = try rounded.encoder(x) } == "precision")
    }

    /// The embedded tokens as both sequences of a batch.
    private func twice(_ fixture: Fixture, _ stack: String, _ tokens: [Int]) throws -> Tensor {
        let words = try fixture.tensor(stack + ".tok_embedding.weight")
        let positions = try fixture.tensor(stack + ".pos_embedding.weight")
        let factor = Float(32).squareRoot()
        return try Tensor(shape: [2, tokens.count, 32]) { index in
            let (row, column) = (index / 32 % tokens.count, index % 32)
            return factor * words[tokens[row], column] + positions[row, column]
        }
    }

    /// The first sequence of a batch.
    private func first(_ x: Tensor) throws -> Tensor {
        try Tensor(shape: Array(x.shape[1...]), elements: Array(x.elements.prefix(x.shape[1] * x.shape[2])))
    }

    private static func configuration(_ placement: NormPlacement) -> EncoderDecoderConfiguration {
        EncoderDecoderConfiguration(
            sourceVocabularySize: 13, targetVocabularySize: 13, hiddenSize: 32, encoderLayerCount: 2,
            decoderLayerCount: 2, headCount: 4, feedForwardSize: 56, maximumLength: 20, normPlacement: placement,
            activation: placement == .pre ? .gelu : .relu, startToken: 0, endToken: 1)
    }

    @Test(arguments: ModelRun.all) func llama(run: ModelRun) throws {
        let fixture = try Fixture("llama")
        let configuration = LlamaConfiguration(
            vocabularySize: 17, hiddenSize: 40, layerCount: 2, headCount: 5, kvHeadCount: 1, headSize: 8,
            feedForwardSize: 64, contextLength: 16, tiesOutput: false, naming: .huggingFace)
        let context = try LlamaModel(configuration, weights: fixture, execution: run.execution)
            .makeContext(kernel: run.kernel)
        let tokens = try fixture.tokens("tokens")
        #expect(try fixture.difference(context.logits(of: tokens), "expected.logits") < 1e-5)
    }
}
