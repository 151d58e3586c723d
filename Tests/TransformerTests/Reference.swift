import Foundation

@testable import Transformer

/// The formulas of the papers in double precision, one loop each: what models are compared with.
struct Matrix {
    var rows: Int
    var columns: Int
    var elements: [Double]

    init(rows: Int, columns: Int, _ elements: [Double]) {
        precondition(elements.count == rows * columns)
        (self.rows, self.columns, self.elements) = (rows, columns, elements)
    }

    subscript(row: Int, column: Int) -> Double {
        get { elements[row * columns + column] }
        set { elements[row * columns + column] = newValue }
    }

    func row(_ index: Int) -> [Double] { Array(elements[index * columns..<(index + 1) * columns]) }

    /// `x Wᵀ + b`.
    func linear(_ weight: Matrix, _ bias: Matrix? = nil) -> Matrix {
        var y = Matrix(rows: rows, columns: weight.rows, [Double](repeating: 0, count: rows * weight.rows))
        for i in 0..<rows {
            for j in 0..<weight.rows {
                var sum = bias?.elements[j] ?? 0
                for k in 0..<columns { sum += elements[i * columns + k] * weight.elements[j * columns + k] }
                y.elements[i * weight.rows + j] = sum
            }
        }
        return y
    }

    func map(_ body: (Double) -> Double) -> Matrix { Matrix(rows: rows, columns: columns, elements.map(body)) }

    func mapRows(_ body: ([Double], Int) -> [Double]) -> Matrix {
        let rows = (0..<rows).map { body(row($0), $0) }
        return Matrix(rows: self.rows, columns: rows.first?.count ?? 0, rows.flatMap { $0 })
    }

    static func + (a: Matrix, b: Matrix) -> Matrix {
        Matrix(rows: a.rows, columns: a.columns, zip(a.elements, b.elements).map(+))
    }

    static func * (a: Matrix, b: Matrix) -> Matrix {
        Matrix(rows: a.rows, columns: a.columns, zip(a.elements, b.elements).map(*))
    }

    func layerNorm(_ scale: Matrix, _ shift: Matrix, epsilon: Double) -> Matrix {
        mapRows { row, _ in
            let mean = row.reduce(0, +) / Double(row.count)
            let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(row.count)
            return row.indices.map {
                (row[$0] - mean) / (variance + epsilon).squareRoot() * scale.elements[$0] + shift.elements[$0]
            }
        }
    }

    func rmsNorm(_ scale: Matrix, epsilon: Double) -> Matrix {
        mapRows { row, _ in
            let square = row.reduce(0) { $0 + $1 * $1 } / Double(row.count)
            return row.indices.map { row[$0] / (square + epsilon).squareRoot() * scale.elements[$0] }
        }
    }

    /// Each head's pairs turned by the row's number times the pair's angle.
    func rotated(heads: Int, angles: [Double], interleaved: Bool) -> Matrix {
        let width = columns / heads
        return mapRows { row, position in
            var y = row
            for head in 0..<heads {
                for (pair, angle) in angles.enumerated() {
                    let a = head * width + (interleaved ? 2 * pair : pair)
                    let b = interleaved ? a + 1 : a + angles.count
                    let turn = Double(position) * angle
                    y[a] = row[a] * cos(turn) - row[b] * sin(turn)
                    y[b] = row[a] * sin(turn) + row[b] * cos(turn)
                }
            }
            return y
        }
    }
}

enum Reference {
    static func gelu(_ x: Double) -> Double { x * (1 + erf(x / 2.0.squareRoot())) / 2 }
    static func silu(_ x: Double) -> Double { x / (1 + exp(-x)) }

