import Testing

@testable import Transformer

/// Weights over borrowed bytes, and what sources say when a tensor is not what it should be.
struct StoredWeightTests {
    private final class Owner {
        let bytes: UnsafeMutableRawBufferPointer
        init(count: Int) { bytes = .allocate(byteCount: count, alignment: 64) }
        deinit { bytes.deallocate() }
    }

    private struct OneWeight: WeightSource {
        let weight: StoredWeight
        func weight(named name: String) -> StoredWeight? { name == weight.name ? weight : nil }
    }

    private func weight(_ shape: [Int], _ format: WeightFormat, bytes: Int, at offset: Int = 0) throws -> StoredWeight {
        let owner = Owner(count: bytes + offset)
        for index in owner.bytes.indices { owner.bytes[index] = UInt8(truncatingIfNeeded: index) }
        return try StoredWeight(
            name: "w", shape: shape, format: format,
            bytes: UnsafeRawBufferPointer(rebasing: owner.bytes[offset...]), owner: owner)
    }

    @Test(arguments: [
        (WeightFormat.float32, 512), (.bfloat16, 256), (.float16, 256), (.q8_0, 136), (.q4_0, 72), (.q4_1, 80),
    ])
    func theNumberOfBytesFollowsFromTheFormat(format: WeightFormat, count: Int) throws {
        #expect(try weight([2, 64], format, bytes: count).count == 128)
        let error = #expect(throws: TransformerError.self) { try weight([2, 64], format, bytes: count - 1) }
        #expect(error?.reason == .byteCountMismatch)
        #expect(error?.description.contains("there are \(count - 1) bytes") == true)
        #expect(error?.description.contains("should have \(count)") == true)
    }

    @Test func rowsAreWholeBlocks() throws {
        let error = #expect(throws: TransformerError.self) { try weight([2, 48], .q4_0, bytes: 54) }
        #expect(error?.reason == .shapeMismatch && error?.description.contains("multiple of 32") == true)
        #expect(throws: TransformerError.self) { try weight([-1, 32], .q4_0, bytes: 0) }
        #expect(throws: TransformerError.self) { try weight([Int.max, 4], .float32, bytes: 16) }
    }

    @Test func misalignedBytesAreCopied() throws {
        let aligned = try weight([4], .float32, bytes: 16)
        let moved = try weight([4], .float32, bytes: 16, at: 2)
        #expect(Int(bitPattern: moved.start) % 4 == 0)
        #expect(aligned.start.load(as: UInt8.self) == 0 && moved.start.load(as: UInt8.self) == 2)
    }

    @Test func aSourceNamesWhatIsWrong() throws {
        let source = OneWeight(weight: try weight([2, 64], .float32, bytes: 512))
        #expect(try source.weight("w", shape: [2, 64]).name == "w")
        let missing = #expect(throws: TransformerError.self) { try source.weight("v", shape: [3]) }
        #expect(missing?.reason == .missingTensor && missing?.subject == "v")
        let wrong = #expect(throws: TransformerError.self) { try source.weight("w", shape: [64, 2]) }
        #expect(wrong?.reason == .shapeMismatch)
        #expect(wrong?.description == "w: its shape is [2, 64]; it should be [64, 2]")
    }
}
