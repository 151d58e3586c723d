import AttentionKernels
import BenchmarkHarness
import Foundation
import Safetensors
import Testing

/// The node cases of the ONNX standard, and what the command says of cases that are wrong.
@Suite struct ConformanceTests {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Tests/Conformance/onnx").path

    @Test(arguments: AttentionKernel.allCases) func everyCasePasses(kernel: AttentionKernel) throws {
        for isa in InstructionSet.available {
            let execution = Execution(threads: 2, instructionSet: isa)
            let conformance = try Conformance(folder: Self.folder, kernel: kernel, execution: execution)
            #expect(conformance.outcomes.count == 122)
            for (name, _, outcome) in conformance.outcomes {
                if case .passed = outcome { continue }
                Issue.record("\(name) with \(kernel) on \(isa.name): \(outcome)")
            }
        }
    }

    private func folder(_ cases: String, _ expected: Float, in directory: TemporaryDirectory) throws {
        try Data(#"{"cases": [\#(cases)]}"#.utf8).write(to: URL(fileURLWithPath: directory.file("cases.json")))
        var writer = SafetensorsWriter()
        try writer.add("in.X", shape: [2], floats: [0, 1])
        try writer.add("out.Y", shape: [2], floats: [0, expected])
        try writer.write(path: directory.file("swish.safetensors"))
    }

    private static func testCase(_ name: String, op: String, file: String = "swish.safetensors") -> String {
        #"""
        {"name": "\#(name)", "op": "\#(op)", "domain": "", "opset": 24, "attributes": {"alpha": 1.0},
         "inputs": {"X": {"dtype": "float32", "shape": [2]}}, "outputs": {"Y": {"dtype": "float32", "shape": [2]}},
         "file": "\#(file)"}
        """#
    }

    @Test func failuresAreCountedAndTold() throws {
        let directory = try TemporaryDirectory()
        let cases = [
            Self.testCase("off", op: "Swish"), Self.testCase("unknown", op: "Sigmoid"),
            Self.testCase("lost", op: "Swish", file: "none.safetensors"),
        ]
        try folder(cases.joined(separator: ","), 0.75, in: directory)
        let conformance = try Conformance(folder: directory.path, kernel: .fused, execution: .shared)
        #expect(conformance.failureCount == 2)
        #expect(conformance.text.contains("failed: off: output Y: element 1 is 0.731"))
        #expect(conformance.text.contains("not supported: unknown: operator Sigmoid"))
        #expect(conformance.text.contains("failed: lost:"))
        let outcome = try BuiltCommand.run(["conformance", directory.path])
        #expect(outcome.exitCode == 2)
        #expect(outcome.output == conformance.text)
    }

    @Test func theExitCodeIsZeroWhenAllPass() throws {
        let directory = try TemporaryDirectory()
        try folder(Self.testCase("right", op: "Swish"), 0.73105858, in: directory)
        let outcome = try BuiltCommand.run(["conformance", directory.path])
        #expect(outcome.exitCode == 0)
        #expect(outcome.output.contains("Swish"))
        try BuiltCommand.expectError(["conformance", directory.file("nowhere")], "cases.json cannot be read")
    }
}
