/// A small graph in ONNX's textual syntax, as FlexAttention's modifiers are given: one input, one output, initial
/// values and nodes in order.
///
/// ```
/// name (float[B,H,L,S] scores) => (float[B,H,L,S] out) <float cap = {20}> { x = Div (scores, cap) ... }
/// ```
struct ONNXGraph {
    struct Node {
        let outputs: [String]
        let operation: String
        let attributes: [String: ONNXGraphValue]
        let inputs: [String]
    }

    let input: String
    let output: String
    let initial: [String: ONNXGraphValue]
    let nodes: [Node]

    init(text: String) throws(ONNXError) {
        var scanner = ONNXGraphScanner(text)
        _ = try scanner.word()
        let inputs = try Self.parameters(&scanner)
        try scanner.expect("=")
        try scanner.expect(">")
        let outputs = try Self.parameters(&scanner)
        guard inputs.count == 1, outputs.count == 1 else {
            throw .invalid("a modifier graph should have one input and one output, not \(inputs) and \(outputs)")
        }
        (input, output) = (inputs[0], outputs[0])
        var initial: [String: ONNXGraphValue] = [:]
        if scanner.skip("<") {
            repeat {
                let type = try scanner.word()
                let shape = try scanner.dimensions()
                let name = try scanner.word()
                try scanner.expect("=")
                initial[name] = try scanner.tensor(type, shape)
            } while scanner.skip(",")
            try scanner.expect(">")
        }
        self.initial = initial
        try scanner.expect("{")
        var nodes: [Node] = []
        while !scanner.skip("}") { nodes.append(try Self.node(&scanner)) }
        self.nodes = nodes
    }

    /// `(float[B, H] name, ...)`
    private static func parameters(_ scanner: inout ONNXGraphScanner) throws(ONNXError) -> [String] {
        try scanner.expect("(")
        var names: [String] = []
        repeat {
            _ = try scanner.word()
            if scanner.skip("[") { while !scanner.skip("]") { scanner.advance() } }
            names.append(try scanner.word())
        } while scanner.skip(",")
        try scanner.expect(")")
        return names
    }

    /// `out = Operation <axis: int = 0> (a, b)`
    private static func node(_ scanner: inout ONNXGraphScanner) throws(ONNXError) -> Node {
        var outputs = [try scanner.word()]
        while scanner.skip(",") { outputs.append(try scanner.word()) }
        try scanner.expect("=")
        let operation = try scanner.word()
        var attributes: [String: ONNXGraphValue] = [:]
        if scanner.skip("<") {
            repeat {
                let name = try scanner.word()
                if scanner.skip(":") {
                    _ = try scanner.word()
                    _ = try scanner.dimensions()
                }
                try scanner.expect("=")
                attributes[name] = try scanner.attribute()
            } while scanner.skip(",")
            try scanner.expect(">")
        }
        try scanner.expect("(")
        var inputs: [String] = []
        if !scanner.skip(")") {
            repeat { inputs.append(try scanner.word()) } while scanner.skip(",")
            try scanner.expect(")")
        }
        return Node(outputs: outputs, operation: operation, attributes: attributes, inputs: inputs)
    }

    /// The graph applied to one tensor, in double precision; comparisons give 0 and 1.
    func callAsFunction(_ tensor: ONNXGraphValue) throws(ONNXError) -> ONNXGraphValue {
        var values = initial
        values[input] = tensor
        for node in nodes {
            var operands: [ONNXGraphValue] = []
            for name in node.inputs {
                guard let value = values[name] else {
                    throw .invalid("\(node.operation) reads \(name), which is not there")
                }
                operands.append(value)
            }
            values[node.outputs[0]] = try ONNXGraphOperation(node.operation, node.attributes).run(operands)
        }
        guard let result = values[output], result.shape == tensor.shape else {
            throw .invalid("a modifier graph's output \(output) should have the shape \(tensor.shape)")
        }
        return result
    }
}

/// A tensor inside a graph.
struct ONNXGraphValue {
    var shape: [Int]
    var elements: [Double]
}

/// Words, numbers and signs of the textual syntax.
struct ONNXGraphScanner {
    private let tokens: [String]
    private var position = 0

    init(_ text: String) {
        var tokens: [String] = []
        var word = ""
        for character in text {
            if character.isLetter || character.isNumber || "_.+-".contains(character) {
                word.append(character)
                continue
            }
            if !word.isEmpty { tokens.append(word) }
            word = ""
            if !character.isWhitespace { tokens.append(String(character)) }
        }
        if !word.isEmpty { tokens.append(word) }
        self.tokens = tokens
    }

    mutating func advance() { position += 1 }

    mutating func skip(_ token: String) -> Bool {
        // At the end every sign is there, so that loops for one stop; what is missing then fails.
        guard position < tokens.count else { return true }
        if tokens[position] != token { return false }
        position += 1
        return true
    }

    mutating func expect(_ token: String) throws(ONNXError) {
        guard position < tokens.count, tokens[position] == token else {
            throw .invalid(
                "a graph's text should have \(token) at \(position < tokens.count ? tokens[position] : "its end")")
        }
        position += 1
    }

    mutating func word() throws(ONNXError) -> String {
        guard position < tokens.count else { throw .invalid("a graph's text ends too early") }
        position += 1
        return tokens[position - 1]
    }

    private mutating func number() throws(ONNXError) -> Double {
        let text = try word()
        guard let number = Double(text) else { throw .invalid("\(text) in a graph's text should be a number") }
        return number
    }

    private mutating func numbers(until end: String) throws(ONNXError) -> [Double] {
        var result: [Double] = []
        if skip(end) { return result }
        repeat { result.append(try number()) } while skip(",")
        try expect(end)
        return result
    }

    /// `[2, 3]`, or nothing for a scalar.
    mutating func dimensions() throws(ONNXError) -> [Int] {
        guard position < tokens.count, tokens[position] == "[" else { return [] }
        position += 1
        return try numbers(until: "]").map { Int($0) }
    }

    /// `{1, 2}`
    mutating func tensor(_ type: String, _ shape: [Int]) throws(ONNXError) -> ONNXGraphValue {
        try expect("{")
        let elements = try numbers(until: "}")
        guard elements.count == shape.reduce(1, *) else {
            throw .invalid("a \(type) of shape \(shape) has \(elements.count) elements")
        }
        return ONNXGraphValue(shape: shape, elements: elements)
    }

    /// A number, a list `[1, 2]`, or a tensor `float[2] {1, 2}`.
    mutating func attribute() throws(ONNXError) -> ONNXGraphValue {
        if position < tokens.count, tokens[position] == "[" {
            let elements = try dimensions().map(Double.init)
            return ONNXGraphValue(shape: [elements.count], elements: elements)
        }
        let text = try word()
        if let number = Double(text) { return ONNXGraphValue(shape: [], elements: [number]) }
        return try tensor(text, try dimensions())
    }
}
