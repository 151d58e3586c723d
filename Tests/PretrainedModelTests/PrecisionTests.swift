import PretrainedModels
import TestSupport
import Testing
import Transformer

/// The precision of a model whose caller leaves it to the weights.
@Suite struct PrecisionTests {
    @Test(arguments: [true, false]) func precisionOfAModel(isQuantized: Bool) throws {
        let folder = try TemporaryFolder()
        try folder.write("model.gguf", SmallLlama.file(isQuantized: isQuantized).bytes)
        func precision(_ asked: Precision?) throws -> Precision? {
            guard case .chat(let chat) = try PretrainedModel(folder: folder.path, precision: asked) else { return nil }
            return chat.model.precision
        }
        #expect(try precision(nil) == (isQuantized ? .integer16 : .float32))
        // What is asked for wins, and nothing changes for who says nothing.
        for asked in Precision.allCases { #expect(try precision(asked) == asked) }
        #expect(try ChatModel(folder: folder.path).model.precision == .float32)
    }

    /// The precision that a model tells is the one it computes in.
    @Test func logitsOfAPrecision() throws {
        let folder = try TemporaryFolder()
        try folder.write("model.gguf", SmallLlama.file(isQuantized: true).bytes)
        func logits(_ precision: Precision?) throws -> [Float] {
            let context = try ChatModel(folder: folder.path, precision: precision).model.makeContext()
            try context.append([0, 1, 2])
            return context.firstLogits
        }
        #expect(try logits(nil) == logits(.integer16))
        #expect(try logits(nil) != logits(.float32))
    }
}
