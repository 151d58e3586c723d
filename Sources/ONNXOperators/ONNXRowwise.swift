import AttentionKernels
import Foundation

// Softmax, normalisations and activations, rounded once to the type of the output.

extension ONNXNode {
    func softmax(logarithm: Bool, _ execution: Execution) throws -> [String: ONNXTensor] {
        let x = try floats("input")
        guard !x.shape.isEmpty else { throw ONNXError.invalid("\(name) of a scalar") }
        let axis = try axis(default: opset >= 13 ? -1 : 1, rank: x.shape.count)
        let before = x.shape[..<axis].reduce(1, *)
        // Before opset 13 all dimensions from the axis on are one.
        let size = opset >= 13 ? x.shape[axis] : x.shape[axis...].reduce(1, *)
        let behind = opset >= 13 ? x.shape[(axis + 1)...].reduce(1, *) : 1
        // Element `index` of the rows, in each of which the axis lies together, among those of x.
        func place(_ index: Int) -> Int {
            let (row, column) = (index / size, index % size)
            return row / behind * size * behind + column * behind + row % behind
        }
        var rows = try Tensor(shape: [before * behind, size]) { x.elements[place($0)] }
        try AttentionKernels.softmax(
            nil, logarithm: logarithm,
            into: MatrixOutput(rows.mutableSpan, MatrixLayout(rows: before * behind, columns: size)),
            execution: execution)
        var result = x.elements
        for (index, element) in rows.elements.enumerated() { result[place(index)] = element }
        return ["output": ONNXTensor(shape: x.shape, result, roundedTo: x.type)]
    }

    func layerNormalization(_ execution: Execution) throws -> [String: ONNXTensor] {
        let x = try floats("X")
        let rows = try normalizedRows(x.shape)
        let epsilon = try attributes.float("epsilon") ?? 1e-5
        let result = try normalized(.layer, "X", by: "Scale", and: "B", epsilon: epsilon, execution)
        var (means, deviations): ([Float], [Float]) = ([], [])
        for first in stride(from: 0, to: x.elements.count, by: max(rows.size, 1)) {
            let row = x.elements[first..<first + rows.size].map(Double.init)
            let mean = row.reduce(0, +) / Double(rows.size)
            let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(rows.size)
            means.append(Float(mean))
            deviations.append(Float(1 / (variance + Double(epsilon)).squareRoot()))
        }
        let stash: ONNXFloatType = try attributes.integer("stash_type") == 16 ? .bfloat16 : .float32
        return [
            "Y": ONNXTensor(shape: x.shape, result, roundedTo: x.type),
            "Mean": ONNXTensor(shape: rows.statisticsShape, means, roundedTo: stash),
            "InvStdDev": ONNXTensor(shape: rows.statisticsShape, deviations, roundedTo: stash),
        ]
    }

    func rmsNormalization(_ execution: Execution) throws -> [String: ONNXTensor] {
        let epsilon = try attributes.float("epsilon") ?? 1e-5
        let result = try normalized(.rms, "X", by: "scale", and: nil, epsilon: epsilon, execution)
        return ["Y": ONNXTensor(shape: try floats("X").shape, result, roundedTo: try floats("scale").type)]
    }

    /// The rows of an input normalised, then scaled and shifted by inputs that broadcast to it.
    private func normalized(
        _ norm: Norm, _ input: String, by scale: String, and shift: String?, epsilon: Float, _ execution: Execution
    ) throws -> [Float] {
        let x = try floats(input)
        let size = try normalizedRows(x.shape).size
        let layout = MatrixLayout(rows: x.elements.count / max(size, 1), columns: size)
        var rows = try Tensor(shape: [layout.rows, size], elements: x.elements)
        try normalize(
            nil, norm, epsilon: epsilon, into: MatrixOutput(rows.mutableSpan, layout), execution: execution)
        let factors = try broadcast(scale, to: x.shape)
        let added = try shift.flatMap { inputs[$0] == nil ? nil : try broadcast($0, to: x.shape) }
        // The first stage's result has the type of X: the factors are no part of it.
        return rows.elements.enumerated().map { index, element in
            x.type.rounded(element) * factors[index] + (added?[index] ?? 0)
        }
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
