import AttentionKernels
import Foundation
import Safetensors
import Testing
import Transformer

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
            let configuration = EncoderDecoderConfiguration(
                sourceVocabularySize: 13, targetVocabularySize: 13, hiddenSize: 32, encoderLayerCount: 2,
                decoderLayerCount: 2, headCount: 4, feedForwardSize: 56, maximumLength: 20,
                normPlacement: placement, activation: placement == .pre ? .gelu : .relu, startToken: 0, endToken: 1)
            let model = try EncoderDecoderModel(configuration, weights: fixture, execution: run.execution)
            let source = try fixture.tokens("source")
            let encoded = try model.encode([source], kernel: run.kernel)[0]
            #expect(try fixture.difference(encoded, "expected.encoded") < 1e-5, "\(placement)")
            let logits = try model.logits(source: source, target: fixture.tokens("target"), kernel: run.kernel)
            #expect(try fixture.difference(logits, "expected.logits") < 1e-5, "\(placement)")
        }
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
