import AttentionKernels
import Foundation
import TestSupport
import Testing

@testable import Transformer

private func error(_ candidate: [Float], _ oracle: [Double]) -> Double {
    precondition(candidate.count == oracle.count)
    return zip(candidate, oracle).map { (Double($0) - $1).magnitude }.max() ?? 0
}

extension Matrix {
    /// A tensor's last two dimensions, the leading ones taken as rows.
    fileprivate init(_ tensor: Tensor) {
        let columns = tensor.shape.last ?? 1
        self.init(rows: tensor.count / max(columns, 1), columns: columns, tensor.elements.map(Double.init))
    }
}

/// The blocks on tensors, against their formulas in double precision.
struct BlockTests {
    private static func weights(_ random: inout SeededRandom, _ name: String, _ outputs: Int, _ inputs: Int) throws -> (
        LinearWeights, Matrix, Matrix
    ) {
        let scaled = random.normals(outputs * inputs).map { $0 / Float(inputs).squareRoot() }
        let weight = try Tensor(shape: [outputs, inputs], elements: scaled)
        let bias = try random.normalTensor([outputs])
        return (
            LinearWeights(try StoredWeight(name: name, weight), bias: try StoredWeight(name: name + ".bias", bias)),
            Matrix(weight), Matrix(bias)
        )
    }

    @Test(arguments: Activation.allCases, Configuration.instructionSets)
    func linearWithAnyActivation(activation: Activation, configuration: Configuration) throws {
        var random = SeededRandom(seed: 1)
        let (one, w1, b1) = try Self.weights(&random, "one", 7, 24)
        let (two, w2, b2) = try Self.weights(&random, "two", 10, 24)
        let x = try random.normalTensor([2, 5, 24])
        let joined = try Linear([one, two], execution: configuration.execution)
        let y = try joined(x, activation: activation, execution: configuration.execution)
        #expect(y.shape == [2, 5, 17] && joined.inputs == 24 && joined.outputs == 17)
        let (first, second) = (Matrix(x).linear(w1, b1), Matrix(x).linear(w2, b2))
        let oracle = (0..<10).flatMap { first.row($0) + second.row($0) }.map { value in
            switch activation {
            case .none: value
            case .relu: max(value, 0)
            case .gelu: Reference.gelu(value)
            case .geluTanh:
                0.5 * value * (1 + tanh((2 / Double.pi).squareRoot() * (value + 0.044715 * value * value * value)))
            case .silu: Reference.silu(value)
            }
        }
        #expect(error(y.elements, oracle) < 3e-6)
    }

