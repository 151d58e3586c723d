import AttentionKernels
import Foundation
import Testing

/// The example of the README and of the documentation's first page: it compiles, it runs, and it is this text.
@Suite struct ExampleTests {
    @Test func theExampleRuns() throws {
        // [batch, heads, length, width]: eight query heads share two key-value heads.
        let query = try Tensor(shape: [1, 8, 128, 64]) { Float($0 % 23) / 23 }
        let key = try Tensor(shape: [1, 2, 256, 64]) { Float($0 % 31) / 31 }
        let value = try Tensor(shape: [1, 2, 256, 64]) { Float($0 % 17) / 17 }

        // The last query sees all 256 keys, the first one 129 of them: the rule of a key-value cache.
        let output = try AttentionKernel.fused.forward(query: query, key: key, value: value, causality: .bottomRight)

        // The same with the log-sum-exp of each row, on two threads, with the last 56 keys cut off.
        let options = AttentionOptions(causality: .bottomRight, keyLengths: [200])
        let result = try AttentionKernel.fused.attend(
            query: query, key: key, value: value, options: options, returning: .lse, execution: Execution(threads: 2))

        // Project the first head with a 64 x 32 matrix.
        let weight = try Tensor(shape: [64, 32]) { Float($0 % 5) }
        let projected = try matmul(Tensor(shape: [128, 64], elements: Array(output.elements[0..<128 * 64])), weight)
        print(output.shape, result.lse?.shape ?? [], projected.shape)
        #expect(output.shape == [1, 8, 128, 64])
        #expect(result.lse?.shape == [1, 8, 128])
        #expect(projected.shape == [128, 32])
        #expect(output.elements.allSatisfy { $0.isFinite })
    }

    @Test(arguments: ["README.md", "Sources/AttentionKernels/AttentionKernels.docc/AttentionKernels.md"])
    func theDocumentedExampleIsTheOneTested(page: String) throws {
        let source = URL(filePath: #filePath)
        let root = source.deletingLastPathComponent().appending(path: "../../..").standardizedFileURL
        let text = try String(contentsOf: root.appending(path: page), encoding: .utf8)
        let block = try #require(text.components(separatedBy: "```swift\n").dropFirst().first)
        let documented = Self.lines(block.components(separatedBy: "```")[0])
        let tested = Self.lines(try String(contentsOf: source, encoding: .utf8))
        let first = try #require(documented.dropFirst().first.flatMap(tested.firstIndex(of:)))
        // After the import, which stands at the head of this file, the lines follow each other.
        #expect(documented.first == "import AttentionKernels")
        #expect(Array(documented.dropFirst()) == Array(tested[first...].prefix(documented.count - 1)))
        #expect(documented.count > 10)
    }

    /// The lines that are not empty, without their indentation.
    private static func lines(_ text: String) -> [String] {
        text.components(separatedBy: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }
}
