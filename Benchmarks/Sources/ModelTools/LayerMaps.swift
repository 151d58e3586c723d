import AttentionKernels

/// The weights of the layers of one stack, `[heads, queries, keys]` each.
struct LayerMaps: Sendable {
    let heads: Int
    let queries: Int
    let keys: Int
    let layers: [[Float]]

    /// The weights of one stack; there is a layer at least.
    init(_ weights: [Tensor]) {
        (heads, queries, keys) = (weights[0].shape[0], weights[0].shape[1], weights[0].shape[2])
        layers = weights.map(\.elements)
    }

    private var size: Int { queries * keys }

    /// One head of a layer, `[queries, keys]`.
    func head(_ head: Int, of layer: Int) -> [Float] { Array(layers[layer][head * size..<(head + 1) * size]) }

    /// The mean of a layer's heads, `[queries, keys]`.
    func mean(_ layer: Int) -> [Float] {
        (0..<size).map { cell in (0..<heads).reduce(0) { $0 + layers[layer][$1 * size + cell] } / Float(heads) }
    }

    /// How much of each token's information is in each output of a layer (Abnar and Zuidema 2020): the layers' averages,
    /// each halved and added to half of the identity for the residual, multiplied from the first to this one. Each row adds
    /// up to 1. Of self-attention only.
    func rollout(upTo layer: Int) -> [Float] {
        precondition(queries == keys, "\(queries) queries and \(keys) keys of self-attention")
        var product = (0..<size).map { Float($0 / keys == $0 % keys ? 1 : 0) }
        for index in 0...layer {
            var step = mean(index).map { $0 / 2 }
            for token in 0..<keys { step[token * keys + token] += 0.5 }
            product = Self.product(step, product, columns: keys)
        }
        return product
    }

    /// The product of two matrices, of which the second has `columns`.
    static func product(_ a: [Float], _ b: [Float], columns: Int) -> [Float] {
        let inner = b.count / columns
        var result = [Float](repeating: 0, count: a.count / inner * columns)
        for row in 0..<a.count / inner {
            for middle in 0..<inner {
                let factor = a[row * inner + middle]
                for column in 0..<columns { result[row * columns + column] += factor * b[middle * columns + column] }
            }
        }
        return result
    }
}
