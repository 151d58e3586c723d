import Foundation
import Safetensors
import Testing

@testable import transformer

/// The files and documents that commands write, against the references of the models.
@Suite(.serialized) struct OutputTests {
    private static func reference(_ name: String) throws -> SafetensorsFile {
        try SafetensorsFile(path: "\(ModelFolders.root)/Tests/Conformance/models/\(name)/reference.safetensors")
    }

    private struct Prompt: Decodable {
        let prompt, greedyText: String
        let ids, greedyIds: [Int]
    }

    /// What a command writes with `--output`.
    private func output(_ model: String, _ arguments: [String]) throws -> SafetensorsFile {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).safetensors")
            .path
        defer { try? FileManager.default.removeItem(atPath: path) }
        var command = try TransformerTool.parseAsRoot(
            arguments + ["--model", ModelFolders.path(model), "--output", path, "--json"])
        try command.run()
        return try SafetensorsFile(path: path)
    }

    private func largestDifference(_ found: [Float], _ file: SafetensorsFile, _ name: String, from start: Int = 0)
        throws
        -> Double
    {
        try file.tensor(name).withUnsafeBytes { bytes in
            found.indices.reduce(0.0) { largest, index in
                let bits = bytes.loadUnaligned(fromByteOffset: 8 * (start + index), as: UInt64.self)
                return max(largest, abs(Double(found[index]) - Double(bitPattern: UInt64(littleEndian: bits))))
            }
        }
    }

    @Test(ModelFolders.needs("minilm")) func embeddings() throws {
        let path = "\(ModelFolders.root)/Tests/Conformance/models/minilm/sentences.json"
        let sentences = try JSONDecoder().decode([String].self, from: Data(contentsOf: URL(fileURLWithPath: path)))
        let file = try output("minilm", ["embed"] + sentences.flatMap { ["--text", $0] })
        #expect(try file.tensor("embeddings").shape == [6, 384])
        let embeddings = try file.tensor("embeddings").floats()
        #expect(try largestDifference(embeddings, Self.reference("minilm"), "embeddings_f64") <= 2e-6)
        // Rounded products keep the direction of a vector.
        let rounded = try output("minilm", ["embed", "--precision", "bfloat16", "--text", sentences[0]])
        let cosine = zip(try rounded.tensor("embeddings").floats(), embeddings).reduce(0) { $0 + $1.0 * $1.1 }
        #expect(cosine > 0.9995)
    }

    @Test(ModelFolders.needs("annalog")) func logitsOfATargetAndTranslations() throws {
        let reference = try Self.reference("annalog")
        let source = try reference.tensor("src").integers().prefix(30).filter { $0 != 1 }
        let text = source.map(String.init).joined(separator: ",")
        let target = source.dropLast()
        let file = try output(
            "annalog", ["logits", "--source", text, "--tokens", target.map(String.init).joined(separator: ",")])
        #expect(try file.tensor("logits").shape == [target.count, 59])
        #expect(try largestDifference(file.tensor("logits").floats(), reference, "logits_f64") <= 2e-4)
        #expect(try file.tensor("source").integers() == Array(source))
        let answers = try output("annalog", ["translate", "--text", "CCO", "--text", "c1ccccc1"])
        #expect(answers.metadata["text"] == "CCOC(CO)CCOC(=O)CCO\nc1ccccc1COc1ccccc1")
        #expect(try answers.tensor("tokens").shape == [2, 19] && answers.tensor("source_tokens").shape == [2, 10])
        #expect(try answers.tensor("tokens").integers().suffix(1) == [-1])
    }

    @Test(ModelFolders.needs("smollm2")) func logitsAndAnswersOfADecoder() throws {
        let path = "\(ModelFolders.root)/Tests/Conformance/models/smollm2/reference.json"
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let prompts = try decoder.decode([Prompt].self, from: Data(contentsOf: URL(fileURLWithPath: path)))
        let ids = prompts[0].ids
        let text = ids.map(String.init).joined(separator: ",")
        let file = try output("smollm2", ["logits", "--tokens", text])
        #expect(try file.tensor("logits").shape == [ids.count, 49152])
        let last = Array(try file.tensor("logits").floats().suffix(49152))
        #expect(try largestDifference(last, Self.reference("smollm2"), "logits0_f64") <= 2e-4)
        let count = "\(prompts[0].greedyIds.count)"
        // Rounding does not change what is chosen here.
        for precision in [[], ["--precision", "float32"], ["--precision", "bfloat16"], ["--precision", "integer16"]] {
            let answer = try output(
                "smollm2", ["generate", "--raw", "--prompt", prompts[0].prompt, "--max-tokens", count] + precision)
            #expect(try answer.tensor("prompt_tokens").integers() == ids)
            #expect(try answer.tensor("tokens").integers() == prompts[0].greedyIds)
            #expect(answer.metadata["text"] == prompts[0].greedyText)
        }
    }
}
