import AttentionKernels
import PretrainedModels
import Safetensors
import TestSupport
import Testing

@Suite(.serialized, Models.needs("minilm")) struct MiniLMTests {
    private let sentences: [String]
    private let reference: SafetensorsFile

    init() throws {
        sentences = try Models.json(Models.reference("minilm/sentences.json"))
        reference = try SafetensorsFile(path: Models.reference("minilm/reference.safetensors"))
    }

    @Test func tokensOfTheReference() throws {
        let encoder = try SentenceEncoder(folder: Models.folder("minilm"))
        #expect(encoder.maximumLength == 256)
        let ids = try reference.tensor("input_ids").integers()
        let mask = try reference.tensor("attention_mask").integers()
        for (index, sentence) in sentences.enumerated() {
            let row = index * 256..<(index + 1) * 256
            #expect(encoder.tokens(of: sentence) == zip(ids[row], mask[row]).filter { $0.1 == 1 }.map(\.0))
        }
    }

    @Test(arguments: Models.configurations) func embeddingsOfTheReference(_ configuration: KernelConfiguration) throws {
        let encoder = try SentenceEncoder(folder: Models.folder("minilm"), execution: configuration.execution)
        let expected = try Models.doubles(reference, "embeddings_f64")
        let embeddings = try encoder.embeddings(of: sentences, kernel: configuration.kernel)
        #expect(embeddings.shape == [6, 384])
        #expect(largestDifference(embeddings.elements, expected) <= 2e-6)
        // Alone, and in groups of two, the bits are the same.
        let grouped = try encoder.embeddings(of: sentences, kernel: configuration.kernel, tokensPerCall: 12)
        #expect(grouped.elements == embeddings.elements)
    }

    @Test func hiddenStatesOfTheReference() throws {
        let encoder = try SentenceEncoder(folder: Models.folder("minilm"))
        let expected = try Models.doubles(reference, "last_hidden_sentence0_f64")
        let states = try encoder.model.makeContext().hiddenStates(of: encoder.tokens(of: sentences[0]))
        #expect(states.shape == [7, 384])
        #expect(largestDifference(states.elements, expected) <= 2e-5)
    }

    @Test func bfloat16IsClose() throws {
        let encoder = try SentenceEncoder(folder: Models.folder("minilm"), precision: .bfloat16)
        let expected = try Models.doubles(reference, "embeddings_f64")
        let embeddings = try encoder.embeddings(of: sentences).elements
        for row in sentences.indices {
            let range = row * 384..<(row + 1) * 384
            let cosine = zip(embeddings[range], expected[range]).reduce(0) { $0 + Double($1.0) * $1.1 }
            #expect(cosine > 0.9995)
        }
    }

    @Test func attentionOfASentence() throws {
        let encoder = try SentenceEncoder(folder: Models.folder("minilm"))
        let tokens = encoder.tokens(of: "The cat sits outside")
        let maps = try encoder.model.makeContext().attentionWeights(of: tokens)
        #expect(maps.count == 6)
        for map in maps {
            #expect(map.shape == [12, tokens.count, tokens.count])
            for row in 0..<12 * tokens.count {
                let sum = map.elements[row * tokens.count..<(row + 1) * tokens.count].reduce(0, +)
                #expect(abs(sum - 1) < 1e-5)
            }
        }
    }

    @Test func search() throws {
        let encoder = try SentenceEncoder(folder: Models.folder("minilm"))
        let search = SimilaritySearch(embeddings: try encoder.embeddings(of: sentences))
        let matches = try search.matches(encoder.embeddings(of: ["Somebody has a meal."]), count: 2)
        #expect(Set(matches.map(\.index)) == [2, 3])
        #expect(matches[0].similarity > matches[1].similarity && matches[0].similarity < 1)
        #expect(try search.matches(encoder.embeddings(of: ["x"]), count: 100).count == 6)
    }

    @Test func textsOfAnyKind() throws {
        let encoder = try SentenceEncoder(folder: Models.folder("minilm"))
        let long = String(repeating: "word ", count: 1000)
        #expect(encoder.tokens(of: long).count == 256)
        let embeddings = try encoder.embeddings(of: ["", "\0", "😀", long])
        for row in 0..<4 {
            let squares = embeddings.elements[row * 384..<(row + 1) * 384].reduce(0) { $0 + $1 * $1 }
            #expect(abs(squares - 1) < 1e-5)
        }
        #expect(try encoder.embeddings(of: []).shape == [0, 384])
    }
}
