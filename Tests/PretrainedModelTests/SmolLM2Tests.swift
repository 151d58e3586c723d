import AttentionKernels
import Foundation
import GGUF
import PretrainedModels
import Safetensors
import TestSupport
import Testing
import Tokenizers
import Transformer

@Suite(.serialized, Models.needs("smollm2")) struct SmolLM2Tests {
    private struct Prompt: Decodable {
        var prompt: String
        var ids: [Int]
        var greedyIds: [Int]
        var greedyText: String

        enum CodingKeys: String, CodingKey {
            case prompt, ids
            case greedyIds = "greedy_ids"
            case greedyText = "greedy_text"
        }
    }

    private let prompts: [Prompt]
    private let file: SafetensorsFile

    init() throws {
        prompts = try Models.json(Models.reference("smollm2/reference.json"))
        file = try SafetensorsFile(path: Models.reference("smollm2/reference.safetensors"))
    }

    @Test func sizesAndTokens() throws {
        let chat = try ChatModel(folder: Models.folder("smollm2"))
        let configuration = chat.model.configuration
        #expect(configuration.layerCount == 30 && configuration.headCount == 9 && configuration.kvHeadCount == 3)
        #expect(configuration.hiddenSize == 576 && configuration.headSize == 64 && configuration.tiesOutput)
        #expect(configuration.rotary.base == 100_000 && configuration.contextLength == 8192)
        #expect(chat.endToken == 2)
        for prompt in prompts {
            #expect(chat.tokens(of: prompt.prompt) == prompt.ids)
            #expect(try chat.tokenizer.decode(prompt.ids, skipsSpecialTokens: false) == prompt.prompt)
            #expect(try chat.tokenizer.decode(prompt.greedyIds) == prompt.greedyText)
        }
        let message = try chat.tokens(ofMessage: "What is 2+2?")
        #expect(
            try chat.tokenizer.decode(message, skipsSpecialTokens: false)
                == "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
                + prompts[1].prompt)
        let own = try chat.tokens(ofMessage: "Hi", system: "Be brief.")
        #expect(try chat.tokenizer.decode(own).hasPrefix("system\nBe brief.\nuser\nHi"))
    }

    @Test(arguments: Models.configurations) func logitsAndGreedyTokens(_ configuration: KernelConfiguration) throws {
        let model = try Self.model(configuration.execution)
        for (index, prompt) in prompts.enumerated() {
            let context = try model.makeContext(capacity: 64, kernel: configuration.kernel)
            try context.append(prompt.ids)
            let logits = context.withLogits(0) { row in row.indices.map { row[$0] } }
            let expected = try Models.doubles(file, index == 0 ? "logits0_f64" : "logits3_f64")
            #expect(largestDifference(logits, expected) <= 2e-4)
            var ids: [Int] = []
            while ids.count < prompt.greedyIds.count {
                ids.append(context.withLogits(0) { row in row.indices.max { row[$0] < row[$1] } ?? 0 })
                try context.append([ids[ids.count - 1]])
            }
            #expect(ids == prompt.greedyIds)
        }
    }

    /// The model without its tokenizer, which takes longer to read than the weights.
    private static func model(_ execution: Execution) throws -> LlamaModel {
        let folder = URL(fileURLWithPath: Models.folder("smollm2"))
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        let name = try #require(names.first { $0.hasSuffix(".gguf") })
        let file = try GGUFFile(path: folder.appendingPathComponent(name).path)
        return try LlamaModel(LlamaConfiguration(file), weights: file, execution: execution)
    }

    /// A token's logits have the same bits from a cache and from all tokens at once.
    @Test func cachedLogitsHaveTheBitsOfAFullRun() throws {
        let chat = try ChatModel(folder: Models.folder("smollm2"))
        let tokens = prompts[1].ids + prompts[1].greedyIds
        let context = try chat.model.makeContext(capacity: 64)
        let whole = try context.logits(of: tokens)
        try context.truncate(0)
        let width = whole.shape[1]
        for (row, token) in tokens.enumerated() {
            try context.append([token])
            let same = context.withLogits(0) { logits in
                logits.indices.allSatisfy { logits[$0] == whole.elements[row * width + $0] }
            }
            #expect(same, "token \(row)")
        }
    }
}
