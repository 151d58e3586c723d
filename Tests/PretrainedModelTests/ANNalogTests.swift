import AttentionKernels
import Foundation
import PretrainedModels
import Safetensors
import TestSupport
import Testing
import Transformer

@Suite(.serialized, Models.needs("annalog")) struct ANNalogTests {
    private struct Reference: Decodable {
        var smiles: [String]
        var greedy: [String]
        var itos: [String]
    }

    private let texts: Reference
    private let file: SafetensorsFile

    init() throws {
        texts = try Models.json(Models.reference("annalog/reference.json"))
        file = try SafetensorsFile(path: Models.reference("annalog/reference.safetensors"))
    }

    @Test func sizesAndTokens() throws {
        let translator = try SequenceTranslator(folder: Models.folder("annalog"))
        let configuration = translator.model.configuration
        #expect(configuration.encoderLayerCount == 3 && configuration.decoderLayerCount == 3)
        #expect(configuration.hiddenSize == 256 && configuration.headCount == 8 && configuration.feedForwardSize == 512)
        #expect(configuration.maximumLength == 102)
        #expect((0..<59).map { translator.tokenizer.token($0) } == texts.itos)
        let source = try file.tensor("src").integers()
        for (index, smiles) in texts.smiles.enumerated() {
            let ids = source[index * 30..<(index + 1) * 30].filter { $0 != 1 }
            #expect(try translator.tokens(of: smiles) == Array(ids))
            #expect(try translator.tokenizer.decode(Array(ids)) == smiles)
        }
        let long = String(repeating: "C", count: 101)
        #expect(throws: PretrainedModelError.self) { try translator.tokens(of: long) }
    }

    @Test(arguments: Models.configurations) func logitsAndGreedyAnswers(_ configuration: KernelConfiguration) throws {
        let translator = try SequenceTranslator(folder: Models.folder("annalog"), execution: configuration.execution)
        let (model, kernel) = (translator.model, configuration.kernel)
        let encoded = try Models.doubles(file, "encoder_out_f64")
        let logits = try Models.doubles(file, "logits_f64")
        for (index, smiles) in texts.smiles.enumerated() {
            let source = try translator.tokens(of: smiles)
            let states = try model.encode([source], kernel: kernel)[0]
            let count = source.count * 256
            #expect(largestDifference(states.elements, encoded[index * 30 * 256..<index * 30 * 256 + count]) <= 2e-5)
            let target = Array(source.dropLast())
            let found = try model.logits(source: source, target: target, kernel: kernel)
            let start = index * 29 * 59
            #expect(largestDifference(found.elements, logits[start..<start + target.count * 59]) <= 2e-4)
            #expect(try Self.answer(translator, source, kernel) == texts.greedy[index])
        }
    }

    @Test func lossOfTheReference() throws {
        let translator = try SequenceTranslator(folder: Models.folder("annalog"))
        var (sum, count) = (0.0, 0)
        for smiles in texts.smiles {
            let source = try translator.tokens(of: smiles)
            let logits = try translator.model.logits(source: source, target: Array(source.dropLast())).elements
            for (row, token) in source.dropFirst().enumerated() {
                let scores = logits[row * 59..<(row + 1) * 59].map(Double.init)
                let largest = scores.max() ?? 0
                sum += largest + log(scores.reduce(0) { $0 + exp($1 - largest) }) - scores[token]
                count += 1
            }
        }
        let expected = try Models.doubles(file, "loss_of_these_three_f64")[0]
        #expect(abs(sum / Double(count) - expected) < 1e-5)
    }

    /// The most likely token each time, with the cache, whose logits have the bits of all tokens at once.
    private static func answer(
        _ translator: SequenceTranslator, _ source: [Int], _ kernel: AttentionKernel
    ) throws -> String {
        let (model, tokenizer) = (translator.model, translator.tokenizer)
        let context = try model.makeContext(sources: [source], kernel: kernel)
        var logits: [[Float]] = []
        let options = GenerationOptions(maximumTokens: context.capacity, stopTokens: [tokenizer.endToken])
        let answer = try generate(context, prompt: [tokenizer.startToken], options: options) { _ in
            logits.append(context.firstLogits)
            return true
        }
        #expect(answer.reason == .stopToken)
        logits.append(context.firstLogits)
        #expect(try context.positionsWithOtherBits(of: [tokenizer.startToken] + answer.tokens, than: logits) == [])
        return try tokenizer.decode(answer.tokens)
    }
}
