import Foundation
import Safetensors
import Testing

@Suite struct ConversionTests {
    private func stored(_ type: ElementType, _ bytes: [UInt8]) throws -> StoredTensor {
        let directory = try TemporaryDirectory()
        let path = directory.file("t.safetensors")
        var writer = SafetensorsWriter()
        try writer.add("t", type: type, shape: [bytes.count * 8 / type.bitWidth], bytes: bytes)
        try writer.write(path: path)
        return try SafetensorsFile(path: path).tensor("t")
    }

    private func littleEndian<Integer: FixedWidthInteger>(_ values: [Integer]) -> [UInt8] {
        values.flatMap { value in withUnsafeBytes(of: value.littleEndian) { [UInt8]($0) } }
    }

    @Test func halfPrecision() throws {
        // 1, -2, the largest, the smallest normal, the smallest and largest subnormals, zeros, infinities.
        let bits: [UInt16] = [
            0x3C00, 0xC000, 0x7BFF, 0x0400, 0x0001, 0x03FF, 0x0000, 0x8000, 0x7C00, 0xFC00, 0x3555,
        ]
        let expected: [Float] = [
            1, -2, 65504, 0x1p-14, 0x1p-24, 0x1p-14 - 0x1p-24, 0, -0.0, .infinity, -.infinity, 0.333251953125,
        ]
        let values = try stored(.float16, littleEndian(bits)).floats()
        #expect(values.map(\.bitPattern) == expected.map(\.bitPattern))
        #expect(try stored(.float16, littleEndian([0x7E00 as UInt16])).floats()[0].isNaN)
    }

    @Test func bfloat16() throws {
        let values = try stored(.bfloat16, littleEndian([0x3F80, 0xC040, 0x7F80, 0x0001] as [UInt16])).floats()
        #expect(values == [1, -3, .infinity, Float(bitPattern: 0x1_0000)])
    }

    @Test func doubles() throws {
        let bits = [0.1, -1e300, 1e-300].map(\.bitPattern)
        #expect(try stored(.float64, littleEndian(bits)).floats() == [0.1, -.infinity, 0])
    }

    @Test func integersOfEveryWidth() throws {
        #expect(try stored(.int8, [0xFF, 0x7F]).integers() == [-1, 127])
        #expect(try stored(.uint8, [0xFF]).integers() == [255])
        #expect(try stored(.int16, littleEndian([Int16.min])).integers() == [-32768])
        #expect(try stored(.uint16, littleEndian([UInt16.max])).integers() == [65535])
        #expect(try stored(.int32, littleEndian([Int32.min])).integers() == [-2_147_483_648])
        #expect(try stored(.uint32, littleEndian([UInt32.max])).integers() == [4_294_967_295])
        #expect(try stored(.int64, littleEndian([Int64.min])).integers() == [.min])
        #expect(try stored(.uint64, littleEndian([UInt64(Int.max)])).integers() == [.max])
        let tooLarge = try stored(.uint64, littleEndian([1, UInt64.max]))
        #expect { try tooLarge.integers() } throws: {
            ($0 as? SafetensorsError)?.reason == .valueOutOfRange(index: 1)
        }
    }

    @Test func booleansAreAnyByteButZero() throws {
        #expect(try stored(.bool, [0, 1, 2, 255]).booleans() == [false, true, true, true])
        #expect(try stored(.uint8, [3, 0]).booleans() == [true, false])
        #expect(try stored(.uint8, [3, 0]).bytes() == [3, 0])
    }

    @Test func wrongTypesSayWhichAreRight() throws {
        let error = #expect(throws: SafetensorsError.self) { try stored(.int64, littleEndian([1])).floats() }
        let description = try #require(error).description
        #expect(
            description.hasSuffix(
                "tensor \"t\" has the element type I64; it should be F32 or F64 or F16 or BF16"))
        #expect(throws: SafetensorsError.self) { try stored(.float32, [0, 0, 0, 0]).integers() }
        #expect(throws: SafetensorsError.self) { try stored(.int8, [0]).booleans() }
    }

    @Test func missingTensorNamesTheOthers() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("m.safetensors")
        var writer = SafetensorsWriter()
        try writer.add("k", shape: [1], floats: [1])
        try writer.add("q", shape: [1], floats: [1])
        try writer.write(path: path)
        let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: path).tensor("v") }
        #expect(try #require(error).description == "\(path): tensor \"v\" is missing; the file has k, q")
    }

    @Test(arguments: ElementType.allCases) func sizes(type: ElementType) {
        #expect(type.byteCount(shape: [8]) == type.bitWidth)
        #expect(type.byteCount(shape: [0, .max, .max]) == 0)
        #expect(type.byteCount(shape: [.max, 2]) == nil)
        #expect(type.byteCount(shape: [-1]) == nil)
    }
}
