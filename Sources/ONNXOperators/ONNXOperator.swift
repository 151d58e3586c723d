import AttentionKernels

/// One node of an ONNX graph, run by this library: a thin adapter from the standard's operators to the kernels.
///
/// Supported: Attention (opset 23 to 25), FlexAttention (preview 1), RotaryEmbedding, Softmax and LogSoftmax (opset 1 to
/// 13), MatMul, Gemm, LayerNormalization, RMSNormalization, Gelu, Swish and TensorScatter, on floating-point types.
public struct ONNXOperator: Sendable {
    /// The operator's name, such as `Attention`.
    public let name: String
    /// Empty for the standard's own operators.
    public let domain: String
    /// The version of the operator set.
    public let opset: Int
    public let attributes: ONNXAttributes

    public init(name: String, domain: String = "", opset: Int, attributes: ONNXAttributes = [:]) {
        self.name = name
        self.domain = domain
        self.opset = opset
        self.attributes = attributes
    }

    /// The names of all operators that ``run(_:outputs:kernel:execution:)`` knows.
    public static var supportedNames: [String] { implementations.keys.sorted() }

    /// The operator's outputs by their formal names.
    ///
    /// - Parameters:
    ///   - inputs: by their formal names; optional ones may be absent.
    ///   - outputs: the names of the outputs wanted; nil for all. Some that are not may be there too.
    ///   - kernel: the kernel for attention and products.
    ///   - execution: threads and instruction set.
    /// - Throws: ``ONNXError`` if the operator is not supported or its inputs break its specification.
    public func run(
        _ inputs: [String: ONNXTensor], outputs: Set<String>? = nil, kernel: AttentionKernel = .fused,
        execution: Execution = .shared
    ) throws(ONNXError) -> [String: ONNXTensor] {
        guard let implementation = Self.implementations[name], domain.isEmpty || domain == "ai.onnx.preview" else {
            throw .unsupported("operator \(domain.isEmpty ? name : "\(domain).\(name)")")
        }
        let node = ONNXNode(name: name, opset: opset, attributes: attributes, inputs: inputs, outputs: outputs)
        do {
            return try implementation(node, kernel, execution)
        } catch let error as ONNXError {
            throw error
        } catch {
            throw .invalid("\(error)")
        }
    }

    private typealias Implementation =
        @Sendable (ONNXNode, AttentionKernel, Execution) throws -> [String: ONNXTensor]

    private static let implementations: [String: Implementation] = [
        "Attention": { try ONNXAttention($0).run($1, $2) },
        "FlexAttention": { try $0.flexAttention($1, $2) },
        "RotaryEmbedding": { node, _, execution in try node.rotaryEmbedding(execution) },
        "Softmax": { node, _, execution in try node.softmax(logarithm: false, execution) },
        "LogSoftmax": { node, _, execution in try node.softmax(logarithm: true, execution) },
        "MatMul": { try $0.matMul($1, $2) },
        "Gemm": { try $0.gemm($1, $2) },
        "LayerNormalization": { node, _, execution in try node.layerNormalization(execution) },
        "RMSNormalization": { node, _, execution in try node.rmsNormalization(execution) },
        "Gelu": { node, _, _ in try node.gelu() },
        "Swish": { node, _, _ in try node.swish() },
        "TensorScatter": { node, _, _ in try node.tensorScatter() },
    ]
}

/// A node with its inputs at hand.
struct ONNXNode {
    let name: String
    let opset: Int
    let attributes: ONNXAttributes
    let inputs: [String: ONNXTensor]
    let outputs: Set<String>?

    func wants(_ output: String) -> Bool { outputs?.contains(output) ?? true }

    func input(_ name: String) throws(ONNXError) -> ONNXTensor {
        guard let tensor = inputs[name] else {
            throw .invalid("\(self.name) needs the input \(name)")
        }
        return tensor
    }

    /// A floating-point input.
    func floats(_ name: String) throws(ONNXError) -> (elements: [Float], shape: [Int], type: ONNXFloatType) {
        let tensor = try input(name)
        guard case .floats(let elements, let type) = tensor.values else {
            throw .unsupported("\(self.name) of an input \(name) that is not of a floating-point type")
        }
        return (elements, tensor.shape, type)
    }

    func integers(_ name: String) throws(ONNXError) -> [Int] {
        guard case .integers(let elements) = try input(name).values else {
            throw .invalid("the input \(name) of \(self.name) should be of an integer type")
        }
        return elements
    }

    /// The axis attribute, counted from the front.
    func axis(default standard: Int, rank: Int) throws(ONNXError) -> Int {
        let axis = try attributes.integer("axis") ?? standard
        guard (-rank..<rank).contains(axis) else {
            throw .invalid("attribute axis is \(axis); for rank \(rank) it should be in \(-rank) ..< \(rank)")
        }
        return axis < 0 ? axis + rank : axis
    }
}
