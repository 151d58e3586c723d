import AttentionKernels
import Foundation

/// The output qk_matmul_output before the softmax: raw, capped, or with the mask added.
struct ONNXAttentionScores {
    let query: Tensor
    let key: Tensor
    let options: AttentionOptions
    let mask: ONNXAttentionMask?

    /// - Parameter mode: 0 for scale * Q Kᵀ, 1 for that capped, 2 for that with mask and bias, minus infinity where a
    ///   key is hidden.
    func tensor(mode: Int, _ execution: Execution) throws -> Tensor {
        let (batch, heads, queries, keys) = (query.shape[0], query.shape[1], query.shape[2], key.shape[2])
        let group = max(heads / max(key.shape[1], 1), 1)
        var scores: [Float] = []
        scores.reserveCapacity(batch * heads * queries * keys)
        for b in 0..<batch {
            for h in 0..<heads {
                let product = try matmul(
                    try matrix(query, b * heads + h), try matrix(key, b * key.shape[1] + h / group), transposeB: true,
                    alpha: options.scale ?? 1, execution: execution)
                scores += product.elements
            }
        }
        if mode > 0, let cap = options.scores.softcap {
            scores = scores.map { cap * Float(tanh(Double($0 / cap))) }
        }
        if mode == 2 { try addMasks(&scores) }
        return try Tensor(shape: [batch, heads, queries, keys], elements: scores)
    }

    private func matrix(_ tensor: Tensor, _ index: Int) throws -> TensorView {
        let (rows, columns) = (tensor.shape[2], tensor.shape[3])
        return try tensor.strided(shape: [rows, columns], strides: [columns, 1], offset: index * rows * columns)
    }

    /// A hidden key's score becomes minus infinity, whatever it was.
    private func addMasks(_ scores: inout [Float]) throws {
        let shape = [query.shape[0], query.shape[1], query.shape[2], key.shape[2]]
        let added = try mask?.added(to: shape)
        for index in scores.indices {
            let b = index / (shape[1] * shape[2] * shape[3])
            let extra = added?[index] ?? 0
            let isHidden = extra == -.infinity || !sees(b, index / shape[3] % shape[2], index % shape[3])
            scores[index] = isHidden ? -.infinity : scores[index] + extra
        }
    }

    /// Whether query `i` sees key `j` by position.
    private func sees(_ b: Int, _ i: Int, _ j: Int) -> Bool {
        let keys = options.keyLengths?[b] ?? key.shape[2]
        let offset =
            switch options.visibility.alignment {
            case .none, .topLeft: 0
            case .bottomRight: keys - query.shape[2]
            case .offset(let offset): offset
            }
        let distance = i + offset - j
        if j >= keys || (options.causality != .none && distance < 0) { return false }
        let window = options.visibility.window
        return distance <= window?.left ?? .max && -distance <= window?.right ?? .max
    }
}
