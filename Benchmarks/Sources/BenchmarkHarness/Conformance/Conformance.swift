import AttentionKernels
import ONNXOperators
import Safetensors

/// Runs a folder of node cases of the ONNX standard and judges every output.
///
/// A `float32` or `float64` element may differ by 1e-6 and 2e-6 of its value, a 16-bit one by 2 units in its last place;
/// infinities, NaN, integers and booleans must be the same.
public struct Conformance: Sendable {
    /// What became of one case.
    public enum Outcome: Sendable, Equatable {
        /// The worst error of an output, in units of what it may be.
        case passed(Double)
        /// Why not.
        case failed(String)
        /// What this library does not support.
        case unsupported(String)
    }

    /// Every case of the folder with its outcome, in the list's order.
    public let outcomes: [(name: String, op: String, outcome: Outcome)]

    /// Runs all cases of `folder`, which holds `cases.json` and the files it names.
    ///
    /// - Throws: ``HarnessError`` if the list is missing or malformed. A case that cannot be read is a failure.
    public init(folder: String, kernel: AttentionKernel, execution: Execution) throws {
        outcomes = try ConformanceList(folder: folder).cases.map { testCase in
            (testCase.name, testCase.op, Self.run(testCase, folder, kernel, execution))
        }
    }

    private static func run(
        _ testCase: ConformanceCase, _ folder: String, _ kernel: AttentionKernel, _ execution: Execution
    ) -> Outcome {
        do {
            let file = try SafetensorsFile(path: folder + "/" + testCase.file)
            var inputs: [String: ONNXTensor] = [:]
            for name in testCase.inputs.keys { inputs[name] = try ONNXTensor(stored: file.tensor("in." + name)) }
            let node = ONNXOperator(
                name: testCase.op, domain: testCase.domain, opset: testCase.opset, attributes: testCase.attributes)
            let results = try node.run(
                inputs, outputs: Set(testCase.outputs.keys), kernel: kernel, execution: execution)
            var worst = 0.0
            for name in testCase.outputs.keys.sorted() {
                guard let result = results[name] else { return .failed("there is no output \(name)") }
                let expected = try ONNXTensor(stored: file.tensor("out." + name))
                worst = max(worst, try ConformanceJudge(name: name, expected: expected).error(of: result))
            }
            return .passed(worst)
        } catch ONNXError.unsupported(let reason) {
            return .unsupported(reason)
        } catch {
            return .failed("\(error)")
        }
    }

    /// The number of failures. What is not supported is none, but is listed.
    public var failureCount: Int {
        outcomes.count { if case .failed = $0.outcome { true } else { false } }
    }

    /// A table of operators, then every case that did not pass with its reason.
    public var text: String {
        var table = TextTable([
            ("operator", .left), ("passed", .right), ("failed", .right), ("not supported", .right),
            ("worst error / allowed", .right),
        ])
        for op in Set(outcomes.map(\.op)).sorted() {
            let group = outcomes.filter { $0.op == op }.map(\.outcome)
            let passed = group.compactMap { if case .passed(let error) = $0 { error } else { nil } }
            let failed = group.count { if case .failed = $0 { true } else { false } }
            table.add([
                op, "\(passed.count)", "\(failed)", "\(group.count - passed.count - failed)",
                passed.max().map { NumberText.significant($0) } ?? "",
            ])
        }
        let rest = outcomes.compactMap { name, _, outcome -> String? in
            switch outcome {
            case .passed: nil
            case .failed(let reason): "failed: \(name): \(reason)"
            case .unsupported(let reason): "not supported: \(name): \(reason)"
            }
        }
        return table.aligned + rest.map { $0 + "\n" }.joined()
    }
}

/// How far an output is from what is expected, in units of what is allowed.
struct ConformanceJudge {
    let name: String
    let expected: ONNXTensor

    /// - Throws: ``HarnessError`` if the output is wrong: of another shape or kind, or too far off.
    func error(of result: ONNXTensor) throws -> Double {
        guard result.shape == expected.shape else {
            throw HarnessError("output \(name) has the shape \(result.shape); it should be \(expected.shape)")
        }
        switch (result.values, expected.values) {
        case (.integers(let actual), .integers(let right)) where actual == right: return 0
        case (.booleans(let actual), .booleans(let right)) where actual == right: return 0
        case (.floats(let actual, let type), .floats(let right, let rightType)) where type == rightType:
            return try worst(actual, right, type)
        default: throw HarnessError("output \(name) differs in type or elements")
        }
    }

    private func worst(_ actual: [Float], _ right: [Float], _ type: ONNXFloatType) throws -> Double {
        var worst = 0.0
        for (index, (x, y)) in zip(actual, right).enumerated() {
            if x == y || (x.isNaN && y.isNaN) { continue }
            let allowed =
                switch type {
                case .float32, .float64: 1e-6 + 2e-6 * Double(y.magnitude)
                case .float16, .bfloat16: 2 * type.ulp(at: y)
                }
            let error = abs(Double(x) - Double(y)) / allowed
            guard error <= 1 else {
                throw HarnessError("output \(name): element \(index) is \(x); it should be \(y) within \(allowed)")
            }
            worst = max(worst, error)
        }
        return worst
    }
}

extension ONNXTensor {
    /// A tensor of a file.
    fileprivate init(stored: StoredTensor) throws {
        let values: Values =
            switch stored.type {
            case .bool: .booleans(try stored.booleans())
            case .float32: .floats(try stored.floats(), .float32)
            case .float64: .floats(try stored.floats(), .float64)
            case .float16: .floats(try stored.floats(), .float16)
            case .bfloat16: .floats(try stored.floats(), .bfloat16)
            default: .integers(try stored.integers())
            }
        try self.init(shape: stored.shape, values: values)
    }
}
