/// Why an ONNX operator did not run.
public enum ONNXError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The operator, or something it asks for, is not there.
    case unsupported(String)
    /// Inputs or attributes contradict the operator's specification.
    case invalid(String)

    public var description: String {
        switch self {
        case .unsupported(let reason): "not supported: \(reason)"
        case .invalid(let reason): "invalid: \(reason)"
        }
    }
}

/// The attributes of a node by name.
public typealias ONNXAttributes = [String: ONNXAttribute]

/// The value of a node's attribute.
public enum ONNXAttribute: Sendable, Equatable {
    case integer(Int)
    case float(Double)
    case string(String)
    /// A graph in ONNX's textual syntax.
    case graph(String)
}

extension [String: ONNXAttribute] {
    func integer(_ name: String) throws(ONNXError) -> Int? {
        switch self[name] {
        case nil: nil
        case .integer(let value): value
        default: throw .invalid("attribute \(name) should be an integer")
        }
    }

    func flag(_ name: String) throws(ONNXError) -> Bool { try integer(name) ?? 0 != 0 }

    func float(_ name: String) throws(ONNXError) -> Float? {
        switch self[name] {
        case nil: nil
        case .float(let value): Float(value)
        case .integer(let value): Float(value)
        default: throw .invalid("attribute \(name) should be a number")
        }
    }

    func string(_ name: String) throws(ONNXError) -> String? {
        switch self[name] {
        case nil: nil
        case .string(let value): value
        default: throw .invalid("attribute \(name) should be a string")
        }
    }
}
