import AttentionKernels
import BenchmarkHarness
import Foundation
import Safetensors
import Testing

/// K and V that `apply` and `verify` round first, to numbers or to a cache of 8 bits.
@Suite struct ApplyKeyValueTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// Writes an attention of 2 sequences, 4 heads on 2, 7 queries and 9 keys of width 8.
    private func write(
        metadata: [String: String] = [:], _ more: (inout SafetensorsWriter) throws -> Void = { _ in }
    ) throws -> String {
        var generator = SeededGenerator(seed: 1)
        var writer = SafetensorsWriter(metadata: metadata)
        for (name, shape) in [("q", [2, 4, 7, 8]), ("k", [2, 2, 9, 8]), ("v", [2, 2, 9, 5])] {
            try writer.add(name, shape: shape, floats: generator.gaussians(shape.reduce(1, *)))
        }
        try more(&writer)
        let path = directory.file("in-\(UUID().uuidString)")
        try writer.write(path: path)
        return path
    }

    private func apply(_ input: String, _ options: [String]) throws -> String {
        let output = directory.file("out-\(UUID().uuidString)")
        let applied = try BuiltCommand.run(["apply", "attention", "--input", input, "--output", output] + options)
        #expect(applied.exitCode == 0, "\(applied.errors)")
        return output
    }

    private func expect(
        _ isRight: Bool, _ candidate: String, of input: String, _ options: [String],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let verified = try BuiltCommand.run(["verify", "--input", input, "--candidate", candidate] + options)
        #expect(verified.exitCode == (isRight ? 0 : 1), "\(verified.errors)", sourceLocation: sourceLocation)
        #expect(
            verified.output.contains(isRight ? "all 1 pass" : "1 of 1 FAIL"), "\(verified.output)",
            sourceLocation: sourceLocation)
    }

    @Test(arguments: ["i8", "bf16", "f16"]) func keysAndValuesAreRounded(type: String) throws {
        let rules = ["--causal", "bottom-right", "--alibi"]
        let input = try write()
        let output = try apply(input, ["--kv-dtype", type] + rules)
        try expect(true, output, of: input, ["--kv-dtype", type] + rules)
        try expect(false, output, of: input, rules)
        let all = try BuiltCommand.run(["verify", "--input", input, "--kv-dtype", type] + rules)
        #expect(all.exitCode == 0 && all.output.contains("only o") == false, "\(all.output)\(all.errors)")
        #expect(all.output.contains("Only o was checked") == (type == "i8"))
    }

    @Test(arguments: AttentionKernel.allCases) func aCacheTakesLengthsTypesAndScales(kernel: AttentionKernel) throws {
        var generator = SeededGenerator(seed: 3)
        let past = generator.gaussians(2 * 2 * 3 * 8)
        let input = try write(metadata: ["attention.kv_dtype": "i8"]) {
            try $0.add("past_k", shape: [2, 2, 3, 8], floats: past)
            try $0.add("past_v", shape: [2, 2, 3, 5], floats: Array(past.prefix(60)))
            try $0.add("kv_lengths", shape: [2], integers: [12, 5])
            try $0.add("k_scales", shape: [2, 8], floats: (1...16).map { Float($0) / 80 })
            try $0.add("mask", shape: [7, 12], booleans: (0..<84).map { $0 % 5 != 2 })
        }
        let output = try apply(input, ["--output-dtype", "f16", "--kernel", kernel.rawValue])
        #expect(try SafetensorsFile(path: output).tensor("o").type == .float16)
        try expect(true, output, of: input, [])
        try expect(false, output, of: input, ["--scale", "1"])
        let plain = try apply(input, ["--kernel", kernel.rawValue])
        let byRow = try write(metadata: ["attention.kv_dtype": "i8"]) {
            try $0.add("past_k", shape: [2, 2, 3, 8], floats: past)
            try $0.add("past_v", shape: [2, 2, 3, 5], floats: Array(past.prefix(60)))
            try $0.add("kv_lengths", shape: [2], integers: [12, 5])
            try $0.add("mask", shape: [7, 12], booleans: (0..<84).map { $0 % 5 != 2 })
        }
        try expect(true, plain, of: input, [])
        try expect(false, plain, of: byRow, [])
    }

    /// One key: the output is its value as the cache holds it, ties rounded to even.
    @Test func eachNumberIsTheNearestMultipleOfItsScale() throws {
        func held(_ value: [Float], scales: [Float]? = nil) throws -> [Float] {
            var writer = SafetensorsWriter()
            try writer.add("q", shape: [1, 4], floats: [1, 2, 3, 4])
            try writer.add("k", shape: [1, 4], floats: [1, 1, 1, 1])
            try writer.add("v", shape: [1, value.count], floats: value)
            if let scales { try writer.add("v_scales", shape: [1, value.count], floats: scales) }
            let input = directory.file("in-\(UUID().uuidString)")
            try writer.write(path: input)
            let output = try apply(input, ["--kv-dtype", "i8"])
            try expect(true, output, of: input, ["--kv-dtype", "i8"])
            return try SafetensorsFile(path: output).tensor("o").floats()
        }
        #expect(try held([254, 1, 3, 5, -7, 100.4]) == [254, 0, 4, 4, -8, 100])
        #expect(try held([254, 1, 3, 5, -7, 100.4], scales: [1, 1, 2, 4, 0, 0.5]) == [127, 1, 4, 4, 0, 63.5])
        #expect(try held([0, 0]) == [0, 0])
    }

    @Test func badRoundingIsOneSentence() throws {
        func refuse(
            _ sentence: String, _ options: [String], verb: [String] = ["apply", "attention"],
            _ more: (inout SafetensorsWriter) throws -> Void = { _ in }
        ) throws {
            let output = directory.file("no.svg")
            try BuiltCommand.expectError(
                verb + ["--input", try write(more), "--output", output] + options, sentence)
            #expect(!FileManager.default.fileExists(atPath: output))
        }
        try refuse("--kv-dtype: \"i4\" should be f32, bf16, f16 or i8", ["--kv-dtype", "i4"])
        for options in [["--lse"], ["--weights"], ["--entropy"]] {
            try refuse("for lse, weights and maps it should be f32, bf16 or f16", ["--kv-dtype", "i8"] + options)
        }
        try refuse("--kv-dtype: with --qk-norm it should be", ["--kv-dtype", "i8", "--qk-norm"])
        try refuse("for a map it should be f32, bf16 or f16", ["--kv-dtype", "i8"], verb: ["map"])
        try refuse("\"k_scales\" is for K and V of 8 bits; --kv-dtype should then be i8", []) {
            try $0.add("k_scales", shape: [2, 8], floats: [Float](repeating: 1, count: 16))
        }
        try refuse("\"v_scales\" has the shape [2, 8]; it should be [2, 5]", ["--kv-dtype", "i8"]) {
            try $0.add("v_scales", shape: [2, 8], floats: [Float](repeating: 1, count: 16))
        }
        try refuse("valueScales: every element should be finite and 0 or more", ["--kv-dtype", "i8"]) {
            try $0.add("v_scales", shape: [2, 5], floats: [Float](repeating: -1, count: 10))
        }
        try refuse("keyLengths: it is 10; it should be in 0 ... 9", ["--kv-dtype", "i8"]) {
            try $0.add("kv_lengths", shape: [2], integers: [10, 3])
        }
    }
}
