import Foundation
import Testing

@testable import Safetensors

@Suite struct AtomicWriteTests {
    private func writer(_ value: Float) throws -> SafetensorsWriter {
        var writer = SafetensorsWriter()
        try writer.add("x", shape: [1], floats: [value])
        return writer
    }

    @Test func replacesAnEarlierFileAndLeavesNothingElse() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("x.safetensors")
        try writer(1).write(path: path)
        let earlier = try SafetensorsFile(path: path)
        try writer(2).write(path: path)
        #expect(try SafetensorsFile(path: path).tensor("x").floats() == [2])
        // Who has the old file open still sees it whole.
        #expect(try earlier.tensor("x").floats() == [1])
        #expect(directory.contents == ["x.safetensors"])
    }

    @Test func abandonedWriteKeepsTheEarlierFile() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("x.safetensors")
        try writer(1).write(path: path)
        do {
            let file = try AtomicFile(path: path)
            try [1, 2, 3].withUnsafeBytes { try file.append($0) }
            #expect(directory.contents.count == 2)
        }
        #expect(directory.contents == ["x.safetensors"])
        #expect(try SafetensorsFile(path: path).tensor("x").floats() == [1])
    }

    @Test func missingDirectoryIsOneClearError() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("no/such/x.safetensors")
        let error = #expect(throws: SafetensorsError.self) { try writer(1).write(path: path) }
        #expect(try #require(error).description == "\(path) could not be created: No such file or directory")
    }

    @Test func directoriesAndAbsentFilesAreRefused() throws {
        let directory = try TemporaryDirectory()
        let write = #expect(throws: SafetensorsError.self) { try writer(1).write(path: directory.path) }
        #expect(write?.reason == .notAFile)
        let read = #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: directory.path) }
        #expect(read?.reason == .notAFile)
        let absent = #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: directory.file("absent")) }
        #expect(
            try #require(absent).description
                == "\(directory.file("absent")) could not be opened: No such file or directory")
    }

    @Test func symbolicLinkKeepsItsPlace() throws {
        let directory = try TemporaryDirectory()
        let (target, link) = (directory.file("target"), directory.file("link"))
        try writer(1).write(path: target)
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: target)
        try writer(2).write(path: link)
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == target)
        #expect(try SafetensorsFile(path: target).tensor("x").floats() == [2])
    }

    @Test func permissionsOfTheEarlierFileStay() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("x")
        try writer(1).write(path: path)
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
        try writer(2).write(path: path)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o640)
    }

    @Test func deviceIsWrittenStraight() throws {
        try writer(1).write(path: "/dev/null")
        let type = try FileManager.default.attributesOfItem(atPath: "/dev/null")[.type] as? FileAttributeType
        #expect(type == .typeCharacterSpecial)
    }

    @Test func badTensorsAreRefusedWhenAdded() throws {
        var writer = try writer(1)
        func reason(_ body: () throws -> Void) -> SafetensorsError.Reason? {
            #expect(throws: SafetensorsError.self, performing: body)?.reason
        }
        #expect(reason { try writer.add("x", shape: [1], floats: [2]) } == .duplicateName("x"))
        #expect(reason { try writer.add("__metadata__", shape: [1], floats: [2]) } == .reservedName)
        #expect(
            reason { try writer.add("y", shape: [2], floats: [2]) }
                == .sizeMismatch(shape: [2], type: .float32, expected: 8, actual: 4))
        #expect(reason { try writer.add("y", shape: [-1], integers: []) } == .shapeOverflow([-1]))
    }
}
