import AttentionKernels
import PretrainedModels
import Testing
import Tokenizers
import Transformer

/// The examples of the article "From the formulas to the code", and the numbers it gives.
@Suite(.serialized) struct ArticleTests {
    @Test(Models.needs("minilm")) func theSentence() throws {
        let encoder = try SentenceEncoder(folder: Models.folder("minilm"))
        let tokens = encoder.tokens(of: "Attention is all you need.")
        #expect(tokens == [101, 3086, 2003, 2035, 2017, 2342, 1012, 102])

        let (q, k, v) = (
            try Tensor(shape: [1, 12, 8, 32]), try Tensor(shape: [1, 12, 8, 32]), try Tensor(shape: [1, 12, 8, 32])
        )
        let attended = try AttentionKernel.fused.forward(query: q, key: k, value: v)
        #expect(attended.shape == [1, 12, 8, 32])

        let context = encoder.model.makeContext()
        let maps = try context.attentionWeights(of: tokens)
        let need = maps[0].elements[(2 * 8 + 5) * 8 + 4]
        #expect(need > 0.9995)
        #expect(abs(maps[0].elements[(2 * 8 + 2) * 8 + 1] - 0.9997) < 1e-4)
        #expect(abs(maps[3].elements[(1 * 8 + 5) * 8 + 1] - 0.951) < 1e-3)

        let states = try context.hiddenStates(of: tokens)
        #expect(states.shape == [8, 384])

        let sentences = ["A man is eating food.", "A man is eating a piece of bread.", "The cat sits outside"]
        let search = SimilaritySearch(embeddings: try encoder.embeddings(of: sentences))
        let matches = try search.matches(encoder.embeddings(of: ["somebody has lunch"]), count: 2)
        #expect(matches.map(\.index) == [0, 1])
        #expect(abs(matches[0].similarity - 0.459) < 1e-3 && abs(matches[1].similarity - 0.390) < 1e-3)
        #expect(sentences.map { encoder.tokens(of: $0).count } == [8, 11, 6])
    }

    @Test(Models.needs("smollm2")) func theAnswer() throws {
        let chat = try ChatModel(folder: Models.folder("smollm2"))
        let prompt = try chat.tokens(ofMessage: "What is 2+2?")
        let answer = try generate(
            chat.model.makeContext(capacity: 100), prompt: prompt,
            options: GenerationOptions(maximumTokens: 20, stopTokens: [chat.endToken]))
        #expect(try chat.tokenizer.decode(answer.tokens) == "The answer to this classic math problem is 4.")
    }
}
