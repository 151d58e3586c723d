import AttentionKernels
import Foundation
import Testing

/// The examples of the README and of the documentation: they compile, they run, and they are this text.
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

    @Test func theExampleOfProductsRuns() throws {
        // A linear layer with its weight stored as [outputs, inputs], packed once.
        let inputs = try Tensor(shape: [64, 256]) { Float($0 % 13) / 13 }
        let stored = try Tensor(shape: [128, 256]) { Float($0 % 7) / 256 }
        let weight = try PackedMatrix(stored, transposed: true)

        // Bias, activation and residual are applied before the result is stored, in one pass.
        let layer = MatmulEpilogue(
            bias: try Tensor(shape: [128]) { Float($0) / 128 }, activation: .gelu,
            residual: try Tensor(shape: [64, 128]))
        let hidden = try matmul(inputs, packed: weight, epilogue: layer)

        // The packed weight can be saved, and made again from its bytes.
        let loaded = try PackedMatrix(bytes: weight.bytes)

        // What the call does, and why.
        print(hidden.shape, loaded.byteCount, try explainMatmul(inputs, packed: weight, epilogue: layer))
        #expect(hidden.shape == [64, 128])
        #expect(hidden == (try matmul(inputs, stored, transposeB: true, epilogue: layer)))
    }

    @Test(arguments: [
        "README.md", "Sources/AttentionKernels/AttentionKernels.docc/AttentionKernels.md",
        "Sources/AttentionKernels/AttentionKernels.docc/MatrixProducts.md",
    ])
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
