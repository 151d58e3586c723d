import Testing

@testable import Transformer

/// Weights over borrowed bytes, and what sources say when a tensor is not what it should be.
struct StoredWeightTests {
    private final class Owner {
        let bytes: UnsafeMutableRawBufferPointer
        init(count: Int) { bytes = .allocate(byteCount: count, alignment: 64) }
        deinit { bytes.deallocate() }
    }

    /// Notes what it is told to let go of.
    private final class ReloadableOwner: ReloadableMemory {
        let bytes: UnsafeMutableRawBufferPointer
        private(set) var released: [Range<Int>] = []

        init(count: Int) {
            bytes = .allocate(byteCount: count, alignment: 64)
            bytes.initializeMemory(as: UInt8.self, repeating: 0)
        }
        deinit { bytes.deallocate() }

        func release(_ part: UnsafeRawBufferPointer) {
            guard let start = part.baseAddress, let base = UnsafeRawPointer(bytes.baseAddress) else { return }
            released.append(start - base..<start - base + part.count)
        }

        func weight(_ shape: [Int], at offset: Int) throws -> StoredWeight {
            let count = shape.reduce(4, *)
            return try StoredWeight(
                name: "w", shape: shape, format: .float32,
                bytes: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count]), owner: self)
        }
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

    /// Each part of the memory, once its elements are somewhere else and not before.
    @Test func whatWasReadOnceIsReleased() throws {
        let owner = ReloadableOwner(count: 1024)
        let (first, second) = (try owner.weight([4, 8], at: 0), try owner.weight([2, 8], at: 128))
        let bias = try owner.weight([4], at: 192)
        _ = try Embedding(first)
        #expect(owner.released.isEmpty)
        _ = try Linear([LinearWeights(first, bias: bias)])
        #expect(owner.released == [192..<208, 0..<128])
        _ = try Linear([LinearWeights(first), LinearWeights(second)])
        #expect(owner.released.dropFirst(2) == [0..<128, 128..<192])
        _ = try Linear([LinearWeights(second)], precision: .bfloat16)
        #expect(owner.released.dropFirst(4) == [128..<192])
        _ = try owner.weight([4], at: 258)
        #expect(owner.released.dropFirst(5) == [258..<274])
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
