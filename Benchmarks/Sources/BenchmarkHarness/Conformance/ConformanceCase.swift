import Foundation
import ONNXOperators

/// The list `cases.json` of a folder of node cases of the ONNX standard.
struct ConformanceList: Decodable {
    let cases: [ConformanceCase]

    init(folder: String) throws {
        let path = folder + "/cases.json"
        guard let data = FileManager.default.contents(atPath: path) else {
            throw HarnessError("\(path) cannot be read; a conformance folder has this list of its cases")
        }
        do {
            self = try JSONDecoder().decode(ConformanceList.self, from: data)
        } catch {
            throw HarnessError("\(path) is not a list of cases: \(error)")
        }
    }
}

/// One case: a node, and the file with its inputs `in.NAME` and expected outputs `out.NAME`.
struct ConformanceCase: Decodable {
    struct Value: Decodable {
        let dtype: String
        let shape: [Int]
    }

    let name: String
    let op: String
    let domain: String
    let opset: Int
    let attributes: [String: ONNXAttribute]
    let inputs: [String: Value]
    let outputs: [String: Value]
    let file: String

    private enum CodingKeys: String, CodingKey {
        case name, op, domain, opset, attributes, inputs, outputs, file
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        name = try container.decode(String.self, forKey: .name)
        op = try container.decode(String.self, forKey: .op)
        domain = try container.decodeIfPresent(String.self, forKey: .domain) ?? ""
        opset = try container.decode(Int.self, forKey: .opset)
        let attributes = try container.decodeIfPresent([String: JSONAttribute].self, forKey: .attributes) ?? [:]
        self.attributes = attributes.mapValues(\.value)
        inputs = try container.decode([String: Value].self, forKey: .inputs)
        outputs = try container.decode([String: Value].self, forKey: .outputs)
        file = try container.decode(String.self, forKey: .file)
    }
}

/// An attribute as JSON gives it: a number, a string, or an object with a graph's text.
private struct JSONAttribute: Decodable {
    private struct Graph: Decodable {
        let text: String

        private enum CodingKeys: String, CodingKey {
            case text = "graph_text"
        }
    }

    let value: ONNXAttribute

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let integer = try? container.decode(Int.self) {
            value = .integer(integer)
        } else if let float = try? container.decode(Double.self) {
            value = .float(float)
        } else if let string = try? container.decode(String.self) {
            value = .string(string)
        } else {
            value = .graph(try container.decode(Graph.self).text)
        }
    }
}
