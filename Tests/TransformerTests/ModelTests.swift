import AttentionKernels
import TestSupport
import Testing

@testable import Transformer

/// A way to run a model.
struct ModelRun: Sendable, CustomStringConvertible {
    let kernel: AttentionKernel
    let configuration: Configuration
    var description: String { "\(kernel.rawValue), \(configuration)" }
    var execution: Execution { configuration.execution }

    /// Every kernel and instruction set on one thread and on two.
    static let all: [ModelRun] = AttentionKernel.allCases.flatMap { kernel in
        InstructionSet.available.flatMap { set in
            [1, 2].map { ModelRun(kernel: kernel, configuration: Configuration(set, threads: $0)) }
        }
    }
}

private func error(_ candidate: [Float], _ oracle: [Double]) -> Double {
    precondition(candidate.count == oracle.count)
    return zip(candidate, oracle).map { (Double($0) - $1).magnitude }.max() ?? 0
}

/// BERT against the formulas in double precision.
struct BERTModelTests {
    private static let sentences = [
        [1, 2, 3, 4, 5], [9], [30, 31, 32, 33, 34], Array(0..<50) + Array(0..<17), [7, 7],
    ]

    @Test(arguments: ModelRun.all)
    func embeddingsAgreeWithDoublePrecision(run: ModelRun) throws {
        let weights = try RandomWeights(BERTConfiguration.small.shapes, seed: 1)
        let model = try BERTModel(.small, weights: weights, execution: run.execution)
        let context = model.makeContext(kernel: run.kernel)
        let embeddings = try context.embeddings(of: Self.sentences)
        #expect(embeddings.shape == [5, 48])
        for (index, sentence) in Self.sentences.enumerated() {
            let hidden = referenceBERT(.small, weights, sentence).hidden
            let mean = (0..<48).map { c in (0..<hidden.rows).reduce(0.0) { $0 + hidden[$1, c] } }
            let norm = mean.reduce(0) { $0 + $1 * $1 }.squareRoot()
            let row = Array(embeddings.elements[index * 48..<(index + 1) * 48])
            #expect(error(row, mean.map { $0 / norm }) < 1e-6)
            // Alone a sentence has the bits it has in company, in any order.
            #expect(bits(try context.embeddings(of: [sentence]).elements) == bits(row))
        }
        let states = try context.hiddenStates(of: Self.sentences[3])
        #expect(error(states.elements, referenceBERT(.small, weights, Self.sentences[3]).hidden.elements) < 1e-5)
    }

    @Test func attentionWeightsAreThoseOfEveryLayerAndHead() throws {
        let weights = try RandomWeights(BERTConfiguration.small.shapes, seed: 2)
        let context = try BERTModel(.small, weights: weights).makeContext()
        let maps = try context.attentionWeights(of: Self.sentences[2])
        let oracle = referenceBERT(.small, weights, Self.sentences[2]).weights
        #expect(maps.map(\.shape) == [[4, 5, 5], [4, 5, 5]])
        for (map, heads) in zip(maps, oracle) {
            #expect(error(map.elements, heads.flatMap(\.elements)) < 1e-6)
        }
    }

    @Test(arguments: InstructionSet.available)
    func roundedToBFloat16ItStaysNear(instructionSet: InstructionSet) throws {
        let weights = try RandomWeights(BERTConfiguration.small.shapes, seed: 3)
        let model = try BERTModel(
            .small, weights: weights, precision: .bfloat16, execution: Execution(instructionSet: instructionSet))
        let context = model.makeContext()
        let embeddings = try context.embeddings(of: Self.sentences)
        let exact = try BERTModel(.small, weights: weights).makeContext().embeddings(of: Self.sentences)
        // Unit vectors of 48 numbers: an error of 2^-8 in each operand of a dozen products.
        let distance = error(embeddings.elements, exact.elements.map(Double.init))
        #expect(distance < 0.02 && distance > 1e-5)
        for (index, sentence) in Self.sentences.enumerated() {
            let row = Array(embeddings.elements[index * 48..<(index + 1) * 48])
            #expect(bits(try context.embeddings(of: [sentence]).elements) == bits(row), "sentence \(index)")
        }
    }

