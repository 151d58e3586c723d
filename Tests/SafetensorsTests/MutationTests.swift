import Foundation
import Safetensors
import TestSupport
import Testing

@Suite struct MutationTests {
    /// However a file is damaged, it is either refused or every tensor it claims to have can be read.
    @Test func damagedFilesNeverReadOutOfBounds() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("damaged.safetensors")
        var writer = SafetensorsWriter(metadata: ["a": "b"])
        try writer.add("x", shape: [2, 3], floats: [1, 2, 3, 4, 5, 6])
        try writer.add("y", shape: [2], integers: [7, 8])
        try writer.add("z", shape: [3], booleans: [true, false, true])
        try writer.write(path: path)
        let whole = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
        var mutator = Mutator(seed: 42, likely: #"{}[]",:0123456789-eFIU\"#)
        var opened = 0
        try Mutator.forEachRound(of: "safetensors") { _ in
            // File systems may flush what is cut to nothing and written again, which takes milliseconds.
            unlink(path)
            try Data(mutator.damage(whole)).write(to: URL(fileURLWithPath: path))
            guard let file = try? SafetensorsFile(path: path) else { return }
            opened += 1
            for name in file.names {
                let tensor = try file.tensor(name)
                #expect(tensor.bytes().count == tensor.entry.dataRange.count)
                _ = try? tensor.floats()
                _ = try? tensor.integers()
            }
        }
        // Damage to names, metadata and data leaves a legal file.
        #expect(opened > Mutator.count / 50 && opened < Mutator.count - Mutator.count / 50)
    }
}