    /// Softmax attention of all heads: `[queries, heads * width]`. The weights of head `h` go to `weights[h]`.
    static func attention(
        _ q: Matrix, _ k: Matrix, _ v: Matrix, heads: Int, kvHeads: Int, causal: Bool,
        weights: inout [Matrix]
    ) -> Matrix {
        let (width, valueWidth) = (q.columns / heads, v.columns / kvHeads)
        var output = Matrix(
            rows: q.rows, columns: heads * valueWidth, [Double](repeating: 0, count: q.rows * heads * valueWidth))
        weights = []
        for head in 0..<heads {
            let kvHead = head / (heads / kvHeads)
            var map = Matrix(rows: q.rows, columns: k.rows, [Double](repeating: 0, count: q.rows * k.rows))
            for i in 0..<q.rows {
                let scores = (0..<k.rows).map { j -> Double in
                    if causal && j > i + k.rows - q.rows { return -.infinity }
                    let dot = (0..<width).reduce(0.0) { $0 + q[i, head * width + $1] * k[j, kvHead * width + $1] }
                    return dot / Double(width).squareRoot()
                }
                let largest = scores.max() ?? 0
                let sum = scores.reduce(0) { $0 + exp($1 - largest) }
                for j in 0..<k.rows {
                    map[i, j] = exp(scores[j] - largest) / sum
                    for c in 0..<valueWidth {
                        output[i, head * valueWidth + c] += map[i, j] * v[j, kvHead * valueWidth + c]
                    }
                }
            }
            weights.append(map)
        }
        return output
    }
}

/// BERT in double precision.
func referenceBERT(_ c: BERTConfiguration, _ w: RandomWeights, _ tokens: [Int]) -> (hidden: Matrix, weights: [[Matrix]])
{
    let epsilon = Double(c.normEpsilon)
    func norm(_ x: Matrix, _ name: String) -> Matrix {
        x.layerNorm(w.double(name + ".weight"), w.double(name + ".bias"), epsilon: epsilon)
    }
    func linear(_ x: Matrix, _ name: String) -> Matrix {
        x.linear(w.double(name + ".weight"), w.double(name + ".bias"))
    }
    let (words, positions) = (
        w.double("embeddings.word_embeddings.weight"), w.double("embeddings.position_embeddings.weight")
    )
    let types = w.double("embeddings.token_type_embeddings.weight").row(0)
    var x = Matrix(
        rows: tokens.count, columns: c.hiddenSize,
        tokens.enumerated().flatMap { place, token in
            zip(zip(words.row(token), positions.row(place)), types).map { $0.0 + $0.1 + $1 }
        })
    x = norm(x, "embeddings.LayerNorm")
    var maps: [[Matrix]] = []
    for index in 0..<c.layerCount {
        let layer = "encoder.layer.\(index)."
        var weights: [Matrix] = []
        let attended = Reference.attention(
            linear(x, layer + "attention.self.query"), linear(x, layer + "attention.self.key"),
            linear(x, layer + "attention.self.value"), heads: c.headCount, kvHeads: c.headCount, causal: false,
            weights: &weights)
        maps.append(weights)
        x = norm(x + linear(attended, layer + "attention.output.dense"), layer + "attention.output.LayerNorm")
        let inner = linear(x, layer + "intermediate.dense").map(Reference.gelu)
        x = norm(x + linear(inner, layer + "output.dense"), layer + "output.LayerNorm")
    }
    return (x, maps)
}

/// Llama in double precision: the logits of every position, and the weights by layer and head.
func referenceLlama(
    _ c: LlamaConfiguration, _ w: RandomWeights, _ tokens: [Int]
) -> (logits: Matrix, weights: [[Matrix]]) {
    var maps: [[Matrix]] = []
    let epsilon = Double(c.normEpsilon)
    let angles = c.rotary.angles(width: c.headSize)
    let table = w.double("token_embd.weight")
    var x = Matrix(rows: tokens.count, columns: c.hiddenSize, tokens.flatMap { table.row($0) })
    for index in 0..<c.layerCount {
        func weight(_ name: String) -> Matrix { w.double("blk.\(index).\(name).weight") }
        let normal = x.rmsNorm(weight("attn_norm"), epsilon: epsilon)
        var weights: [Matrix] = []
        let attended = Reference.attention(
            normal.linear(weight("attn_q")).rotated(heads: c.headCount, angles: angles, interleaved: true),
            normal.linear(weight("attn_k")).rotated(heads: c.kvHeadCount, angles: angles, interleaved: true),
            normal.linear(weight("attn_v")), heads: c.headCount, kvHeads: c.kvHeadCount, causal: true,
            weights: &weights)
        maps.append(weights)
        x = x + attended.linear(weight("attn_output"))
        let inner = x.rmsNorm(weight("ffn_norm"), epsilon: epsilon)
        x =
            x
            + (inner.linear(weight("ffn_gate")).map(Reference.silu) * inner.linear(weight("ffn_up")))
            .linear(weight("ffn_down"))
    }
    return (x.rmsNorm(w.double("output_norm.weight"), epsilon: epsilon).linear(table), maps)
}

