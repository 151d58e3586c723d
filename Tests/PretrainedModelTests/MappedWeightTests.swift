import AttentionKernels
import Foundation
import PretrainedModels
import Safetensors
import TestSupport
import Testing
import Transformer

/// Weights in a mapped file, whose pages a layer lets go of when it has packed them.
@Suite struct MappedWeightTests {
    private static let (outputs, inputs) = (256, 512)
    private let folder: TemporaryFolder
    private let path: String
    private let elements: [Float]

    init() throws {
        folder = try TemporaryFolder()
        path = folder.file("model.safetensors")
        var random = SeededRandom(seed: 31)
        elements = (0..<Self.outputs * Self.inputs).map { _ in Float.random(in: -1...1, using: &random) }
        var writer = SafetensorsWriter()
        try writer.add("w", shape: [Self.outputs, Self.inputs], floats: elements)
        try writer.write(path: path)
    }

    /// What is read again after its pages went is the same, and so are the bits of everything made of it.
    @Test func pagesComeBack() throws {
        let file = try SafetensorsFile(path: path)
        let weight = try file.weight("w", shape: [Self.outputs, Self.inputs])
        let embedding = try Embedding(weight)
        let input = try Tensor(shape: [3, Self.inputs]) { Float($0 % 17) / 17 - 0.5 }
        let fromMemory = try Linear(weight: Tensor(shape: [Self.outputs, Self.inputs], elements: elements))
        let expected = try fromMemory(input).elements
        let parts = [LinearWeights(weight), LinearWeights(weight)]
        for _ in 0..<2 {
            #expect(try Linear([parts[0]])(input).elements == expected)
            let twice = try Linear(parts)(input).elements
            #expect(Array(twice[..<Self.outputs]) == Array(expected[..<Self.outputs]))
            #expect(Array(twice[Self.outputs..<2 * Self.outputs]) == Array(expected[..<Self.outputs]))
            #expect(try file.tensor("w").floats() == elements)
        }
        for precision in [Precision.float32, .bfloat16] { _ = try Linear([parts[0]], precision: precision) }
        let tokens = [0, 100, Self.outputs - 1]
        var vectors = try Tensor(shape: [tokens.count, Self.inputs])
        try embedding.apply(
            tokens.span,
            into: MatrixOutput(vectors.mutableSpan, MatrixLayout(rows: tokens.count, columns: Self.inputs)))
        #expect(vectors.elements == tokens.flatMap { elements[$0 * Self.inputs..<($0 + 1) * Self.inputs] })
    }

    #if os(Linux)
        /// The memory of the mapping of the file that counts as this process's, as the kernel tells it.
        private func residentKibibytes() throws -> Int {
            // Read to the end: such files have no size, and String(contentsOfFile:) stops at the first page.
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/proc/self/smaps"))
            let lines = String(decoding: try handle.readToEnd() ?? Data(), as: UTF8.self).split(separator: "\n")
            // The folder of each test has a name of its own; what leads to it may be a link.
            let name = URL(fileURLWithPath: path).pathComponents.suffix(2).joined(separator: "/")
            var sum = 0
            for (index, line) in lines.enumerated() where line.hasSuffix(name) {
                let size = lines[index...].first { $0.hasPrefix("Rss:") }
                sum += try #require(size.flatMap { $0.split(separator: " ").dropFirst().first.flatMap { Int($0) } })
            }
            return sum
        }

        @Test(arguments: [1, 2]) func packedWeightsAreNotResidentTwice(parts: Int) throws {
            let file = try SafetensorsFile(path: path)
            let weight = try file.weight("w", shape: [Self.outputs, Self.inputs])
            for precision in [Precision.float32, .bfloat16] {
                #expect(try file.tensor("w").floats().count == elements.count)
                #expect(try residentKibibytes() >= 512)
                _ = try Linear([LinearWeights](repeating: LinearWeights(weight), count: parts), precision: precision)
                #expect(try residentKibibytes() < 128)
            }
        }
    #endif
}