    @Test func errorsNameWhatIsWrong() throws {
        let weights = try RandomWeights(BERTConfiguration.small.shapes, seed: 1)
        let context = try BERTModel(.small, weights: weights).makeContext()
        func message(_ sequences: [[Int]]) -> String {
            (#expect(throws: TransformerError.self) { try context.embeddings(of: sequences) })?.description ?? ""
        }
        #expect(message([[1], []]) == "sequences: sequence 1 has 0 tokens; it should have 1 ... 70")
        #expect(message([[Int](repeating: 1, count: 71)]).contains("71 tokens"))
        #expect(message([[1, 50]]).contains("token 1 of sequence 0 is 50; it should be in 0 ..< 50"))
        #expect(try context.embeddings(of: []).shape == [0, 48])
        var wider = BERTConfiguration.small
        wider.feedForwardSize = 81
        let shape = #expect(throws: TransformerError.self) { try BERTModel(wider, weights: weights) }
        #expect(
            shape?.reason == .shapeMismatch && shape?.description.contains("[80, 48]; it should be [81, 48]") == true)
        wider = .small
        wider.layerCount = 3
        let missing = #expect(throws: TransformerError.self) { try BERTModel(wider, weights: weights) }
        #expect(missing?.reason == .missingTensor && missing?.subject.hasPrefix("encoder.layer.2.") == true)
        wider.headCount = 5
        #expect(throws: TransformerError.self) { try BERTModel(wider, weights: weights) }
    }
}

/// Llama against the formulas in double precision, and decoding against prefill.
struct LlamaModelTests {
    private static let tokens = [3, 60, 17, 17, 0, 41, 9, 22, 5, 33, 60, 2]

    @Test(arguments: ModelRun.all)
    func logitsAgreeWithDoublePrecision(run: ModelRun) throws {
        let weights = try RandomWeights(LlamaConfiguration.small().shapes, seed: 4)
        let model = try LlamaModel(.small(), weights: weights, execution: run.execution)
        let context = try model.makeContext(kernel: run.kernel)
        let logits = try context.logits(of: Self.tokens)
        #expect(error(logits.elements, referenceLlama(.small(), weights, Self.tokens).logits.elements) < 1e-5)
        // Token by token through the cache: the same bits.
        try context.truncate(0)
        for (index, token) in Self.tokens.enumerated() {
            try context.step([token].span)
            let row = context.withLogits(0) { span in span.indices.map { span[$0] } }
            #expect(bits(row) == bits(Array(logits.elements[index * 64..<(index + 1) * 64])), "token \(index)")
        }
    }

    @Test(arguments: [WeightFormat.q8_0, .q4_0, .q4_1], Precision.allCases)
    func quantizedWeightsDecodeWithTheBitsOfThePrefill(format: WeightFormat, precision: Precision) throws {
        for set in InstructionSet.available {
            let weights = try RandomWeights(LlamaConfiguration.small().shapes, seed: 5, format: format)
            let model = try LlamaModel(
                .small(), weights: weights, precision: precision, execution: Execution(threads: 2, instructionSet: set))
            let context = try model.makeContext(sequenceCount: 2)
            let logits = try context.logits(of: Self.tokens)
            let bound =
                switch precision {
                case .float32: 1e-5
                case .integer16: 1e-3
                case .bfloat16: 0.15
                }
            #expect(error(logits.elements, referenceLlama(.small(), weights, Self.tokens).logits.elements) < bound)
            // A prompt in two parts, the rest token by token beside another sequence.
            try context.truncate(0)
            try context.append(Array(Self.tokens[..<3]))
            try context.append(Array(Self.tokens[3..<6]))
            try context.append([50, 51], to: 1)
            for index in 6..<Self.tokens.count {
                try context.step([Self.tokens[index], index].span)
                let row = context.withLogits(0) { span in span.indices.map { span[$0] } }
                #expect(bits(row) == bits(Array(logits.elements[index * 64..<(index + 1) * 64])), "\(set) \(index)")
            }
        }
    }

