import Foundation
import Safetensors
import Testing

@testable import transformer

/// The commands on the models that `bash Tests/run --models` fetches.
@Suite(.serialized) struct CommandTests {
    @Test func missingFolders() throws {
        let command = try EmbedCommand.parse(["--model", "/nowhere", "--text", "a"])
        let error = #expect(throws: (any Error).self) { try command.run() }
        #expect("\(try #require(error))".hasPrefix("/nowhere is no folder; it should be one with a model's files"))
    }

    @Test(arguments: [
        ["embed"], ["embed", "--text", "a", "--top", "0"], ["logits", "--tokens", "x"],
        ["generate", "--prompt", "a", "--precision", "half"],
        ["attend", "--text", "a", "--view", "all of them"], ["attend", "--text", "a", "--part", "all"],
        ["embed", "--text", "a", "--kernel", "quick"],
        ["embed", "--text", "a", "--precision", "half"], ["embed", "--text", "a", "--threads", "1,2"],
    ])
    func wrongArguments(arguments: [String]) throws {
        var command = try TransformerTool.parseAsRoot(arguments + ["--model", "/nowhere"])
        let error = #expect(throws: (any Error).self) { try command.run() }
        #expect("\(try #require(error))".hasPrefix("--"))
    }

    /// Each is refused before the model is read, by a sentence that names the option and what it should be.
    @Test(arguments: [
        ([], "--prompt or --tokens: one of them should"),
        (["--prompt", "a", "--tokens", "1"], "--prompt and --tokens: "),
        (["--prompt", "a", "--raw", "--system", "b"], "--system: "),
        (["--tokens", "1", "--raw"], "--raw and --system: "),
        (["--tokens", "1", "--system", "b"], "--raw and --system: "), (["--tokens", ""], "--tokens: \"\" should be"),
        (["--prompt", "a", "--top-k", "3"], "--top-k and --top-p: they need a --temperature"),
        (["--prompt", "a", "--temperature", "0"], "--temperature: 0.0 should be finite and more than 0"),
        (["--prompt", "a", "--temperature", "inf"], "--temperature: inf should be"),
        (["--prompt", "a", "--temperature", "1", "--top-k", "0"], "--top-k: 0 should be at least 1"),
        (["--prompt", "a", "--temperature", "1", "--top-p", "0"], "--top-p: 0.0 should be more than 0"),
        (
            ["--prompt", "a", "--temperature", "1", "--top-p", "1.5"],
            "--top-p: 1.5 should be more than 0 and at most 1"
        ),
    ])
    func wrongArgumentsOfGenerate(arguments: [String], start: String) throws {
        let error = #expect(throws: (any Error).self) { try run(["generate", "--model", "/nowhere"] + arguments) }
        #expect("\(try #require(error))".hasPrefix(start))
    }

    private func run(_ arguments: [String]) throws {
        var command = try TransformerTool.parseAsRoot(arguments)
        try command.run()
    }

    /// Draws one view into a file of its own; its text.
    private func picture(_ model: String, _ arguments: [String]) throws -> String {
        let name = FileManager.default.temporaryDirectory.appendingPathComponent("attend-\(UUID().uuidString)").path
        let files = [name + ".svg", name + ".html"]
        defer { for file in files { try? FileManager.default.removeItem(atPath: file) } }
        try run(["attend", "--model", ModelFolders.path(model), "--output", name] + arguments)
        #expect(try String(contentsOfFile: files[1], encoding: .utf8).contains("</html>"))
        return try String(contentsOfFile: files[0], encoding: .utf8)
    }

