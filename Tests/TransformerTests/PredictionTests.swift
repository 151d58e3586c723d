import AttentionKernels
import Foundation
import TestSupport
import Testing

@testable import Transformer

/// Choosing tokens: against choices made here from the logits of whole sequences.
struct PredictionTests {
    private static func llama(sequences: Int = 1, capacity: Int = 80) throws -> DecoderContext {
        let weights = try RandomWeights(LlamaConfiguration.small().shapes, seed: 11)
        return try LlamaModel(.small(), weights: weights).makeContext(capacity: capacity, sequenceCount: sequences)
    }

    private static func translator() throws -> EncoderDecoderModel {
        let configuration = EncoderDecoderConfiguration.small(.post)
        return try EncoderDecoderModel(configuration, weights: RandomWeights(configuration.shapes, seed: 12))
    }

    /// Greedy tokens from the logits of the whole sequence, computed anew for each.
    private static func recomputed(_ context: DecoderContext, _ prompt: [Int], _ count: Int) throws -> [Int] {
        var tokens = prompt
        for _ in 0..<count {
            let row = try context.logits(of: tokens).elements.suffix(context.vocabularySize)
            tokens.append(row.indices.max { row[$0] < row[$1] }! - row.startIndex)
        }
        return Array(tokens.dropFirst(prompt.count))
    }

    @Test func greedyIsTheMostLikelyOfEveryStep() throws {
        let prompt = [5, 9, 33]
        let expected = try Self.recomputed(Self.llama(), prompt, 12)
        var streamed: [Int] = []
        let result = try generate(Self.llama(), prompt: prompt, options: GenerationOptions(maximumTokens: 12)) {
            streamed.append($0)
            return true
        }
        #expect(result == GeneratedSequence(tokens: expected, reason: .maximumTokens))
        #expect(streamed == expected && Set(expected).count > 1)
    }

    @Test func everyEndHasItsReason() throws {
        let prompt = [5, 9, 33]
        let tokens = try Self.recomputed(Self.llama(), prompt, 6)
        let place = try #require(tokens.firstIndex(of: tokens[4]))
        let stopped = try generate(
            Self.llama(), prompt: prompt, options: GenerationOptions(maximumTokens: 9, stopTokens: [tokens[4]]))
        #expect(stopped == GeneratedSequence(tokens: Array(tokens[..<place]), reason: .stopToken))
        let full = try generate(Self.llama(capacity: 6), prompt: prompt, options: GenerationOptions(maximumTokens: 9))
        #expect(full == GeneratedSequence(tokens: Array(tokens[..<4]), reason: .capacity))
        let cancelled = try generate(Self.llama(), prompt: prompt, options: GenerationOptions(maximumTokens: 9)) { _ in
            false
        }
        #expect(cancelled == GeneratedSequence(tokens: [tokens[0]], reason: .cancelled))
        #expect(try generate(Self.llama(), prompt: prompt, options: GenerationOptions(maximumTokens: 0)).tokens == [])
    }

