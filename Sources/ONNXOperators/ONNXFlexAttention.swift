import AttentionKernels
import Foundation

// FlexAttention of the preview domain. Without graphs it is a call of the library's attention. A modifier graph wants
// the whole tensor of scores or probabilities, so with one they are materialised.

extension ONNXNode {
    func flexAttention(_ kernel: AttentionKernel, _ execution: Execution) throws -> [String: ONNXTensor] {
        let (q, k, v) = (try floats("Q"), try floats("K"), try floats("V"))
        guard q.shape.count == 4, k.shape.count == 4, v.shape.count == 4 else {
            throw ONNXError.invalid(
                "Q, K and V should have rank 4; their shapes are \(q.shape), \(k.shape), \(v.shape)")
        }
        let query = try Tensor(shape: q.shape, elements: q.elements)
        let key = try Tensor(shape: k.shape, elements: k.elements)
        let value = try Tensor(shape: v.shape, elements: v.elements)
        let scale = try attributes.float("scale") ?? 1 / Float(max(q.shape[3], 1)).squareRoot()
        let options = AttentionOptions(scale: scale)
        let modifiers = (score: try graph("score_mod"), probability: try graph("prob_mod"))
        if modifiers.score == nil, modifiers.probability == nil {
            let result = try kernel.attend(query: query, key: key, value: value, options: options, execution: execution)
            return ["Y": ONNXTensor(shape: result.output.shape, result.output.elements, roundedTo: v.type)]
        }
        // Shapes are checked by the call that the graph replaces.
        _ = try kernel.attend(query: query, key: key, value: value, options: options, execution: execution)
        let scores = try ONNXAttentionScores(query: query, key: key, options: options, mask: nil).tensor(
            mode: 0, execution)
        var weights = ONNXGraphValue(shape: scores.shape, elements: scores.elements.map(Double.init))
        if let graph = modifiers.score { weights = try graph(weights) }
        Self.softmaxRows(&weights)
        if let graph = modifiers.probability { weights = try graph(weights) }
        let output = try Self.weightedValues(weights, value, kernel, execution)
        return ["Y": ONNXTensor(shape: output.shape, output.elements, roundedTo: v.type)]
    }

    private func graph(_ name: String) throws(ONNXError) -> ONNXGraph? {
        switch attributes[name] {
        case nil: nil
        case .graph(let text): try ONNXGraph(text: text)
        default: throw .invalid("attribute \(name) should be a graph")
        }
    }

    private static func softmaxRows(_ x: inout ONNXGraphValue) {
        let keys = x.shape[3]
        for first in stride(from: 0, to: x.elements.count, by: max(keys, 1)) {
            let row = first..<first + keys
            let largest = x.elements[row].reduce(-Double.infinity, max)
            guard largest > -.infinity else {
                for index in row { x.elements[index] = 0 }
                continue
            }
            var sum = 0.0
            for index in row {
                x.elements[index] = exp(x.elements[index] - largest)
                sum += x.elements[index]
            }
            for index in row { x.elements[index] /= sum }
        }
    }

    private static func weightedValues(
        _ weights: ONNXGraphValue, _ value: Tensor, _ kernel: AttentionKernel, _ execution: Execution
    ) throws -> Tensor {
        let (batch, heads, queries, keys) = (weights.shape[0], weights.shape[1], weights.shape[2], weights.shape[3])
        let width = value.shape[3]
        let group = max(heads / max(value.shape[1], 1), 1)
        let rows = try Tensor(shape: [batch * heads, queries, keys], elements: weights.elements.map { Float($0) })
        var elements: [Float] = []
        for index in 0..<batch * heads {
            let kvHead = index / heads * value.shape[1] + index % heads / group
            elements += try matmul(
                rows.strided(shape: [queries, keys], strides: [keys, 1], offset: index * queries * keys),
                value.strided(shape: [keys, width], strides: [width, 1], offset: kvHead * keys * width),
                kernel: kernel, execution: execution
            ).elements
        }
        return try Tensor(shape: [batch, heads, queries, width], elements: elements)
    }
}