    /// Each row of the file's weights and rollouts adds up to 1, of what comes later nothing is seen.
    private func tensors(_ model: String, _ arguments: [String], causal: Bool) throws -> [Int] {
        let name = FileManager.default.temporaryDirectory.appendingPathComponent("attend-\(UUID().uuidString)").path
        let files = [name + ".svg", name + ".safetensors"]
        defer { for file in files { try? FileManager.default.removeItem(atPath: file) } }
        try run(
            [
                "attend", "--model", ModelFolders.path(model), "--output", files[0], "--view", "mean", "--tensors",
                files[1],
            ]
                + arguments)
        let file = try SafetensorsFile(path: files[1])
        for tensor in [try file.tensor("attention"), try file.tensor("rollout")] {
            let (weights, keys) = (try tensor.floats(), tensor.shape.last ?? 1)
            let queries = tensor.shape[tensor.shape.count - 2]
            for row in 0..<weights.count / keys {
                let part = weights[row * keys..<(row + 1) * keys]
                #expect(abs(part.reduce(0, +) - 1) < 1e-4, "row \(row)")
                if causal { #expect(part.dropFirst(row % queries + 1).allSatisfy { $0 == 0 }, "row \(row)") }
            }
        }
        #expect(try file.tensor("query_ids").shape == [file.tensor("attention").shape[2]])
        #expect(try file.tensor("key_ids").shape == [file.tensor("attention").shape[3]])
        return try file.tensor("attention").shape
    }

    @Test(ModelFolders.needs("annalog")) func partsOfAnEncoderDecoder() throws {
        let answer = ["--text", "CCO", "--target", "CC(=O)O"]
        for (part, shape) in [("encoder", [3, 8, 5, 5]), ("decoder", [3, 8, 8, 8]), ("cross", [3, 8, 8, 5])] {
            #expect(try tensors("annalog", answer + ["--part", part], causal: part == "decoder") == shape)
        }
        // From its own answer to the text, if nothing else is asked for.
        let heads = try picture("annalog", ["--text", "CCO", "--view", "heads"])
        #expect(heads.contains("layer 2, head 7") && heads.contains("&lt;sos&gt;") && heads.contains("cross"))
        let rollout = try picture("annalog", ["--text", "CCO", "--view", "rollout", "--layers", "0,2"])
        #expect(rollout.contains("rollout up to layer 2") && !rollout.contains("rollout up to layer 1"))
    }

    @Test(ModelFolders.needs("smollm2")) func promptsThatDoNotFit() throws {
        for (arguments, start) in [
            (["--raw", "--prompt", ""], "--prompt: it has no tokens"),
            (["--prompt", "a", "--max-tokens", "9000"], "--max-tokens: 9000 should be from 1 to 81"),
            (["--prompt", "a", "--max-tokens", "0"], "--max-tokens: 0 should be from 1 to 81"),
            (["--prompt", "a", "--max-tokens", "\(Int.max)"], "--max-tokens: \(Int.max) should be from 1 to 81"),
            (["--raw", "--prompt", String(repeating: "a ", count: 9000)], "--prompt: it has"),
            (["--tokens", Array(repeating: "1", count: 8192).joined(separator: ",")], "--tokens: it has 8192 tokens"),
            (["--tokens", "49152"], "tokens: token 0 is 49152"),
        ] {
            let error = #expect(throws: (any Error).self) {
                try run(["generate", "--model", ModelFolders.path("smollm2")] + arguments)
            }
            #expect("\(try #require(error))".hasPrefix(start))
        }
    }

    @Test(ModelFolders.needs("smollm2")) func causalAttentionOfADecoder() throws {
        #expect(try tensors("smollm2", ["--text", "Attention is all you need"], causal: true) == [30, 9, 5, 5])
        let text = try picture("smollm2", ["--text", "Attention is all", "--view", "mean", "--layers", "29"])
        #expect(text.contains("layer 29, mean of 9 heads") && text.contains("Attention"))
        for wrong in [["--part", "cross"], ["--target", "a"], ["--text", String(repeating: "a ", count: 600)]] {
            let error = #expect(throws: (any Error).self) {
                try run(["attend", "--model", ModelFolders.path("smollm2"), "--text", "a"] + wrong)
            }
            #expect("\(try #require(error))".hasPrefix(wrong[0]))
        }
    }

    @Test(ModelFolders.needs("minilm")) func picturesAndTensors() throws {
        let name = FileManager.default.temporaryDirectory.appendingPathComponent("attend-\(UUID().uuidString)").path
        let files = ["heads", "mean", "rollout"].flatMap { ["\(name)-\($0).svg", "\(name)-\($0).html"] }
        defer { for file in files + [name + ".safetensors"] { try? FileManager.default.removeItem(atPath: file) } }
        try run([
            "attend", "--model", ModelFolders.path("minilm"), "--text", "The <cat> sits", "--output", name, "--tensors",
            name + ".safetensors",
        ])
        for file in files {
            let text = try String(contentsOfFile: file, encoding: .utf8)
            #expect(text.contains("[CLS]") && text.contains("&lt;"))
        }
        let picture = try String(contentsOfFile: files[0], encoding: .utf8)
        #expect(picture.contains("layer 5, head 11"))
        #expect(FileManager.default.fileExists(atPath: name + ".safetensors"))
        for wrong in ["--layers", "--heads"] {
            #expect(throws: (any Error).self) {
                try run([
                    "attend", "--model", ModelFolders.path("minilm"), "--text", "a", "--output", name, wrong, "12",
                ])
            }
        }
        // A model of another kind than the command's.
        #expect(throws: (any Error).self) {
            try run(["generate", "--model", ModelFolders.path("minilm"), "--prompt", "a"])
        }
    }
}
