import AttentionKernels
import GGUF
import PretrainedModels
import TestSupport
import Testing
import Tokenizers
import Transformer

/// The file of a Llama, damaged.
@Suite struct DamagedModelTests {
    private func answer(_ folder: TemporaryFolder) throws -> [Int] {
        let chat = try ChatModel(folder: folder.path, execution: Execution(threads: 1))
        let prompt = chat.tokens(of: "abcab")
        let capacity = min(8, chat.model.configuration.contextLength)
        let context = try chat.model.makeContext(capacity: capacity)
        let options = GenerationOptions(maximumTokens: 4, stopTokens: [chat.endToken])
        return try generate(context, prompt: prompt.isEmpty ? [0] : prompt, options: options).tokens
    }

    /// However the file is damaged, the folder is refused with one error or gives a model that answers.
    @Test func damagedFiles() throws {
        let folder = try TemporaryFolder()
        let file = SmallLlama.file(isQuantized: true)
        let whole = file.bytes
        try folder.write("model.gguf", whole)
        #expect(try answer(folder).count == 4)
        // Most damage should strike what stands before the tensors' bytes.
        let dataStart = whole.count - file.tensors.reduce(0) { $0 + $1.data.count }
        var mutator = Mutator(seed: 7)
        var answered = 0
        try Mutator.forEachRound(of: "model") { round in
            let damaged =
                round % 8 == 0
                ? mutator.damage(whole) : mutator.damage(Array(whole[..<dataStart])) + whole[dataStart...]
            try folder.write("model.gguf", damaged)
            do {
                #expect(try answer(folder).allSatisfy { $0 >= 0 })
                answered += 1
            } catch {
                #expect(
                    error is GGUFError || error is PretrainedModelError || error is TokenizerError
                        || error is TransformerError || error is KernelError, "\(error)")
            }
        }
        #expect(answered > Mutator.count / 50 && answered < Mutator.count)
    }
}
