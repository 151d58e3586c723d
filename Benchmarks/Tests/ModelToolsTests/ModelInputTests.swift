import BenchmarkHarness
import Foundation
import ModelTools
import Testing

@Suite struct ModelInputTests {
    @Test func idsOfTokens() throws {
        #expect(try ModelInput.ids("1,2, 30", option: "--tokens") == [1, 2, 30])
        for text in ["", "1,,2", "-1", "a", "1.5"] {
            let error = #expect(throws: HarnessError.self) { try ModelInput.ids(text, option: "--tokens") }
            #expect(error?.description.hasPrefix("--tokens: ") == true)
        }
    }

    @Test func linesOfAFile() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("lines-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data("a\r\n\nb\u{2028}c\n".utf8).write(to: URL(fileURLWithPath: path))
        #expect(try ModelInput.lines(path) == ["a", "", "b\u{2028}c"])
        try Data([0xFF]).write(to: URL(fileURLWithPath: path))
        #expect(throws: HarnessError("--input: \(path) is not UTF-8 text")) { try ModelInput.lines(path) }
        #expect(throws: HarnessError("--input: /nowhere could not be read")) { try ModelInput.lines("/nowhere") }
    }
}