    @Test func aLongPromptInPartsHasTheBitsOfOneCall() throws {
        var configuration = LlamaConfiguration.small()
        configuration.contextLength = 1100
        let model = try LlamaModel(configuration, weights: RandomWeights(configuration.shapes, seed: 9))
        let tokens = (0..<1050).map { $0 * 7 % 64 }
        let whole = try model.makeContext().logits(of: tokens).elements.suffix(64)
        let context = try model.makeContext()
        try context.append(tokens)
        #expect(bits(context.withLogits(0) { span in span.indices.map { span[$0] } }) == bits(Array(whole)))
        #expect(throws: TransformerError.self) { try context.append([Int](repeating: 1, count: 51)) }
        #expect(context.length(0) == 1050)
    }

    @Test func logitsComeInOrderAndAFailureLeavesNothing() throws {
        struct Enough: Error {}
        var configuration = LlamaConfiguration.small()
        configuration.contextLength = 300
        let context = try LlamaModel(configuration, weights: RandomWeights(configuration.shapes, seed: 9)).makeContext()
        let tokens = (0..<290).map { $0 * 7 % 64 }
        let whole = try context.logits(of: tokens)
        #expect(whole.shape == [290, 64] && context.length(0) == 290)
        var seen = 0
        try context.forEachLogits(of: tokens) { position, row in
            #expect(position == seen && row.indices.allSatisfy { row[$0] == whole[position, $0] })
            seen += 1
        }
        #expect(seen == 290)
        #expect(throws: Enough.self) {
            try context.forEachLogits(of: tokens) { position, _ in if position == 200 { throw Enough() } }
        }
        #expect(context.length(0) == 0)
        // Tokens that are refused leave what is there.
        try context.append([3, 1, 4])
        for wrong in [[], [64], [Int](repeating: 0, count: 301)] {
            let error = #expect(throws: TransformerError.self) { try context.logits(of: wrong) }
            #expect(error?.subject == "tokens")
            let other = #expect(throws: TransformerError.self) { try context.attentionWeights(of: wrong) }
            #expect(other?.subject == "tokens" && context.length(0) == 3)
        }
        // As many as there is room for, whatever is there.
        #expect(try context.attentionWeights(of: [Int](repeating: 0, count: 300)).tokens[0].shape == [6, 300, 300])
    }

    @Test(arguments: ModelRun.all)
    func attentionWeightsAreThoseOfEveryLayerAndHead(run: ModelRun) throws {
        let weights = try RandomWeights(LlamaConfiguration.small().shapes, seed: 10)
        let context = try LlamaModel(.small(), weights: weights, execution: run.execution).makeContext(
            kernel: run.kernel)
        let logits = try context.logits(of: Self.tokens)
        let maps = try context.attentionWeights(of: Self.tokens)
        #expect(maps.source.isEmpty && maps.tokens.map(\.shape) == [[6, 12, 12], [6, 12, 12]])
        let oracle = referenceLlama(.small(), weights, Self.tokens).weights
        for (map, heads) in zip(maps.tokens, oracle) {
            #expect(error(map.elements, heads.flatMap(\.elements)) < 1e-6)
            // What comes later is not seen at all.
            for row in 0..<72 { #expect(map.elements[row * 12 + row % 12 + 1..<(row + 1) * 12].allSatisfy { $0 == 0 }) }
        }
        // The sequence goes on from there.
        #expect(context.length(0) == 12)
        try context.truncate(0, to: 11)
        try context.step([Self.tokens[11]].span)
        let row = context.withLogits(0) { span in span.indices.map { span[$0] } }
        #expect(bits(row) == bits(Array(logits.elements.suffix(64))))
    }

    @Test func bothNamingsAreTheSameModel() throws {
        let (c, gguf) = (LlamaConfiguration.small(), try RandomWeights(LlamaConfiguration.small().shapes, seed: 6))
        let other = Renamed(gguf, c)
        let here = try LlamaModel(c, weights: gguf).makeContext().logits(of: Self.tokens)
        let there = try LlamaModel(.small(.huggingFace), weights: other).makeContext().logits(of: Self.tokens)
        #expect(error(there.elements, here.elements.map(Double.init)) < 1e-5)
    }

    /// GGUF weights by the names of Hugging Face, with the rows of query and key in that order.
    private struct Renamed: WeightSource {
        let source: RandomWeights
        let configuration: LlamaConfiguration

        init(_ source: RandomWeights, _ configuration: LlamaConfiguration) {
            (self.source, self.configuration) = (source, configuration)
        }

        func weight(named name: String) throws -> StoredWeight? {
            var (theirs, width) = (name, 0)
            for (long, short) in [
                ("model.embed_tokens", "token_embd"), ("model.norm", "output_norm"), ("model.layers.", "blk."),
                ("self_attn.q_proj", "attn_q"), ("self_attn.k_proj", "attn_k"), ("self_attn.v_proj", "attn_v"),
                ("self_attn.o_proj", "attn_output"), ("mlp.gate_proj", "ffn_gate"), ("mlp.up_proj", "ffn_up"),
                ("mlp.down_proj", "ffn_down"), ("input_layernorm", "attn_norm"),
                ("post_attention_layernorm", "ffn_norm"),
            ] where theirs.contains(long) {
                theirs = theirs.replacing(long, with: short)
                if short == "attn_q" || short == "attn_k" { width = configuration.headSize }
            }
            guard let tensor = source.tensors[theirs], width > 0 else { return try source.weight(named: theirs) }
            let columns = tensor.shape[1]
            let moved = try Tensor(shape: tensor.shape) { index in
                let (row, column) = (index / columns, index % columns)
                let place = row % width
                let from = place < width / 2 ? 2 * place : 2 * (place - width / 2) + 1
                return tensor.elements[(row / width * width + from) * columns + column]
            }
            return try StoredWeight(name: name, moved)
        }
    }

    @Test func errorsNameWhatIsWrongAndLeaveTheSequence() throws {
        let weights = try RandomWeights(LlamaConfiguration.small().shapes, seed: 4)
        let model = try LlamaModel(.small(), weights: weights)
        let context = try model.makeContext(capacity: 6)
        try context.append([1, 2, 3, 4])
        func message(_ body: () throws -> Void) -> String {
            (#expect(throws: TransformerError.self) { try body() })?.description ?? ""
        }
        #expect(message { try context.append([1, 2, 3]) }.contains("has 4 and cannot take 3 more; its capacity is 6"))
        #expect(message { try context.append([64]) }.contains("token 0 is 64; it should be in 0 ..< 64"))
        #expect(message { try context.append([]) }.contains("there are none"))
        #expect(message { try context.step([1, 2].span) }.contains("inside 0 ..< 1"))
        #expect(context.length(0) == 4)
        #expect(message { _ = try model.makeContext(capacity: 81) }.contains("it should be in 1 ... 80"))
    }
}

/// The encoder-decoder against the formulas in double precision.
struct EncoderDecoderModelTests {
    private static let sources = [[3, 4, 5, 6, 7, 8, 9], [11], [3, 12, 19]]
    private static let target = [1, 5, 22, 8, 8, 13]

    @Test(arguments: ModelRun.all)
    func encodingAndLogitsAgreeWithDoublePrecision(run: ModelRun) throws {
        for placement in NormPlacement.allCases {
            let configuration = EncoderDecoderConfiguration.small(placement)
            let weights = try RandomWeights(configuration.shapes, seed: 7)
            let model = try EncoderDecoderModel(configuration, weights: weights, execution: run.execution)
            let encoded = try model.encode(Self.sources, kernel: run.kernel)
            for (index, source) in Self.sources.enumerated() {
                let oracle = referenceEncoderDecoder(configuration, weights, source: source, target: Self.target)
                #expect(error(encoded[index].elements, oracle.encoded.elements) < 1e-5)
                let logits = try model.logits(source: source, target: Self.target, kernel: run.kernel)
                #expect(logits.shape == [6, 23])
                #expect(error(logits.elements, oracle.logits.elements) < 2e-5)
            }
        }
    }

    @Test(arguments: NormPlacement.allCases, AttentionKernel.allCases)
    func attentionWeightsAreThoseOfEveryBlock(placement: NormPlacement, kernel: AttentionKernel) throws {
        let configuration = EncoderDecoderConfiguration.small(placement)
        let weights = try RandomWeights(configuration.shapes, seed: 11)
        let model = try EncoderDecoderModel(configuration, weights: weights)
        let source = Self.sources[0]
        let maps = try model.attentionWeights(source: source, target: Self.target, kernel: kernel)
        let oracle = referenceEncoderDecoder(configuration, weights, source: source, target: Self.target).weights
        for (name, found, shape) in [
            ("encoder.layers.%.self_attention", maps.encoder, [4, 7, 7]),
            ("decoder.layers.%.self_attention", maps.decoder.tokens, [4, 6, 6]),
            ("decoder.layers.%.encoder_attention", maps.decoder.source, [4, 6, 7]),
        ] {
            #expect(found.map(\.shape) == [shape, shape], "\(name)")
            for (index, map) in found.enumerated() {
                let expected = oracle[name.replacing("%", with: "\(index)")] ?? []
                #expect(error(map.elements, expected.flatMap(\.elements)) < 2e-6, "\(name) \(index)")
            }
        }
        let wrong = #expect(throws: TransformerError.self) { try model.attentionWeights(source: [], target: [1]) }
        #expect(wrong?.description.contains("source 0 has 0 tokens") == true)
        #expect(throws: TransformerError.self) { try model.attentionWeights(source: source, target: [23]) }
    }

    @Test(arguments: NormPlacement.allCases, Precision.allCases)
    func stepsSideBySideHaveTheBitsOfTheWholeTarget(placement: NormPlacement, precision: Precision) throws {
        let configuration = EncoderDecoderConfiguration.small(placement)
        let weights = try RandomWeights(configuration.shapes, seed: 8)
        let model = try EncoderDecoderModel(configuration, weights: weights, precision: precision)
        let context = try model.makeContext(sources: Self.sources)
        let whole = try Self.sources.map { try model.logits(source: $0, target: Self.target).elements }
        for (index, token) in Self.target.enumerated() {
            try context.step([token, token, token].span)
            for sequence in 0..<3 {
                let row = context.withLogits(sequence) { span in span.indices.map { span[$0] } }
                #expect(bits(row) == bits(Array(whole[sequence][index * 23..<(index + 1) * 23])))
            }
        }
    }

    @Test func errorsNameWhatIsWrong() throws {
        let configuration = EncoderDecoderConfiguration.small(.post)
        let weights = try RandomWeights(configuration.shapes, seed: 8)
        let model = try EncoderDecoderModel(configuration, weights: weights)
        func message(_ body: () throws -> Void) -> String {
            (#expect(throws: TransformerError.self) { try body() })?.description ?? ""
        }
        #expect(message { _ = try model.encode([]) }.contains("there are none"))
        #expect(message { _ = try model.encode([[1], []]) }.contains("source 1 has 0 tokens"))
        #expect(message { _ = try model.encode([[20]]) }.contains("token 20; it should be in 0 ..< 20"))
        var wrong = configuration
        wrong.endToken = 23
        #expect(message { _ = try EncoderDecoderModel(wrong, weights: weights) }.contains("endToken"))
    }
}
