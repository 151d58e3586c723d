import Foundation
import Safetensors
import Testing

@Suite struct RoundTripTests {
    @Test func everyKindOfTensorComesBack() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("all.safetensors")
        let floats: [Float] = [0, -0.0, 1.5, .infinity, -.leastNonzeroMagnitude, 3e38]
        var writer = SafetensorsWriter(metadata: ["format": "pt", "note": "a \"quoted\"\n\tline \\ é 🙂"])
        try writer.add("weights", shape: [2, 3], floats: floats)
        try writer.add("lengths", shape: [3], integers: [-1, 0, .max])
        try writer.add("mask", shape: [1, 5], booleans: [true, false, true, true, false])
        try writer.add("half", type: .float16, shape: [2], bytes: [0x00, 0x3C, 0x00, 0xC0])
        try writer.add("scalar", shape: [], floats: [7])
        try writer.add("empty", shape: [4, 0, 2], floats: [])
        try writer.add("näme with \"quotes\" and \u{1}", shape: [1], floats: [2])
        try writer.write(path: path)

        let file = try SafetensorsFile(path: path)
        #expect(file.metadata == writer.metadata)
        #expect(file.names.count == 7)
        #expect(try file.tensor("weights").floats().map(\.bitPattern) == floats.map(\.bitPattern))
        #expect(try file.tensor("weights").shape == [2, 3])
        #expect(try file.tensor("lengths").integers() == [-1, 0, .max])
        #expect(try file.tensor("mask").booleans() == [true, false, true, true, false])
        #expect(try file.tensor("half").floats() == [1, -2])
        #expect(try file.tensor("scalar").floats() == [7])
        #expect(try file.tensor("scalar").shape.isEmpty)
        #expect(try file.tensor("empty").floats().isEmpty)
        #expect(try file.tensor("empty").shape == [4, 0, 2])
        #expect(try file.tensor("näme with \"quotes\" and \u{1}").floats() == [2])
        #expect(file.contains("mask") && !file.contains("Mask"))
    }

    @Test func headerIsSortedPaddedAndAligned() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("layout.safetensors")
        var writer = SafetensorsWriter()
        try writer.add("b", shape: [3], floats: [1, 2, 3])
        try writer.add("a", shape: [3], booleans: [true, true, true])
        try writer.add("c", shape: [1], integers: [9])
        try writer.write(path: path)

        let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
        let length = Int(bytes[0]) + Int(bytes[1]) << 8
        #expect(length.isMultiple(of: 8))
        let header = String(decoding: bytes[8..<8 + length], as: UTF8.self)
        let expected =
            #"{"a":{"dtype":"BOOL","shape":[3],"data_offsets":[20,23]},"#
            + #""b":{"dtype":"F32","shape":[3],"data_offsets":[8,20]},"#
            + #""c":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}"#
        #expect(header.trimmingCharacters(in: .whitespaces) == expected)
        #expect(bytes.count == 8 + length + 23)
    }

    @Test func fileWithoutTensorsIsLegal() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("none.safetensors")
        try SafetensorsWriter().write(path: path)
        #expect(try SafetensorsFile(path: path).entries.isEmpty)
    }

    @Test func handMadeFileWithUnalignedDataReads() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("hand.safetensors")
        // The header's length is odd, and the float begins at data byte 1.
        let header =
            #" {"x":{"dtype":"F32","shape":[1],"data_offsets":[1,5]},"m":{"shape":[1],"data_offsets":[0,1],"dtype":"BOOL"}}"#
            .trimmingCharacters(in: .whitespaces) + "  "
        try Data(fileBytes(header: header, data: [1, 0, 0, 0x80, 0x3F])).write(to: URL(fileURLWithPath: path))
        let file = try SafetensorsFile(path: path)
        #expect(file.entries.map(\.name) == ["m", "x"])
        #expect(try file.tensor("x").floats() == [1])
        #expect(try file.tensor("m").booleans() == [true])
        #expect(file.entries[1].elementCount == 1)
    }

    @Test func tensorOutlivesItsFileValue() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("lives.safetensors")
        var writer = SafetensorsWriter()
        try writer.add("x", shape: [2], floats: [4, 5])
        try writer.write(path: path)
        let tensor = try SafetensorsFile(path: path).tensor("x")
        try FileManager.default.removeItem(atPath: path)
        #expect(try tensor.floats() == [4, 5])
        #expect(tensor.withUnsafeBytes { $0.count } == 8)
    }
}