/// The encoder-decoder in double precision: the encoder's output, the logits of every position of the target, and the
/// weights of its blocks of attention by their names.
func referenceEncoderDecoder(
    _ c: EncoderDecoderConfiguration, _ w: RandomWeights, source: [Int], target: [Int]
) -> (encoded: Matrix, logits: Matrix, weights: [String: [Matrix]]) {
    var maps: [String: [Matrix]] = [:]
    func norm(_ x: Matrix, _ name: String) -> Matrix {
        x.layerNorm(w.double(name + ".weight"), w.double(name + ".bias"), epsilon: Double(c.normEpsilon))
    }
    func linear(_ x: Matrix, _ name: String) -> Matrix {
        x.linear(w.double(name + ".weight"), w.double(name + ".bias"))
    }
    func embed(_ tokens: [Int], _ stack: String) -> Matrix {
        let (table, learned) = (w.double(stack + ".tok_embedding.weight"), w.double(stack + ".pos_embedding.weight"))
        return Matrix(
            rows: tokens.count, columns: c.hiddenSize,
            tokens.enumerated().flatMap { place, token in
                (0..<c.hiddenSize).map { column in
                    let angle = Double(place) / pow(10_000, Double(column / 2 * 2) / Double(c.hiddenSize))
                    let sinusoid = column % 2 == 0 ? sin(angle) : cos(angle)
                    let position = c.positions == .learned ? learned[place, column] : sinusoid
                    return table[token, column] * Double(c.embeddingScale) + position
                }
            })
    }
    /// `x` with a block between its norm and its sum.
    func sublayer(_ x: Matrix, _ name: String, _ block: (Matrix) -> Matrix) -> Matrix {
        c.normPlacement == .post ? norm(x + block(x), name) : x + block(norm(x, name))
    }
    func attend(_ x: Matrix, _ keys: Matrix, _ name: String, causal: Bool) -> Matrix {
        var weights: [Matrix] = []
        let attended = Reference.attention(
            linear(x, name + ".fc_q"), linear(keys, name + ".fc_k"), linear(keys, name + ".fc_v"), heads: c.headCount,
            kvHeads: c.headCount, causal: causal, weights: &weights)
        maps[name] = weights
        return linear(attended, name + ".fc_o")
    }
    func network(_ x: Matrix, _ layer: String) -> Matrix {
        linear(
            linear(x, layer + ".positionwise_feedforward.fc_1").map { max($0, 0) },
            layer + ".positionwise_feedforward.fc_2")
    }
    var x = embed(source, "encoder")
    for index in 0..<c.encoderLayerCount {
        let layer = "encoder.layers.\(index)"
        x = sublayer(x, layer + ".self_attn_layer_norm") { attend($0, $0, layer + ".self_attention", causal: false) }
        x = sublayer(x, layer + ".ff_layer_norm") { network($0, layer) }
    }
    if c.normPlacement == .pre { x = norm(x, "encoder.layer_norm") }
    let encoded = x
    var y = embed(target, "decoder")
    for index in 0..<c.decoderLayerCount {
        let layer = "decoder.layers.\(index)"
        y = sublayer(y, layer + ".self_attn_layer_norm") { attend($0, $0, layer + ".self_attention", causal: true) }
        y = sublayer(y, layer + ".enc_attn_layer_norm") {
            attend($0, encoded, layer + ".encoder_attention", causal: false)
        }
        y = sublayer(y, layer + ".ff_layer_norm") { network($0, layer) }
    }
    if c.normPlacement == .pre { y = norm(y, "decoder.layer_norm") }
    return (encoded, linear(y, "decoder.fc_out"), maps)
}