    @Test func samplingFollowsItsProbabilitiesAndItsSeed() throws {
        let logits: [Float] = [0, 2, 1, -.infinity, 2]
        let weights = logits.map { exp(Double($0) / 0.8) }
        let sum = weights.reduce(0, +)
        func counts(topK: Int? = nil, topP: Float = 1, seed: UInt64 = 1) throws -> [Double] {
            var sampler = try TokenSampler(
                temperature: 0.8, topK: topK, topP: topP, seed: seed, vocabularySize: logits.count)
            var counts = [Double](repeating: 0, count: logits.count)
            for _ in 0..<4096 { counts[try sampler.next(logits.span)] += 0x1p-12 }
            return counts
        }
        let all = try counts()
        // Five standard deviations of a share of 4096 draws.
        for (count, weight) in zip(all, weights) { #expect((count - weight / sum).magnitude < 0.04) }
        #expect(try counts() == all && counts(seed: 2) != all)
        #expect(all[3] == 0)
        // The most likely two are equal; of three, the next one is the third.
        #expect(try counts(topK: 1)[1] == 1)
        let two = try counts(topK: 2)
        #expect((two[1] - 0.5).magnitude < 0.04 && two[1] + two[4] == 1)
        let three = try counts(topK: 3)
        #expect(three[2] > 0 && three[0] == 0)
        // The first two have 0.41 each: 0.5 takes both, 0.4 one.
        #expect(try counts(topP: 0.4)[1] == 1)
        let nucleus = try counts(topP: 0.5)
        #expect(nucleus[1] > 0 && nucleus[4] > 0 && nucleus[2] == 0)
    }

    @Test func sampledSequencesAreReproducible() throws {
        let options = GenerationOptions(
            choice: .sampling(temperature: 1.5, topK: 20, topP: 0.9, seed: 5), maximumTokens: 20)
        let first = try generate(Self.llama(), prompt: [1], options: options)
        #expect(try generate(Self.llama(), prompt: [1], options: options) == first)
        var other = options
        other.choice = .sampling(temperature: 1.5, topK: 20, topP: 0.9, seed: 6)
        #expect(try generate(Self.llama(), prompt: [1], options: other) != first)
    }

    @Test func sequencesSideBySideAreThoseAlone() throws {
        let model = try Self.translator()
        let sources = (0..<7).map { index in (0...index).map { 3 + ($0 * 5 + index) % 15 } }
        let context = try model.makeContext(sources: sources)
        let together = try generateAll(
            context, prompts: sources.map { _ in [1] }, maximumTokens: 14, stopTokens: [2, 7])
        for (source, result) in zip(sources, together) {
            let alone = try generate(
                model.makeContext(sources: [source]), prompt: [1],
                options: GenerationOptions(maximumTokens: 14, stopTokens: [2, 7]))
            #expect(result == alone)
        }
        #expect(Set(together.map(\.tokens.count)).count > 1, "sequences should end at different steps")
        let prompts = [[5, 9, 33], [1], [4, 4]]
        let several = try generateAll(Self.llama(sequences: 3), prompts: prompts, maximumTokens: 5, stopTokens: [])
        for (prompt, result) in zip(prompts, several) {
            #expect(result.tokens == (try Self.recomputed(Self.llama(), prompt, 5)))
        }
    }

    /// All sequences of a few tokens, scored one by one: what a beam as wide as the vocabulary's square must find.
    @Test func wideBeamsFindTheBestOfAllSequences() throws {
        let model = try Self.translator()
        let (source, length, penalty) = ([3, 9, 4], 2, 0.7)
        func logProbabilities(_ target: [Int]) throws -> [Double] {
            let row = try model.logits(source: source, target: target).elements.suffix(23).map(Double.init)
            let largest = row.max()!
            let sum = row.reduce(0) { $0 + exp($1 - largest) }
            return row.map { $0 - largest - log(sum) }
        }
        var best: [(tokens: [Int], score: Double, finished: Bool)] = []
        func score(_ logProbability: Double, _ length: Int) -> Double {
            logProbability / pow((5 + Double(length)) / 6, penalty)
        }
        let first = try logProbabilities([1])
        for a in first.indices {
            if a == 2 {
                best.append(([], score(first[a], 1), true))
                continue
            }
            for (b, second) in try logProbabilities([1, a]).enumerated() {
                best.append((b == 2 ? [a] : [a, b], score(first[a] + second, 2), b == 2))
            }
        }
        best.sort { $0.score > $1.score }
        let context = try model.makeContext(sources: [source], beams: 22)
        let beams = try beamSearch(
            context, prompt: [1],
            options: BeamOptions(width: 22, lengthPenalty: penalty, maximumTokens: length, stopTokens: [2]))
        #expect(beams.count == 22)
        for (beam, expected) in zip(beams, best) {
            #expect(beam.tokens == expected.tokens && beam.isFinished == expected.finished)
            #expect((beam.score - expected.score).magnitude < 1e-5)
        }
    }

    @Test func aBeamOfOneIsGreedy() throws {
        let model = try Self.translator()
        let greedy = try generate(
            model.makeContext(sources: [[3, 9, 4]]), prompt: [1],
            options: GenerationOptions(maximumTokens: 12, stopTokens: [2]))
        let beam = try beamSearch(
            model.makeContext(sources: [[3, 9, 4]]), prompt: [1],
            options: BeamOptions(width: 1, lengthPenalty: 0, maximumTokens: 12, stopTokens: []))
        #expect(Array(beam[0].tokens.prefix(greedy.tokens.count)) == greedy.tokens)
    }

    @Test func cachesFollowTheirBeams() throws {
        // Each beam's probability is that of its tokens computed whole: a wrong cache would show.
        let model = try Self.translator()
        let context = try model.makeContext(sources: [[8, 3, 5, 12]], beams: 5)
        let beams = try beamSearch(
            context, prompt: [1], options: BeamOptions(width: 5, maximumTokens: 9, stopTokens: [2]))
        for beam in beams {
            let logits = try model.logits(source: [8, 3, 5, 12], target: [1] + beam.tokens)
            var sum = 0.0
            for (index, token) in (beam.tokens + (beam.isFinished ? [2] : [])).enumerated() {
                let row = logits.elements[index * 23..<(index + 1) * 23].map(Double.init)
                let largest = row.max()!
                sum += row[token] - largest - log(row.reduce(0) { $0 + exp($1 - largest) })
            }
            #expect((beam.logProbability - sum).magnitude < 1e-4)
        }
        #expect(Set(beams.map(\.tokens)).count == 5)
    }

    @Test func optionsOutsideTheirRangeAreNamed() throws {
        func subject(_ body: () throws -> Void) -> String {
            (#expect(throws: TransformerError.self) { try body() })?.subject ?? ""
        }
        let context = try Self.llama()
        func sample(temperature: Float = 1, topK: Int? = nil, topP: Float = 1) throws {
            let choice = TokenChoice.sampling(temperature: temperature, topK: topK, topP: topP, seed: 1)
            _ = try generate(context, prompt: [1], options: GenerationOptions(choice: choice, maximumTokens: 1))
        }
        #expect(subject { try sample(temperature: 0) } == "temperature")
        #expect(subject { try sample(topK: 0) } == "topK")
        #expect(subject { try sample(topP: 0) } == "topP")
        #expect(subject { try sample(topP: 1.1) } == "topP")
        #expect(
            subject { _ = try generate(context, prompt: [1], options: GenerationOptions(maximumTokens: -1)) }
                == "maximumTokens")
        #expect(
            subject { _ = try generateAll(context, prompts: [[1], [1]], maximumTokens: 1, stopTokens: []) } == "prompts"
        )
        for (options, name) in [
            (BeamOptions(width: 2, maximumTokens: 1, stopTokens: []), "width"),
            (BeamOptions(width: 1, maximumTokens: 0, stopTokens: []), "maximumTokens"),
            (BeamOptions(width: 1, lengthPenalty: .nan, maximumTokens: 1, stopTokens: []), "lengthPenalty"),
        ] {
            #expect(subject { _ = try beamSearch(context, prompt: [1], options: options) } == name)
        }
    }
}
