import AttentionKernels
import BenchmarkHarness
import Foundation
import Safetensors
import Testing

/// The rules of attention that `apply` and `verify` read from tensors, metadata and options.
@Suite struct ApplyRulesTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// Writes an attention of 2 sequences, 4 heads on 2, 7 queries and 9 keys of width 8.
    private func write(
        _ type: ElementType = .float32, metadata: [String: String] = [:], queries: Int = 7,
        _ more: (inout SafetensorsWriter) throws -> Void = { _ in }
    ) throws -> String {
        var generator = SeededGenerator(seed: 1)
        var writer = SafetensorsWriter(metadata: metadata)
        for (name, shape) in [("q", [2, 4, queries, 8]), ("k", [2, 2, 9, 8]), ("v", [2, 2, 9, 5])] {
            let numbers = generator.gaussians(shape.reduce(1, *))
            switch type {
            case .bfloat16:
                try writer.add(name, type: type, shape: shape, bytes: Self.bfloat16Bytes(numbers))
            default: try writer.add(name, shape: shape, floats: numbers)
            }
        }
        try more(&writer)
        let path = directory.file("in-\(UUID().uuidString)")
        try writer.write(path: path)
        return path
    }

    private static func bfloat16Bytes(_ numbers: [Float]) -> [UInt8] {
        numbers.flatMap { value in withUnsafeBytes(of: BFloat16(value).bitPattern.littleEndian) { Array($0) } }
    }

    /// Applies, verifies the result with the same options, and expects it to be wrong with `without` instead.
    private func expect(
        _ input: String, _ options: [String] = [], wrongWith without: (input: String, options: [String])? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let output = directory.file("out-\(UUID().uuidString)")
        let applied = try BuiltCommand.run(
            ["apply", "attention", "--input", input, "--output", output, "--lse", "--weights"] + options)
        #expect(applied.exitCode == 0, "\(applied.errors)", sourceLocation: sourceLocation)
        let right = try BuiltCommand.run(["verify", "--input", input, "--candidate", output] + options)
        #expect(
            right.exitCode == 0 && right.output.contains("all 3 pass"), "\(right.output)\(right.errors)",
            sourceLocation: sourceLocation)
        guard let without else { return }
        let wrong = try BuiltCommand.run(
            ["verify", "--input", without.input, "--candidate", output] + without.options)
        #expect(wrong.exitCode == 1, "\(wrong.output)\(wrong.errors)", sourceLocation: sourceLocation)
    }

    @Test(arguments: [
        ["--window-left", "2"], ["--window-right", "1"], ["--window-left", "2", "--alignment", "bottom-right"],
        ["--causal", "3", "--window-left", "2"], ["--alibi"], ["--alibi", "--alignment", "-4"], ["--softcap", "0.5"],
        ["--qk-norm"], ["--off-by-one"], ["--scale", "-2"],
    ]) func optionsCount(options: [String]) throws {
        let input = try write()
        try expect(input, options, wrongWith: (input, []))
    }

    @Test func tensorsCount() throws {
        let plain = try write()
        func check(
            _ options: [String] = [], _ more: (inout SafetensorsWriter) throws -> Void
        ) throws {
            try expect(
                try write(.float32, more), options,
                wrongWith: (plain, options.filter { !$0.contains("block") && Int($0) == nil }))
        }
        try check { try $0.add("query_lengths", shape: [2], integers: [7, 3]) }
        try check(["--causal", "bottom-right"]) { try $0.add("prefix_lengths", shape: [2], integers: [0, 6]) }
        try check {
            try $0.add("q_segments", shape: [7], integers: [0, 0, 1, 1, 2, 2, 2])
            try $0.add("k_segments", shape: [2, 9], integers: (0..<18).map { $0 / 4 % 3 })
        }
        try check(["--query-block", "2", "--key-block", "4"]) {
            try $0.add("block_mask", shape: [4, 4, 3], booleans: (0..<48).map { $0 % 5 != 2 })
        }
        try check { try $0.add("alibi_slopes", shape: [4], floats: [0.5, 0.25, 0, -0.5]) }
        try check { try $0.add("sinks", shape: [1], floats: [1.5]) }
        try check { try $0.add("head_scales", shape: [4], floats: [1, 2, 3, 4]) }
        try check { try $0.add("bias", shape: [9], floats: (0..<9).map { Float($0) / 4 }) }
        try check { try $0.add("kv_starts", shape: [2], integers: [3, 0]) }
        try check {
            try $0.add("bias", type: .bfloat16, shape: [9], bytes: Self.bfloat16Bytes((0..<9).map { Float($0) / 4 }))
        }
    }

    @Test func oneListOfSegmentsServesSelfAttention() throws {
        let input = try write(queries: 9) { try $0.add("segments", shape: [9], integers: (0..<9).map { $0 / 3 }) }
        try expect(input, wrongWith: (try write(queries: 9), []))
        try BuiltCommand.expectError(
            [
                "apply", "attention", "--output", directory.file("no"), "--input",
                try write { try $0.add("segments", shape: [9], integers: [Int](repeating: 0, count: 9)) },
            ], "tensor \"segments\" has the shape [9]; it should be [7] or [2, 7]")
    }

    @Test func aCacheIsTheRowsBefore() throws {
        var generator = SeededGenerator(seed: 9)
        let past = generator.gaussians(2 * 2 * 3 * 8)
        let input = try write {
            try $0.add("past_k", shape: [2, 2, 3, 8], floats: past)
            try $0.add("past_v", shape: [2, 2, 3, 5], floats: Array(past.prefix(60)))
        }
        let output = directory.file("cached")
        try expect(input, ["--causal", "bottom-right"])
        let applied = try BuiltCommand.run(
            ["apply", "attention", "--input", input, "--output", output, "--weights", "--kernel", "naive"])
        #expect(applied.exitCode == 0, "\(applied.errors)")
        let file = try SafetensorsFile(path: output)
        #expect(try file.tensor("weights").shape == [2, 4, 7, 12])
    }

    @Test func halfTypesGiveTheirOwnOrTheChosenType() throws {
        let input = try write(.bfloat16)
        try expect(input, ["--causal", "1"], wrongWith: (input, []))
        for (options, type) in [
            ([], ElementType.bfloat16), (["--output-dtype", "f32"], .float32),
            (["--output-dtype", "f16", "--f32-probabilities"], .float16),
        ] {
            let output = directory.file("typed")
            let applied = try BuiltCommand.run(["apply", "attention", "--input", input, "--output", output] + options)
            #expect(applied.exitCode == 0, "\(applied.errors)")
            #expect(try SafetensorsFile(path: output).tensor("o").type == type)
            #expect(try BuiltCommand.run(["verify", "--input", input, "--candidate", output]).exitCode == 0)
        }
        let all = try BuiltCommand.run(["verify", "--input", input])
        #expect(all.exitCode == 0, "\(all.output)")
    }

    @Test func metadataSaysTheSameAsOptions() throws {
        let plain = try write()
        let metadata = [
            "attention.causal": "top-left", "attention.scale": "0.5", "attention.window_left": "3",
            "attention.softcap": "2", "attention.qk_norm": "true", "attention.alibi": "true",
            "attention.off_by_one": "true", "attention.output_dtype": "f16", "format": "pt",
        ]
        let options = [
            "--causal", "top-left", "--scale", "0.5", "--window-left", "3", "--softcap", "2", "--qk-norm", "--alibi",
            "--off-by-one",
        ]
        let (said, told) = (directory.file("said"), directory.file("told"))
        #expect(
            try BuiltCommand.run(
                ["apply", "attention", "--input", try write(metadata: metadata), "--output", said]
            ).exitCode == 0)
        #expect(
            try BuiltCommand.run(
                ["apply", "attention", "--input", plain, "--output", told, "--output-dtype", "f16"] + options
            ).exitCode == 0)
        let (o, other) = (try SafetensorsFile(path: said).tensor("o"), try SafetensorsFile(path: told).tensor("o"))
        #expect(o.type == .float16 && o.bytes() == other.bytes())
        // The command line wins.
        let input = try write(metadata: ["attention.causal": "top-left"])
        try expect(input, ["--causal", "none"], wrongWith: (input, []))
    }

    @Test func mapsAreThoseOfTheWeights() throws {
        let input = try write { try $0.add("kv_starts", shape: [2], integers: [2, 0]) }
        let output = directory.file("maps")
        let rules = ["--causal", "bottom-right", "--softcap", "3"]
        let applied = try BuiltCommand.run(
            [
                "apply", "attention", "--input", input, "--output", output, "--weights", "--column-mass", "--entropy",
                "--top", "3", "--heat-map", "2x4", "--map-weights", "--map-queries", "1:6", "--map-keys", "0:8",
            ] + rules)
        #expect(applied.exitCode == 0, "\(applied.errors)")
        let file = try SafetensorsFile(path: output)
        #expect(!file.contains("lse"))
        let all = try file.tensor("weights").floats()
        let (queries, keys) = (1..<6, 0..<8)
        func weight(_ map: Int, _ query: Int, _ key: Int) -> Float { all[(map * 7 + query) * 9 + key] }
        func expect(_ name: String, _ shape: [Int], _ value: (Int, Int) -> Float) throws {
            let tensor = try file.tensor(name)
            #expect(tensor.shape == [2, 4] + shape, "\(name)")
            let each = shape.reduce(1, *)
            for (index, found) in try tensor.floats().enumerated() {
                let wanted = value(index / each, index % each)
                #expect(abs(found - wanted) <= 4e-6, "\(name)[\(index)] is \(found), not \(wanted)")
            }
        }
        try expect("map_weights", [5, 8]) { map, place in weight(map, 1 + place / 8, place % 8) }
        try expect("column_mass", [8]) { map, key in queries.reduce(0) { $0 + weight(map, $1, key) } }
        try expect("entropy", [5]) { map, row in
            keys.reduce(0) { sum, key in
                let w = weight(map, 1 + row, key)
                return w > 0 ? sum - w * log(w) : sum
            }
        }
        try expect("top_weights", [5, 3]) { map, place in
            keys.map { weight(map, 1 + place / 3, $0) }.sorted(by: >)[place % 3]
        }
        try expect("heat_map", [3, 2]) { map, place in
            let rows = (1 + place / 2 * 2..<min(6, 3 + place / 2 * 2))
            let columns = place % 2 * 4..<place % 2 * 4 + 4
            var sum: Float = 0
            for row in rows { for column in columns { sum += weight(map, row, column) } }
            return sum / Float(rows.count * columns.count)
        }
        let top = try file.tensor("top_keys").integers()
        let heaviest = try file.tensor("top_weights").floats()
        for (place, key) in top.enumerated() where key >= 0 {
            #expect(abs(weight(place / 15, 1 + place % 15 / 3, key) - heaviest[place]) <= 4e-6)
        }
        let verified = try BuiltCommand.run(["verify", "--input", input, "--candidate", output] + rules)
        #expect(verified.exitCode == 0 && verified.output.contains("heat_map: not checked"), "\(verified.output)")
    }

    @Test func badMapsAreOneSentence() throws {
        for (options, sentence) in [
            (["--heat-map", "4"], "--heat-map: \"4\" should be queries x keys"),
            (["--entropy", "--map-queries", "4"], "--map-queries: \"4\" should be first:end"),
            (["--mean-heads"], "should come with a map"), (["--top", "0"], "top"),
            (["--entropy", "--map-keys", "3:99"], "mapKeys"),
        ] {
            try BuiltCommand.expectError(
                ["apply", "attention", "--input", try write(), "--output", directory.file("no")] + options, sentence)
        }
    }

    @Test func badRulesAreOneSentence() throws {
        func refuse(
            _ sentence: String, _ options: [String] = [], metadata: [String: String] = [:],
            _ more: (inout SafetensorsWriter) throws -> Void = { _ in },
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            try BuiltCommand.expectError(
                [
                    "apply", "attention", "--input", try write(metadata: metadata, more), "--output",
                    directory.file("no"),
                ]
                    + options, sentence, sourceLocation: sourceLocation)
            #expect(!FileManager.default.fileExists(atPath: directory.file("no")))
        }
        try refuse("metadata \"attention.casual\" is unknown", metadata: ["attention.casual": "none"])
        try refuse("\"attention.scale\": \"big\" should be a number", metadata: ["attention.scale": "big"])
        try refuse("\"attention.qk_norm\": \"1\" should be true or false", metadata: ["attention.qk_norm": "1"])
        try refuse("--alignment: \"left\" should be", ["--alignment", "left"])
        try refuse("--output-dtype: \"f64\" should be f32, bf16 or f16", ["--output-dtype", "f64"])
        try refuse("softcap: -1.0 should be finite and 0 or more", ["--softcap", "-1"])
        try refuse("tensor \"block_mask\" is missing", ["--query-block", "4"])
        try refuse("\"block_mask\" needs the sizes of a block") {
            try $0.add("block_mask", shape: [4, 3], booleans: [Bool](repeating: true, count: 12))
        }
        try refuse("blocks of queries", ["--query-block", "2", "--key-block", "4"]) {
            try $0.add("block_mask", shape: [3, 3], booleans: [Bool](repeating: true, count: 9))
        }
        try refuse("tensor \"k_segments\" is missing") {
            try $0.add("q_segments", shape: [7], integers: [0, 0, 0, 0, 0, 0, 0])
        }
        try refuse("\"query_lengths\" has the shape [3]; it should be [2], the batch") {
            try $0.add("query_lengths", shape: [3], integers: [1, 1, 1])
        }
        try refuse("0 ... 7") { try $0.add("query_lengths", shape: [2], integers: [1, 8]) }
        try refuse("there are 3; there should be one for each of 4 heads") {
            try $0.add("sinks", shape: [3], floats: [1, 2, 3])
        }
        try refuse("\"alibi_slopes\" and --alibi both give slopes", ["--alibi"]) {
            try $0.add("alibi_slopes", shape: [4], floats: [1, 2, 3, 4])
        }
        try refuse("\"past_k\" is f32 of the shape [2, 2, 3, 4]") {
            try $0.add("past_k", shape: [2, 2, 3, 4], floats: [Float](repeating: 0, count: 48))
        }
        try refuse("window", ["--window-left", "-1"])
    }
}
