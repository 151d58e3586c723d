import AttentionKernels
import BenchmarkHarness
import Foundation
import Safetensors
import Testing

@Suite struct ApplyCommandTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// Writes an attention's inputs; the shapes have rank 2, 3 or 4.
    private func writeAttention(
        _ name: String = "in.safetensors", q: [Int], k: [Int], v: [Int],
        _ more: (inout SafetensorsWriter) throws -> Void = { _ in }
    ) throws -> String {
        var generator = SeededGenerator(seed: 1)
        var writer = SafetensorsWriter()
        for (tensor, shape) in [("q", q), ("k", k), ("v", v)] {
            try writer.add(tensor, shape: shape, floats: generator.gaussians(shape.reduce(1, *)))
        }
        try more(&writer)
        try writer.write(path: directory.file(name))
        return directory.file(name)
    }

    @Test(arguments: [2, 3, 4], AttentionKernel.allCases)
    func outputsAreVerifiedAtEveryRank(rank: Int, kernel: AttentionKernel) throws {
        let input = try writeAttention(
            q: Array([2, 4, 7, 8].suffix(rank)), k: Array([2, 2, 9, 8].suffix(rank)),
            v: Array([2, 2, 9, 5].suffix(rank)))
        let output = directory.file("out.safetensors")
        let options = ["--scale", "-0.25", "--causal", "-1"]
        let applied = try BuiltCommand.run(
            ["apply", "attention", "--input", input, "--output", output, "--kernel", kernel.rawValue, "--threads", "2"]
                + ["--isa", "portable", "--lse", "--weights"] + options)
        #expect(applied.exitCode == 0, "\(applied.errors)")
        let file = try SafetensorsFile(path: output)
        #expect(file.names == ["lse", "o", "weights"])
        #expect(try file.tensor("o").shape == Array([2, 4, 7, 5].suffix(rank)))
        #expect(try file.tensor("lse").shape == Array([2, 4, 7].suffix(rank - 1)))
        #expect(try file.tensor("weights").shape == Array([2, 4, 7, 9].suffix(rank)))
        // Query 0 sees no key at an offset of -1.
        #expect(try file.tensor("lse").floats()[0] == -.infinity)

        let right = try BuiltCommand.run(["verify", "--input", input, "--candidate", output] + options)
        #expect(right.exitCode == 0 && right.output.contains("all 3 pass"), "\(right.output)\(right.errors)")
        let wrong = try BuiltCommand.run(["verify", "--input", input, "--candidate", output])
        #expect(wrong.exitCode == 1 && wrong.output.contains("3 of 3 FAIL"))
    }

    @Test func masksBiasesAndLengthsCount() throws {
        var generator = SeededGenerator(seed: 4)
        let input = try writeAttention(q: [2, 4, 7, 8], k: [2, 2, 9, 8], v: [2, 2, 9, 5]) { writer in
            try writer.add("mask", shape: [7, 9], booleans: (0..<63).map { $0 % 3 != 0 })
            try writer.add("bias", shape: [4, 1, 9], floats: generator.gaussians(36))
            try writer.add("kv_lengths", shape: [2], integers: [9, 4])
        }
        let output = directory.file("out.safetensors")
        let applied = try BuiltCommand.run(
            ["apply", "attention", "--input", input, "--output", output, "--mask-kind", "drop"])
        #expect(applied.exitCode == 0, "\(applied.errors)")
        #expect(try SafetensorsFile(path: output).names == ["o"])
        let verify = ["verify", "--input", input, "--candidate", output]
        #expect(try BuiltCommand.run(verify + ["--mask-kind", "drop"]).exitCode == 0)
        #expect(try BuiltCommand.run(verify + ["--mask-kind", "keep"]).exitCode == 1)
        let all = try BuiltCommand.run(["verify", "--input", input, "--mask-kind", "drop"])
        #expect(all.exitCode == 0, "\(all.output)")
        for name in ["naive", "blocked", "fused", "portable", "weights"] { #expect(all.output.contains(name)) }
    }

    @Test func productsAreVerified() throws {
        let (input, output) = (directory.file("ab.safetensors"), directory.file("c.safetensors"))
        var generator = SeededGenerator(seed: 2)
        var writer = SafetensorsWriter()
        try writer.add("a", shape: [2, 5, 7], floats: generator.gaussians(70))
        try writer.add("b", shape: [3, 5], floats: generator.gaussians(15))
        try writer.add("c", shape: [2, 7, 3], floats: generator.gaussians(42))
        try writer.write(path: input)
        let options = ["--transpose-a", "--transpose-b", "--alpha", "-1.5", "--beta", "0.5"]
        let applied = try BuiltCommand.run(["apply", "gemm", "--input", input, "--output", output] + options)
        #expect(applied.exitCode == 0, "\(applied.errors)")
        #expect(try SafetensorsFile(path: output).tensor("c").shape == [2, 7, 3])
        #expect(try BuiltCommand.run(["verify", "--input", input, "--candidate", output] + options).exitCode == 0)
        #expect(try BuiltCommand.run(["verify", "--input", input] + options).exitCode == 0)
        let wrong = try BuiltCommand.run(
            ["verify", "--input", input, "--candidate", output, "--transpose-a", "--transpose-b"])
        #expect(wrong.exitCode == 1)
    }

    @Test func productsOfSixteenBitsAreVerified() throws {
        let (input, output) = (directory.file("ab.safetensors"), directory.file("c.safetensors"))
        var generator = SeededGenerator(seed: 3)
        var writer = SafetensorsWriter()
        let a = generator.gaussians(70).flatMap { BFloat16($0).bitPattern.littleEndianBytes }
        let b = generator.gaussians(30).flatMap { Float16($0).bitPattern.littleEndianBytes }
        try writer.add("a", type: .bfloat16, shape: [7, 10], bytes: a.prefix(140).map(\.self))
        try writer.add("b", type: .float16, shape: [10, 3], bytes: b)
        try writer.write(path: input)
        for (options, type) in [
            ([], ElementType.bfloat16), (["--output-dtype", "f32"], .float32), (["--output-dtype", "f16"], .float16),
        ] {
            let applied = try BuiltCommand.run(["apply", "gemm", "--input", input, "--output", output] + options)
            #expect(applied.exitCode == 0, "\(applied.errors)")
            let product = try SafetensorsFile(path: output).tensor("c")
            #expect(product.type == type && product.shape == [7, 3])
            #expect(try BuiltCommand.run(["verify", "--input", input, "--candidate", output]).exitCode == 0)
        }
        #expect(try BuiltCommand.run(["verify", "--input", input]).exitCode == 0)
        #expect(
            try BuiltCommand.run(["verify", "--input", input, "--candidate", output, "--alpha", "1.01"]).exitCode == 1)
        try BuiltCommand.expectError(
            ["apply", "gemm", "--input", input, "--output", output, "--output-dtype", "int8"],
            "--output-dtype: \"int8\" should be f32, bf16 or f16")
    }

    @Test func outputMayReplaceInput() throws {
        let input = try writeAttention(q: [3, 4], k: [3, 4], v: [3, 4])
        #expect(try BuiltCommand.run(["apply", "attention", "--input", input, "--output", input]).exitCode == 0)
        #expect(try SafetensorsFile(path: input).names == ["o"])
        let before = FileManager.default.contents(atPath: input)
        try BuiltCommand.expectError(
            ["apply", "attention", "--input", input, "--output", input], "tensor \"o\" is unknown")
        #expect(FileManager.default.contents(atPath: input) == before)
    }

    @Test func emptyInputsAreLegal() throws {
        let input = try writeAttention(q: [2, 3, 4], k: [2, 0, 4], v: [2, 0, 4])
        let output = directory.file("o.safetensors")
        #expect(try BuiltCommand.run(["apply", "attention", "--input", input, "--output", output]).exitCode == 0)
        #expect(try SafetensorsFile(path: output).tensor("o").floats() == [Float](repeating: 0, count: 24))
        #expect(try BuiltCommand.run(["verify", "--input", input]).exitCode == 0)
    }

    @Test func badFilesAreOneSentenceAndNoOutput() throws {
        let output = directory.file("out.safetensors")
        func expect(_ input: String, _ sentence: String, _ more: [String] = [], verb: String = "attention") throws {
            try BuiltCommand.expectError(["apply", verb, "--input", input, "--output", output] + more, sentence)
            #expect(!FileManager.default.fileExists(atPath: output))
        }
        try expect(directory.file("absent"), "could not be opened: No such file")
        try OutputFile.write("not a safetensors file", to: directory.file("text"))
        try expect(directory.file("text"), "is no safetensors file")
        let good = try writeAttention(q: [3, 4], k: [3, 4], v: [3, 4])
        let bytes = try #require(FileManager.default.contents(atPath: good))
        try OutputFile.write(bytes.dropLast(), to: directory.file("cut"))
        try expect(directory.file("cut"), "are not inside the file's")
        try expect(good, "tensor \"k\" is unknown here; it should be one of a, b, c", verb: "gemm")
    }

    @Test func badTensorsAndOptionsAreOneSentence() throws {
        let output = directory.file("out.safetensors")
        func expect(_ input: String, _ sentence: String, _ more: [String] = []) throws {
            try BuiltCommand.expectError(["apply", "attention", "--input", input, "--output", output] + more, sentence)
            #expect(!FileManager.default.fileExists(atPath: output))
        }
        var writer = SafetensorsWriter()
        try writer.add("q", shape: [1, 4], floats: [1, 2, 3, 4])
        try writer.add("k", shape: [1, 4], floats: [1, 2, 3, 4])
        try writer.write(path: directory.file("two"))
        try expect(directory.file("two"), "tensor \"v\" is missing; the file has k, q")
        try writer.add("v", type: .int16, shape: [1, 4], bytes: [UInt8](repeating: 0, count: 8))
        try writer.write(path: directory.file("short"))
        try expect(
            directory.file("short"), "tensor \"v\" has the element type I16; it should be F32 or BF16 or F16")
        try expect(try writeAttention(q: [3, 4], k: [3, 5], v: [3, 4]), "headDim is 4")
        try expect(
            try writeAttention(q: [3, 4], k: [2, 3, 4], v: [3, 4]),
            "tensor \"k\" has the shape [2, 3, 4]; it should have 2 dimensions, as q")
        try expect(try writeAttention(q: [3, 2, 4], k: [2, 2, 4], v: [2, 2, 4]), "multiple of kvHeads")
        try expect(
            try writeAttention(q: [4], k: [4], v: [4]), "tensor \"q\" has the shape [4]; it should have 2, 3 or 4")
        let masked = try writeAttention(q: [3, 4], k: [3, 4], v: [3, 4]) {
            try $0.add("mask", shape: [3, 3], floats: [Float](repeating: 1, count: 9))
        }
        try expect(masked, "tensor \"mask\" has the element type F32; it should be BOOL or U8")
        let long = try writeAttention(q: [3, 4], k: [3, 4], v: [3, 4]) {
            try $0.add("kv_lengths", shape: [1], integers: [4])
        }
        try expect(long, "it should be in 0 ... 3")

        let good = try writeAttention(q: [3, 4], k: [3, 4], v: [3, 4])
        try expect(good, "--threads: \"0\" should be", ["--threads", "0"])
        try expect(good, "--isa: \"sse\" should be", ["--isa", "sse"])
        try expect(good, "--kernel: \"flash\" should be", ["--kernel", "flash"])
        try expect(good, "--causal: \"up\" should be", ["--causal", "up"])
        try expect(good, "--mask-kind: \"both\" should be", ["--mask-kind", "both"])
        try expect(good, "it should be finite", ["--scale", "nan"])
        try BuiltCommand.expectError(
            ["apply", "attention", "--input", good, "--output", directory.file("no/dir")], "could not be created")
        try BuiltCommand.expectError(
            ["apply", "attention", "--input", good, "--output", output], "CK_ISA", environment: ["CK_ISA": "sse"])
        // What the command line says outranks the environment.
        let chosen = try BuiltCommand.run(
            ["apply", "attention", "--input", good, "--output", output, "--isa", "portable"],
            environment: ["CK_ISA": "sse"])
        #expect(chosen.exitCode == 0)
    }

    @Test func verifyRefusesWhatDoesNotFit() throws {
        let input = try writeAttention(q: [3, 4], k: [3, 4], v: [3, 4])
        func candidate(_ name: String, _ shape: [Int]) throws -> String {
            var writer = SafetensorsWriter()
            try writer.add(name, shape: shape, floats: [Float](repeating: 0, count: shape.reduce(1, *)))
            try writer.write(path: directory.file(name))
            return directory.file(name)
        }
        try BuiltCommand.expectError(
            ["verify", "--input", input, "--candidate", try candidate("o", [4, 3])],
            "for this input it should be [3, 4]")
        try BuiltCommand.expectError(
            ["verify", "--input", input, "--candidate", try candidate("out", [3, 4])], "tensor \"out\" is unknown here")
        try BuiltCommand.expectError(["verify", "--input", try candidate("x", [1])], "should hold the tensors q, k, v")
        // Zeros are no attention.
        let zeros = try BuiltCommand.run(["verify", "--input", input, "--candidate", try candidate("o", [3, 4])])
        #expect(zeros.exitCode == 1 && zeros.output.contains("FAIL"))
    }
}

extension FixedWidthInteger {
    fileprivate var littleEndianBytes: [UInt8] { withUnsafeBytes(of: littleEndian) { Array($0) } }
}
