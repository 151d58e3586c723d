import AttentionKernels
import BenchmarkHarness
import PretrainedModels
import Safetensors
import Transformer

/// Sequences from sequences, by an encoder-decoder.
public enum Translate {
    /// How answers are found.
    public struct Options: Sendable {
        /// The sequences that a beam search keeps; 1 takes the most likely token each time.
        public var beams = 1
        /// The exponent of the length penalty of a beam search.
        public var lengthPenalty = 0.6
        /// The most tokens of an answer; nil for as many as the model has positions for.
        public var maximumTokens: Int?

        /// The usual options.
        public init() {}
    }

    /// What `--json` prints.
    public struct Document: Encodable, Sendable {
        /// An answer; the numbers are those of a beam search.
        public struct Answer: Encodable, Sendable {
            public var text: String
            /// Without the first and the last, `<sos>` and `<eos>`.
            public var tokens: [Int]
            public var logProbability: Double?
            public var score: Double?
            /// Whether `<eos>` ended it.
            public var isFinished: Bool
        }

        /// A source with its answers, the best first.
        public struct Translation: Encodable, Sendable {
            public var source: String
            public var sourceTokens: [Int]
            public var answers: [Answer]
        }

        public var model: String
        public var beams: Int
        public var translations: [Translation]
        /// The time of encoding and answering all sources.
        public var seconds: Double
        /// The tokens of the best answers for each second.
        public var tokensPerSecond: Double

        /// Writes `tokens`, I64 `[texts, longest]`, the best answers with -1 behind each, and `source_tokens` likewise; the
        /// texts of the answers are metadata, a line each.
        public func write(path: String) throws {
            let best = translations.map { $0.answers.first }
            let texts = best.map { $0?.text ?? "" }
            var writer = SafetensorsWriter(metadata: ["model": model, "text": texts.joined(separator: "\n")])
            for (name, rows) in [
                ("tokens", best.map { $0?.tokens ?? [] }), ("source_tokens", translations.map(\.sourceTokens)),
            ] {
                let longest = rows.map(\.count).max() ?? 0
                try writer.add(
                    name, shape: [rows.count, longest],
                    integers: rows.flatMap { $0 + [Int](repeating: -1, count: longest - $0.count) })
            }
            try writer.write(path: path)
        }
    }

    /// Sources of one call of the model at most.
    private static let group = 64

    /// The answers to `texts`.
    ///
    /// - Throws: an error of one sentence if the model is no encoder-decoder, or a text is too long for it.
    public static func run(_ texts: [String], _ options: Options, _ use: ModelUse) throws -> Document {
        let translator = try use.model("an encoder-decoder (*.pt)") {
            if case .translator(let translator) = $0 { translator } else { nil }
        }
        let sources = try texts.map { try translator.tokens(of: $0) }
        let most = translator.model.configuration.maximumLength - 1
        let count = options.maximumTokens ?? most
        guard (1...most).contains(count) else {
            throw HarnessError("--max-tokens: \(count) should be from 1 to \(most)")
        }
        guard (1...translator.model.configuration.targetVocabularySize).contains(options.beams) else {
            throw HarnessError(
                "--beams: \(options.beams) should be from 1 to \(translator.model.configuration.targetVocabularySize)")
        }
        let clock = ContinuousClock()
        let start = clock.now
        let answers =
            options.beams == 1
            ? try greedy(translator, sources, count, use.kernel)
            : try sources.map { try beams(translator, $0, count, options, use.kernel) }
        let seconds = (clock.now - start).seconds
        let translations = texts.indices.map {
            Document.Translation(source: texts[$0], sourceTokens: sources[$0], answers: answers[$0])
        }
        let tokens = answers.reduce(0) { $0 + ($1.first?.tokens.count ?? 0) }
        return Document(
            model: use.folder, beams: options.beams, translations: translations, seconds: seconds,
            tokensPerSecond: seconds > 0 ? Double(tokens) / seconds : 0)
    }

    private static func greedy(
        _ translator: SequenceTranslator, _ sources: [[Int]], _ count: Int, _ kernel: AttentionKernel
    ) throws -> [[Document.Answer]] {
        var answers: [[Document.Answer]] = []
        let (start, end) = (translator.tokenizer.startToken, translator.tokenizer.endToken)
        for first in stride(from: 0, to: sources.count, by: group) {
            let part = Array(sources[first..<min(first + group, sources.count)])
            let context = try translator.model.makeContext(sources: part, kernel: kernel)
            let sequences = try generateAll(
                context, prompts: part.map { _ in [start] }, maximumTokens: count, stopTokens: [end])
            for sequence in sequences {
                answers.append([
                    .init(
                        text: try translator.tokenizer.decode(sequence.tokens), tokens: sequence.tokens,
                        isFinished: sequence.reason == .stopToken)
                ])
            }
        }
        return answers
    }

    private static func beams(
        _ translator: SequenceTranslator, _ source: [Int], _ count: Int, _ options: Options, _ kernel: AttentionKernel
    ) throws -> [Document.Answer] {
        let context = try translator.model.makeContext(sources: [source], beams: options.beams, kernel: kernel)
        let beams = try beamSearch(
            context, prompt: [translator.tokenizer.startToken],
            options: BeamOptions(
                width: options.beams, lengthPenalty: options.lengthPenalty, maximumTokens: count,
                stopTokens: [translator.tokenizer.endToken]))
        return try beams.map {
            .init(
                text: try translator.tokenizer.decode($0.tokens), tokens: $0.tokens,
                logProbability: $0.logProbability, score: $0.score, isFinished: $0.isFinished)
        }
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
