import Foundation

/// One operation of a modifier graph.
struct ONNXGraphOperation {
    let name: String
    let attributes: [String: ONNXGraphValue]

    init(_ name: String, _ attributes: [String: ONNXGraphValue]) {
        self.name = name
        self.attributes = attributes
    }

    func run(_ x: [ONNXGraphValue]) throws(ONNXError) -> ONNXGraphValue {
        if let one = Self.unary[name], x.count == 1 {
            return ONNXGraphValue(shape: x[0].shape, elements: x[0].elements.map(one))
        }
        if let two = Self.binary[name], x.count == 2 {
            let shape = try broadcastShape(x.map(\.shape))
            let (left, right) = (try repeated(x[0], shape), try repeated(x[1], shape))
            return ONNXGraphValue(shape: shape, elements: zip(left, right).map(two))
        }
        switch (name, x.count) {
        case ("Where", 3):
            let shape = try broadcastShape(x.map(\.shape))
            let (condition, left, right) = (
                try repeated(x[0], shape), try repeated(x[1], shape), try repeated(x[2], shape)
            )
            return ONNXGraphValue(
                shape: shape, elements: condition.indices.map { condition[$0] != 0 ? left[$0] : right[$0] })
        case ("Constant", 0): return try constant()
        case ("Cast", 1): return cast(x[0])
        case ("Shape", 1): return ONNXGraphValue(shape: [x[0].shape.count], elements: x[0].shape.map(Double.init))
        case ("Gather", 2): return try gather(x[0], x[1])
        case ("Range", 3):
            let elements = Array(stride(from: x[0].elements[0], to: x[1].elements[0], by: x[2].elements[0]))
            return ONNXGraphValue(shape: [elements.count], elements: elements)
        case ("Reshape", 2): return try reshape(x[0], x[1].elements.map { Int($0) })
        case ("Unsqueeze", 2): return unsqueeze(x[0], x[1].elements.map { Int($0) })
        case ("Squeeze", _): return try reshape(x[0], x[0].shape.filter { $0 != 1 })
        default: throw .unsupported("the operation \(name) of \(x.count) inputs in a graph")
        }
    }

    private static let unary: [String: @Sendable (Double) -> Double] = [
        "Identity": { $0 }, "Neg": { -$0 }, "Abs": { abs($0) }, "Exp": { exp($0) }, "Log": { log($0) },
        "Sqrt": { $0.squareRoot() }, "Tanh": { tanh($0) }, "Sigmoid": { 1 / (1 + exp(-$0)) }, "Relu": { max($0, 0) },
        "Sin": { sin($0) }, "Cos": { cos($0) }, "Erf": { erf($0) }, "Floor": { floor($0) }, "Ceil": { ceil($0) },
        "Reciprocal": { 1 / $0 }, "Not": { $0 == 0 ? 1 : 0 },
    ]

    private static let binary: [String: @Sendable (Double, Double) -> Double] = [
        "Add": { $0 + $1 }, "Sub": { $0 - $1 }, "Mul": { $0 * $1 }, "Div": { $0 / $1 }, "Pow": { pow($0, $1) },
        "Min": { min($0, $1) }, "Max": { max($0, $1) }, "Mod": { $0 - $1 * floor($0 / $1) },
        "Greater": { $0 > $1 ? 1 : 0 }, "GreaterOrEqual": { $0 >= $1 ? 1 : 0 }, "Less": { $0 < $1 ? 1 : 0 },
        "LessOrEqual": { $0 <= $1 ? 1 : 0 }, "Equal": { $0 == $1 ? 1 : 0 },
        "And": { $0 != 0 && $1 != 0 ? 1 : 0 }, "Or": { $0 != 0 || $1 != 0 ? 1 : 0 },
    ]

    private func repeated(_ x: ONNXGraphValue, _ shape: [Int]) throws(ONNXError) -> [Double] {
        try ONNXTensor.broadcast(x.elements, x.shape, to: shape)
    }

    private func broadcastShape(_ shapes: [[Int]]) throws(ONNXError) -> [Int] {
        var result: [Int] = []
        for shape in shapes { result = try ONNXNode.broadcastShape(result, shape) }
        return result
    }

    private func constant() throws(ONNXError) -> ONNXGraphValue {
        for name in ["value", "value_float", "value_int", "value_floats", "value_ints"] {
            if let value = attributes[name] { return value }
        }
        throw .invalid("Constant in a graph has no value")
    }

    /// To an integer type towards zero, to a boolean 0 or 1; floats stay as they are.
    private func cast(_ x: ONNXGraphValue) -> ONNXGraphValue {
        let type = Int(attributes["to"]?.elements.first ?? 1)
        let isFloat = [1, 10, 11, 16].contains(type)
        let elements = isFloat ? x.elements : x.elements.map { type == 9 ? ($0 == 0 ? 0 : 1) : $0.rounded(.towardZero) }
        return ONNXGraphValue(shape: x.shape, elements: elements)
    }

    private func gather(_ x: ONNXGraphValue, _ indices: ONNXGraphValue) throws(ONNXError) -> ONNXGraphValue {
        guard x.shape.count == 1, attributes["axis"]?.elements.first ?? 0 == 0 else {
            throw .unsupported("Gather of rank \(x.shape.count) in a graph")
        }
        var elements: [Double] = []
        for index in indices.elements {
            let position = Int(index) < 0 ? Int(index) + x.elements.count : Int(index)
            guard x.elements.indices.contains(position) else {
                throw .invalid("Gather of element \(index) of \(x.shape)")
            }
            elements.append(x.elements[position])
        }
        return ONNXGraphValue(shape: indices.shape, elements: elements)
    }

    private func reshape(_ x: ONNXGraphValue, _ wanted: [Int]) throws(ONNXError) -> ONNXGraphValue {
        var shape = wanted.enumerated().map { $1 == 0 && $0 < x.shape.count ? x.shape[$0] : $1 }
        if let free = shape.firstIndex(of: -1) {
            let rest = shape.reduce(1) { $1 == -1 ? $0 : $0 * $1 }
            shape[free] = rest == 0 ? 0 : x.elements.count / rest
        }
        guard shape.reduce(1, *) == x.elements.count else { throw .invalid("Reshape of \(x.shape) to \(wanted)") }
        return ONNXGraphValue(shape: shape, elements: x.elements)
    }

    private func unsqueeze(_ x: ONNXGraphValue, _ axes: [Int]) -> ONNXGraphValue {
        let rank = x.shape.count + axes.count
        let places = Set(axes.map { $0 < 0 ? $0 + rank : $0 })
        var rest = x.shape[...]
        let shape = (0..<rank).map { places.contains($0) ? 1 : rest.popFirst() ?? 1 }
        return ONNXGraphValue(shape: shape, elements: x.elements)
    }
}