    @Test func linearNamesWhatDoesNotFit() throws {
        var random = SeededRandom(seed: 2)
        let one = try Self.weights(&random, "one", 7, 24).0
        let two = try Self.weights(&random, "two", 7, 25).0
        let widths = #expect(throws: TransformerError.self) { try Linear([one, two]) }
        #expect(widths?.subject == "two" && widths?.description.contains("[outputs, 24]") == true)
        #expect(throws: TransformerError.self) { try Linear([]) }
        let bias = #expect(throws: TransformerError.self) {
            try Linear([LinearWeights(one.weight, bias: two.weight)])
        }
        #expect(bias?.subject == "two")
        let linear = try Linear([one])
        #expect(throws: KernelError.self) { try linear(Tensor(shape: [2, 23])) }
    }

    @Test(arguments: [false, true])
    func feedForward(isGated: Bool) throws {
        var random = SeededRandom(seed: 3)
        let (one, w1, b1) = try Self.weights(&random, "one", 40, 16)
        let (two, w2, b2) = try Self.weights(&random, "two", 40, 16)
        let (outer, w3, b3) = try Self.weights(&random, "outer", 16, 40)
        let x = try random.normalTensor([3, 16])
        let block =
            isGated
            ? try FeedForward(gate: one, up: two, down: outer)
            : try FeedForward(inner: one, outer: outer, activation: .gelu)
        let inner =
            isGated
            ? Matrix(x).linear(w1, b1).map(Reference.silu) * Matrix(x).linear(w2, b2)
            : Matrix(x).linear(w1, b1).map(Reference.gelu)
        #expect(error(try block(x).elements, inner.linear(w3, b3).elements) < 3e-6)
        #expect(throws: TransformerError.self) { try FeedForward(inner: one, outer: one, activation: .relu) }
        #expect(throws: TransformerError.self) { try FeedForward(gate: one, up: outer, down: outer) }
    }

    /// Rows of a long call have the bits of those alone.
    @Test(arguments: [false, true])
    func feedForwardInParts(isGated: Bool) throws {
        var random = SeededRandom(seed: 14)
        let one = try Self.weights(&random, "one", 40, 16).0
        let outer = try Self.weights(&random, "outer", 16, 40).0
        let block =
            isGated
            ? try FeedForward(gate: one, up: one, down: outer)
            : try FeedForward(inner: one, outer: outer, activation: .gelu)
        let count = 2 * FeedForward.rowsAtOnce + 5
        let x = random.normals(count * 16)
        func result(_ calls: [Range<Int>]) throws -> [UInt32] {
            let workspace = LayerWorkspace(
                .init(hidden: 16, projected: 16, attended: 16, inner: isGated ? 80 : 40), precision: .float32,
                placement: .post, rotates: false, isGated: isGated)
            workspace.reserve(count)
            for row in 0..<count { workspace.hidden.setRow(row, x.span.extracting(row * 16..<(row + 1) * 16)) }
            for rows in calls {
                try block.apply(
                    LayerRun(workspace: workspace, rows: rows, kernel: .fused, execution: Execution(threads: 2)))
            }
            return bits(try workspace.hidden.tensor(0..<count))
        }
        let whole = try result([0..<count])
        #expect(whole != bits(x))
        #expect(try result([0..<7, 7..<1000, 1000..<2500, 2500..<count]) == whole)
    }

    @Test(arguments: AttentionKernel.allCases, Configuration.instructionSets)
    func selfAttentionWithGroupsMasksAndPadding(kernel: AttentionKernel, configuration: Configuration) throws {
        var random = SeededRandom(seed: 4)
        let (q, wq, bq) = try Self.weights(&random, "q", 24, 20)
        let (k, wk, bk) = try Self.weights(&random, "k", 12, 20)
        let (v, wv, bv) = try Self.weights(&random, "v", 10, 20)
        let (o, wo, bo) = try Self.weights(&random, "o", 20, 20)
        let block = try MultiHeadAttention(
            query: q, key: k, value: v, output: o, heads: 4, kvHeads: 2, execution: configuration.execution)
        #expect(block.headSize == 6 && block.valueSize == 5)
        let x = try random.normalTensor([2, 9, 20])
        // Causal by a boolean mask, the second sequence 6 tokens long; rows beyond see the first six.
        let causal = (0..<81).map { UInt8($0 % 9 <= $0 / 9 ? 1 : 0) }
        let options = AttentionOptions(
            mask: .keep(try ScoreMask(shape: [9, 9], bytes: causal)), keyLengths: [9, 6])
        for returning in ReturnedWeights.allCases {
            let result = try block(
                query: x, options: options, returning: returning, kernel: kernel, execution: configuration.execution)
            for (batch, length) in [9, 6].enumerated() {
                let rows = Matrix(
                    rows: length, columns: 20,
                    x.elements[batch * 180..<batch * 180 + length * 20].map(Double.init))
                var maps: [Matrix] = []
                let oracle = Reference.attention(
                    rows.linear(wq, bq), rows.linear(wk, bk), rows.linear(wv, bv), heads: 4, kvHeads: 2, causal: true,
                    weights: &maps
                ).linear(wo, bo)
                #expect(
                    error(Array(result.output.elements[batch * 180..<batch * 180 + length * 20]), oracle.elements)
                        < 3e-6)
                guard let weights = result.weights else {
                    #expect(returning == .none)
                    continue
                }
                for i in 0..<length {
                    for j in 0..<9 {
                        let expected = maps.map { j < length ? $0[i, j] : 0 }
                        if returning == .perHead {
                            for head in 0..<4 {
                                #expect((Double(weights[batch, head, i, j]) - expected[head]).magnitude < 1e-6)
                            }
                        } else {
                            #expect((Double(weights[batch, i, j]) - expected.reduce(0, +) / 4).magnitude < 1e-6)
                        }
                    }
                }
            }
        }
    }

    @Test(arguments: [(12, 12), (12, 9)])
    func crossAttentionOverOtherWidths(keyWidth: Int, valueWidth: Int) throws {
        var random = SeededRandom(seed: 5)
        let (q, wq, bq) = try Self.weights(&random, "q", 16, 20)
        let (k, wk, bk) = try Self.weights(&random, "k", 16, keyWidth)
        let (v, wv, bv) = try Self.weights(&random, "v", 8, valueWidth)
        let (o, wo, bo) = try Self.weights(&random, "o", 20, 8)
        let block = try MultiHeadAttention(query: q, key: k, value: v, output: o, heads: 4, source: .other)
        let (x, key) = (try random.normalTensor([1, 3, 20]), try random.normalTensor([1, 7, keyWidth]))
        let value = keyWidth == valueWidth ? nil : try random.normalTensor([1, 7, valueWidth])
        let result = try block(query: x, key: key, value: value)
        var maps: [Matrix] = []
        let oracle = Reference.attention(
            Matrix(x).linear(wq, bq), Matrix(key).linear(wk, bk), Matrix(value ?? key).linear(wv, bv), heads: 4,
            kvHeads: 4, causal: false, weights: &maps
        ).linear(wo, bo)
        #expect(error(result.output.elements, oracle.elements) < 3e-6)
        let alone = #expect(throws: TransformerError.self) { try block(query: x) }
        #expect(alone?.subject == "key")
        let flat = #expect(throws: TransformerError.self) { try block(query: Tensor(shape: [3, 20])) }
        #expect(flat?.description == "query: its shape is [3, 20]; it should be [batch, length, width]")
    }

    @Test func attentionNamesWhatDoesNotFit() throws {
        var random = SeededRandom(seed: 6)
        let square = try Self.weights(&random, "square", 20, 20).0
        let tall = try Self.weights(&random, "tall", 24, 20).0
        func subject(_ body: () throws -> Void) -> String {
            (#expect(throws: TransformerError.self) { try body() })?.subject ?? ""
        }
        #expect(
            subject { _ = try MultiHeadAttention(query: square, key: square, value: square, output: square, heads: 3) }
                == "square")
        #expect(
            subject { _ = try MultiHeadAttention(query: square, key: tall, value: square, output: square, heads: 4) }
                == "tall")
        #expect(
            subject { _ = try MultiHeadAttention(query: square, key: square, value: square, output: tall, heads: 4) }
                == "tall")
        #expect(
            subject {
                _ = try MultiHeadAttention(
                    query: square, key: square, value: square, output: square, heads: 4, kvHeads: 3)
            } == "heads")
    }

    @Test(arguments: AttentionKernel.allCases)
    func theThreeScores(kernel: AttentionKernel) throws {
        var random = SeededRandom(seed: 8)
        let (w, weight, bias) = try Self.weights(&random, "w", 12, 9)
        let (wide, query) = (try random.normalTensor([1, 3, 12]), try random.normalTensor([1, 3, 9]))
        let (key, value) = (try random.normalTensor([1, 7, 12]), try random.normalTensor([1, 7, 5]))
        let projected = Matrix(query).linear(weight, bias)
        // The reference divides by sqrt(12): what a score does not divide by is multiplied in.
        for (score, q, queries, factor) in [
            (AttentionScore.plain, wide, Matrix(wide), 12.0.squareRoot()), (.normalized, wide, Matrix(wide), 1),
            (.multiplicative(try Linear([w])), query, projected, 12.0.squareRoot()),
        ] {
            let result = try score.attend(query: q, key: key, value: value, kernel: kernel)
            var maps: [Matrix] = []
            let oracle = Reference.attention(
                queries.map { $0 * factor }, Matrix(key), Matrix(value), heads: 1, kvHeads: 1, causal: false,
                weights: &maps)
            #expect(result.output.shape == [1, 3, 5] && result.weights.shape == [1, 3, 7])
            #expect(error(result.output.elements, oracle.elements) < 2e-6)
            #expect(error(result.weights.elements, maps[0].elements) < 2e-6)
        }
        let flat = #expect(throws: TransformerError.self) {
            try AttentionScore.plain.attend(query: wide, key: Tensor(shape: [7, 12]), value: value)
        }
        #expect(flat?.subject == "key")
    }

    @Test func dropoutIsTheIdentityInInference() throws {
        let x = try Tensor(shape: [2, 3, 50]) { Float($0 + 1) }
        let block = try Dropout(probability: 0.5, seed: 9)
        #expect(try block(x, counter: nil) == x)
        let (one, other) = (try block(x, counter: 0), try block(x, counter: 300))
        #expect(one != other)
        #expect(try block(x, counter: 0) == one)
        #expect(zip(one.elements, x.elements).allSatisfy { $0 == 0 || $0 == 2 * $1 })
        #expect((0.35...0.65).contains(Double(one.elements.count { $0 == 0 }) / 300))
        let certain = #expect(throws: TransformerError.self) { try Dropout(probability: 1, seed: 0) }
        #expect(certain?.subject == "probability")
    }

    @Test func sinusoidsAreThoseOfThePaper() throws {
        let table = try SinusoidalPositions.table(count: 50, width: 10)
        for position in 0..<50 {
            for i in 0..<5 {
                let angle = Double(position) / pow(10_000, 2 * Double(i) / 10)
                #expect((Double(table[position, 2 * i]) - sin(angle)).magnitude < 1e-7)
                #expect((Double(table[position, 2 * i + 1]) - cos(angle)).magnitude < 1e-7)
            }
        }
    }

    @Test(arguments: RotaryPositions.Pairing.allCases)
    func rotationKeepsDotProductsOfADistance(pairing: RotaryPositions.Pairing) throws {
        let rotary = try RotaryPositions(width: 16, count: 100, pairing: pairing)
        var random = SeededRandom(seed: 7)
        let (q, k) = (random.normals(16), random.normals(16))
        func dot(_ i: Int, _ j: Int) throws -> Float {
            var rows = try Tensor(shape: [2, 16], elements: q + k)
            try rotary.apply(
                MatrixOutput(rows.mutableSpan, MatrixLayout(rows: 2, columns: 16)), heads: 1, positions: [i, j].span)
            return (0..<16).reduce(0) { $0 + rows[0, $1] * rows[1, $1] }
        }
        let near = try dot(5, 3)
        #expect(try (dot(95, 93) - near).magnitude < 1e-4 && (dot(95, 3) - near).magnitude > 1e-2)
    }

    @Test func frequenciesAndTheirScalings() throws {
        let plain = RotaryFrequencies(base: 10_000).angles(width: 64)
        #expect(plain.count == 32 && plain[0] == 1 && (plain[16] - 0.01).magnitude < 1e-12)
        let linear = RotaryFrequencies(base: 10_000, scaling: .linear(factor: 4)).angles(width: 64)
        #expect(zip(plain, linear).allSatisfy { ($0 / 4 - $1).magnitude < 1e-12 })
        // The slowest pair of NTK turns `factor` times slower, the fastest as before.
        let ntk = RotaryFrequencies(base: 10_000, scaling: .ntk(factor: 4)).angles(width: 64)
        #expect(ntk[0] == 1 && (ntk[31] - plain[31] / 4).magnitude < 1e-12)
        // Llama 3.1: fast pairs kept, slow ones divided, wavelengths between blended.
        let llama = RotaryFrequencies(
            base: 500_000,
            scaling: .llama3(factor: 8, lowFrequency: 1, highFrequency: 4, originalLength: 8192))
        let (scaled, unscaled) = (llama.angles(width: 128), RotaryFrequencies(base: 500_000).angles(width: 128))
        for (new, old) in zip(scaled, unscaled) {
            let wavelength = 2 * Double.pi / old
            if wavelength < 8192 / 4 {
                #expect(new == old)
            } else if wavelength > 8192 {
                #expect((new - old / 8).magnitude < 1e-15)
            } else {
                let smooth = (8192 / wavelength - 1) / 3
                #expect((new - ((1 - smooth) * old / 8 + smooth * old)).magnitude < 1e-12)
            }
        }
        let yarn = RotaryFrequencies(
            base: 10_000, scaling: .yarn(factor: 16, betaFast: 32, betaSlow: 1, originalLength: 4096))
        let ramp = zip(yarn.angles(width: 128), RotaryFrequencies(base: 10_000).angles(width: 128)).map { $1 / $0 }
        #expect(
            ramp[0] == 1 && (ramp[63] - 16).magnitude < 1e-9
                && zip(ramp, ramp.dropFirst()).allSatisfy { $0 <= $1 + 1e-12 })
        #expect((yarn.magnitude - (0.1 * log(16.0) + 1)).magnitude < 1e-12 && llama.magnitude == 1)
    }

    @Test func frequenciesOutsideTheirRangeAreNamed() throws {
        for (frequencies, subject) in [
            (RotaryFrequencies(base: 1), "rotary.base"),
            (RotaryFrequencies(scaling: .linear(factor: 0)), "rotary.factor"),
            (
                RotaryFrequencies(scaling: .llama3(factor: 2, lowFrequency: 4, highFrequency: 1, originalLength: 9)),
                "rotary.highFrequency"
            ),
            (
                RotaryFrequencies(scaling: .yarn(factor: 2, betaFast: 1, betaSlow: 2, originalLength: 9)),
                "rotary.betaFast"
            ),
        ] {
            let error = #expect(throws: TransformerError.self) {
                try RotaryPositions(frequencies, width: 8, count: 4, pairing: .halves)
            }
            #expect(error?.subject == subject)
        }
        #expect(throws: TransformerError.self) { try RotaryPositions(width: 7, count: 4, pairing: .halves) }
    }
}
