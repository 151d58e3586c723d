import Foundation
import Testing
import Transformer

@testable import ModelTools
@testable import transformer

/// Which precision a command takes where none is asked for.
@Suite(.serialized) struct PrecisionTests {
    @Test func whatIsAskedFor() throws {
        #expect(try ModelArguments.parse(["--model", "a"]).use().precision == nil)
        for precision in Precision.allCases {
            let arguments = try ModelArguments.parse(["--model", "a", "--precision", precision.rawValue])
            #expect(try arguments.use().precision == precision)
        }
    }

    @Test(ModelFolders.needs("smollm2")) func answersFromQuantizedWeights() throws {
        func precision(_ asked: Precision?) throws -> String {
            var use = ModelUse(folder: ModelFolders.path("smollm2"))
            use.precision = asked
            return try Generate.run(.tokens([504]), choice: .greedy, maximumTokens: 1, use) { _ in }.precision
        }
        #expect(try precision(nil) == "integer16")
        for asked in Precision.allCases { #expect(try precision(asked) == asked.rawValue) }
    }

    /// What is there to compare with others computes in `float32` however its weights are stored.
    @Test(ModelFolders.needs("smollm2")) func theOtherCommands() throws {
        guard case .chat(let chat) = try ModelUse(folder: ModelFolders.path("smollm2")).model() else {
            Issue.record("SmolLM2 is a decoder")
            return
        }
        #expect(chat.model.precision == .float32)
    }
}
