import Foundation

// Softmax, normalisations and activations: sums in double precision, results rounded once.

extension ONNXNode {
    func softmax(logarithm: Bool) throws -> [String: ONNXTensor] {
        let x = try floats("input")
        guard !x.shape.isEmpty else { throw ONNXError.invalid("\(name) of a scalar") }
        let axis = try axis(default: opset >= 13 ? -1 : 1, rank: x.shape.count)
        let before = x.shape[..<axis].reduce(1, *)
        // Before opset 13 all dimensions from the axis on are one.
        let size = opset >= 13 ? x.shape[axis] : x.shape[axis...].reduce(1, *)
        let behind = opset >= 13 ? x.shape[(axis + 1)...].reduce(1, *) : 1
        var result = x.elements
        for row in 0..<before * behind {
            let first = row / max(behind, 1) * size * behind + row % max(behind, 1)
            let line = (0..<size).map { first + $0 * behind }
            let largest = line.reduce(-Double.infinity) { max($0, Double(x.elements[$1])) }
            let sum = line.reduce(0.0) { $0 + exp(Double(x.elements[$1]) - largest) }
            for index in line {
                let distance = Double(x.elements[index]) - largest
                result[index] = Float(logarithm ? distance - log(sum) : exp(distance) / sum)
            }
        }
        return ["output": ONNXTensor(shape: x.shape, result, roundedTo: x.type)]
    }

    func layerNormalization() throws -> [String: ONNXTensor] {
        let x = try floats("X")
        let rows = try normalizedRows(x.shape)
        let scale = try broadcast("Scale", to: x.shape)
        let shift = inputs["B"] == nil ? nil : try broadcast("B", to: x.shape)
        let epsilon = Double(try attributes.float("epsilon") ?? 1e-5)
        var result = x.elements
        var (means, deviations): ([Float], [Float]) = ([], [])
        for first in stride(from: 0, to: x.elements.count, by: max(rows.size, 1)) {
            let row = first..<first + rows.size
            let mean = row.reduce(0.0) { $0 + Double(x.elements[$1]) } / Double(rows.size)
            let variance =
                row.reduce(0.0) { sum, index in
                    let distance = Double(x.elements[index]) - mean
                    return sum + distance * distance
                } / Double(rows.size)
            let inverse = 1 / (variance + epsilon).squareRoot()
            for index in row {
                // The first stage's result has the type of X.
                let normal = x.type.rounded(Float((Double(x.elements[index]) - mean) * inverse))
                result[index] = normal * scale[index] + (shift?[index] ?? 0)
            }
            means.append(Float(mean))
            deviations.append(Float(inverse))
        }
        let stash: ONNXFloatType = try attributes.integer("stash_type") == 16 ? .bfloat16 : .float32
        return [
            "Y": ONNXTensor(shape: x.shape, result, roundedTo: x.type),
            "Mean": ONNXTensor(shape: rows.statisticsShape, means, roundedTo: stash),
            "InvStdDev": ONNXTensor(shape: rows.statisticsShape, deviations, roundedTo: stash),
        ]
    }

    func rmsNormalization() throws -> [String: ONNXTensor] {
        let x = try floats("X")
        let scaleType = try floats("scale").type
        let rows = try normalizedRows(x.shape)
        let scale = try broadcast("scale", to: x.shape)
        let epsilon = Double(try attributes.float("epsilon") ?? 1e-5)
        var result = x.elements
        for first in stride(from: 0, to: x.elements.count, by: max(rows.size, 1)) {
            let row = first..<first + rows.size
            let squares = row.reduce(0.0) { $0 + Double(x.elements[$1]) * Double(x.elements[$1]) }
            let inverse = 1 / (squares / Double(rows.size) + epsilon).squareRoot()
            for index in row {
                result[index] = x.type.rounded(Float(Double(x.elements[index]) * inverse)) * scale[index]
            }
        }
        return ["Y": ONNXTensor(shape: x.shape, result, roundedTo: scaleType)]
    }

    func gelu() throws -> [String: ONNXTensor] {
        let x = try floats("X")
        let approximation = try attributes.string("approximate") ?? "none"
        guard approximation == "none" || approximation == "tanh" else {
            throw ONNXError.invalid("attribute approximate is \(approximation); it should be none or tanh")
        }
        let result = x.elements.map { element in
            let x = Double(element)
            let gate =
                approximation == "tanh"
                ? tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)) : erf(x * 0.5.squareRoot())
            return Float(0.5 * x * (1 + gate))
        }
        return ["Y": ONNXTensor(shape: x.shape, result, roundedTo: x.type)]
    }

    func swish() throws -> [String: ONNXTensor] {
        let x = try floats("X")
        let alpha = Double(try attributes.float("alpha") ?? 1)
        let result = x.elements.map { Float(Double($0) / (1 + exp(-alpha * Double($0)))) }
        return ["Y": ONNXTensor(shape: x.shape, result, roundedTo: x.type)]
    }

    /// The rows that a normalisation treats alone: all dimensions from the axis on.
    private func normalizedRows(_ shape: [Int]) throws -> (size: Int, statisticsShape: [Int]) {
        guard !shape.isEmpty else { throw ONNXError.invalid("\(name) of a scalar") }
        let axis = try axis(default: -1, rank: shape.count)
        let ones = [Int](repeating: 1, count: shape.count - axis)
        return (shape[axis...].reduce(1, *), Array(shape[..<axis]) + ones)
    }

    /// An input repeated to `shape`.
    private func broadcast(_ input: String, to shape: [Int]) throws -> [Float] {
        let tensor = try floats(input)
        return try ONNXTensor.broadcast(tensor.elements, tensor.shape, to: shape)
    }
}
