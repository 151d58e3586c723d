import Foundation
import Testing

@testable import transformer

/// The commands on the models that `bash Tests/run --models` fetches.
@Suite(.serialized) struct CommandTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path

    private static func folder(_ name: String) -> String {
        (ProcessInfo.processInfo.environment["ATTENTION_KERNELS_MODELS"] ?? root + "/.models") + "/" + name
    }

    @Test func missingFolders() throws {
        let command = try EmbedCommand.parse(["--model", "/nowhere", "--text", "a"])
        let error = #expect(throws: (any Error).self) { try command.run() }
        #expect("\(try #require(error))".hasPrefix("/nowhere is no folder; it should be one with a model's files"))
    }

    @Test(arguments: [
        ["embed"], ["embed", "--text", "a", "--top", "0"], ["generate"], ["generate", "--prompt", "a", "--top-k", "3"],
        ["generate", "--prompt", "a", "--raw", "--system", "b"], ["logits", "--tokens", "x"],
        ["attend", "--text", "a", "--view", "all of them"], ["embed", "--text", "a", "--kernel", "quick"],
        ["embed", "--text", "a", "--precision", "half"], ["embed", "--text", "a", "--threads", "1,2"],
    ])
    func wrongArguments(arguments: [String]) throws {
        var command = try TransformerTool.parseAsRoot(arguments + ["--model", "/nowhere"])
        let error = #expect(throws: (any Error).self) { try command.run() }
        #expect("\(try #require(error))".hasPrefix("--"))
    }

    private func run(_ arguments: [String]) throws {
        var command = try TransformerTool.parseAsRoot(arguments)
        try command.run()
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: folder("minilm")), "bash Tests/run --models fetches it"))
    func picturesAndTensors() throws {
        let name = FileManager.default.temporaryDirectory.appendingPathComponent("attend-\(UUID().uuidString)").path
        let files = ["heads", "mean", "rollout"].flatMap { ["\(name)-\($0).svg", "\(name)-\($0).html"] }
        defer { for file in files + [name + ".safetensors"] { try? FileManager.default.removeItem(atPath: file) } }
        try run([
            "attend", "--model", Self.folder("minilm"), "--text", "The <cat> sits", "--output", name, "--tensors",
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
                try run(["attend", "--model", Self.folder("minilm"), "--text", "a", "--output", name, wrong, "12"])
            }
        }
        // A model of another kind than the command's.
        #expect(throws: (any Error).self) { try run(["generate", "--model", Self.folder("minilm"), "--prompt", "a"]) }
    }
}
