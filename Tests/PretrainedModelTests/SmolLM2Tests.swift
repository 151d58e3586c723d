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
        let prompt, greedyText: String
        let ids, greedyIds: [Int]
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
        let model = try Self.model(.float32, configuration.execution)
        try check(model, configuration.kernel, tolerance: 2e-4)
    }

    /// Rounding moves logits by some hundredths, and these answers not at all.
    @Test(arguments: InstructionSet.available) func roundedToBFloat16(instructionSet: InstructionSet) throws {
        let model = try Self.model(.bfloat16, Execution(threads: 2, instructionSet: instructionSet))
        try check(model, .fused, tolerance: 0.5)
    }

    /// Integers of 16 bits move logits by some thousandths.
    @Test(arguments: InstructionSet.available) func roundedToIntegers(instructionSet: InstructionSet) throws {
        let model = try Self.model(.integer16, Execution(threads: 2, instructionSet: instructionSet))
        try check(model, .fused, tolerance: 5e-3)
    }

    /// Token by token from the cache: the reference's logits and answers, and the bits of all tokens at once.
    private func check(_ model: LlamaModel, _ kernel: AttentionKernel, tolerance: Double) throws {
        for (index, prompt) in prompts.enumerated() {
            let context = try model.makeContext(capacity: 64, kernel: kernel)
            var logits: [[Float]] = []
            for token in prompt.ids.dropLast() {
                try context.append([token])
                logits.append(context.firstLogits)
            }
            let options = GenerationOptions(maximumTokens: prompt.greedyIds.count)
            let answer = try generate(context, prompt: prompt.ids.suffix(1), options: options) { _ in
                logits.append(context.firstLogits)
                return true
            }
            #expect(answer.tokens == prompt.greedyIds)
            let expected = try Models.doubles(file, index == 0 ? "logits0_f64" : "logits3_f64")
            #expect(largestDifference(logits[prompt.ids.count - 1], expected) <= tolerance)
            #expect(try context.positionsWithOtherBits(of: prompt.ids + answer.tokens.dropLast(), than: logits) == [])
        }
    }

    /// The model without its tokenizer, which takes longer to read than the weights.
    private static func model(_ precision: Precision, _ execution: Execution) throws -> LlamaModel {
        let folder = URL(fileURLWithPath: Models.folder("smollm2"))
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        let name = try #require(names.first { $0.hasSuffix(".gguf") })
        let file = try GGUFFile(path: folder.appendingPathComponent(name).path)
        return try LlamaModel(LlamaConfiguration(file), weights: file, precision: precision, execution: execution)
    }
}
