import Foundation
import Safetensors
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
        let likely = [UInt8](#"{}[]",:0123456789-eFIU\"#.utf8)

        var state: UInt64 = 42
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        var opened = 0
        let count = ProcessInfo.processInfo.environment["ATTENTION_KERNELS_FUZZ"].flatMap(Int.init) ?? 3000
        for _ in 0..<count {
            var bytes = whole
            for _ in 0...random(3) {
                let value = random(2) == 0 ? likely[random(likely.count)] : UInt8(random(256))
                bytes[random(bytes.count)] = value
            }
            if random(8) == 0 { bytes.removeLast(random(bytes.count)) }
            // File systems may flush what is cut to nothing and written again, which takes milliseconds.
            unlink(path)
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            guard let file = try? SafetensorsFile(path: path) else { continue }
            opened += 1
            for name in file.names {
                let tensor = try file.tensor(name)
                #expect(tensor.bytes().count == tensor.entry.dataRange.count)
                _ = try? tensor.floats()
                _ = try? tensor.integers()
            }
        }
        // Damage to names, metadata and data leaves a legal file.
        #expect(opened > count / 30 && opened < count - count / 30)
    }
}
