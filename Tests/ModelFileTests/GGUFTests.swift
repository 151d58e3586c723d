import GGUF
import TestSupport
import Testing

@Suite struct GGUFTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func open(_ builder: GGUFBuilder) throws -> GGUFFile {
        try GGUFFile(path: directory.file("case.gguf", builder.bytes))
    }

    private func reason(_ builder: GGUFBuilder) -> GGUFError.Reason? {
        failure(GGUFError.self) { _ = try open(builder) }?.reason
    }

    private static func float(_ name: String = "x", _ sizes: [UInt64] = [2], offset: UInt64? = nil)
        -> GGUFBuilder.Tensor
    {
        let count = Int(sizes.reduce(1, *))
        let data = (0..<count).flatMap { Float($0).bitPattern.bytes }
        return .init(name: name, sizes: sizes, type: 0, data: data, offset: offset)
    }

    @Test(arguments: [2, 3] as [UInt32]) func everyTypeOfMetadata(version: UInt32) throws {
        var builder = GGUFBuilder()
        builder.version = version
        builder.metadata = [
            ("u8", .uint8(250)), ("i8", .int8(-5)), ("u16", .uint16(60_000)), ("i16", .int16(-30_000)),
            ("u32", .uint32(4_000_000_000)), ("i32", .int32(-2_000_000_000)), ("f32", .float32(0.1)),
            ("bool", .bool(true)), ("text", .string("Grüße")), ("u64", .uint64(.max)), ("i64", .int64(.min)),
            ("f64", .float64(0.1)), ("texts", .array(type: 8, [.string("a"), .string("")])),
            ("nested", .array(type: 9, [.array(type: 5, [.int32(-1), .int32(2)]), .array(type: 7, [.bool(false)])])),
            ("none", .array(type: 4, [])),
        ]
        let file = try open(builder)
        #expect(file.version == Int(version))
        #expect(
            file.metadata == [
                "u8": .unsigned(250), "i8": .signed(-5), "u16": .unsigned(60_000), "i16": .signed(-30_000),
                "u32": .unsigned(4_000_000_000), "i32": .signed(-2_000_000_000), "f32": .real(Double(Float(0.1))),
                "bool": .boolean(true), "text": .string("Grüße"), "u64": .unsigned(.max), "i64": .signed(.min),
                "f64": .real(0.1), "texts": .array([.string("a"), .string("")]),
                "nested": .array([.array([.signed(-1), .signed(2)]), .array([.boolean(false)])]), "none": .array([]),
            ])
        #expect(try file.integer("i32") == -2_000_000_000)
        #expect(try file.number("f64") == 0.1)
        #expect(try file.number("u8") == 250)
        #expect(try file.text("text") == "Grüße")
        #expect(try file.texts("texts") == ["a", ""])
        #expect(try file.integers("none") == [])
        #expect(file.metadata["bool"]?.boolean == true)
    }

    @Test func metadataOfAnotherKind() throws {
        var builder = GGUFBuilder()
        builder.metadata = [
            ("text", .string("a")), ("large", .uint64(.max)), ("mixed", .array(type: 8, [.string("a")])),
        ]
        let file = try open(builder)
        func reason(_ body: () throws -> Void) -> GGUFError.Reason? { failure(GGUFError.self, body)?.reason }
        #expect(reason { _ = try file.number("text") } == .badMetadata(key: "text", expected: "a number"))
        #expect(reason { _ = try file.text("absent") } == .badMetadata(key: "absent", expected: "a text"))
        #expect(
            reason { _ = try file.integer("large") }
                == .badMetadata(key: "large", expected: "an integer that fits 64 signed bits"))
        #expect(
            reason { _ = try file.integers("mixed") } == .badMetadata(key: "mixed", expected: "an array of integers"))
        #expect(reason { _ = try file.texts("text") } == .badMetadata(key: "text", expected: "an array of texts"))
    }

    @Test func tensorsOfEveryType() throws {
        let half = Float16(0.5).bitPattern.bytes
        let minimum = Float16(-3).bitPattern.bytes
        let nibbles = (0..<16).map { UInt8($0) | UInt8(15 - $0) << 4 }
        var builder = GGUFBuilder()
        builder.metadata = [("general.alignment", .uint32(64))]
        builder.alignment = 64
        builder.tensors = [
            Self.float("f32", [3, 2]),
            .init(name: "f16", sizes: [2], type: 1, data: half + minimum),
            .init(name: "bf16", sizes: [2], type: 30, data: UInt16(0x3FC0).bytes + UInt16(0xC000).bytes),
            .init(name: "q8_0", sizes: [32], type: 8, data: half + (0..<32).map { UInt8(bitPattern: Int8($0 - 16)) }),
            .init(name: "q4_0", sizes: [32, 1], type: 2, data: half + nibbles),
            .init(name: "q4_1", sizes: [32], type: 3, data: half + minimum + nibbles),
        ]
        let file = try open(builder)
        #expect(file.alignment == 64)
        #expect(file.names == ["bf16", "f16", "f32", "q4_0", "q4_1", "q8_0"])
        #expect(file.contains("f32") && !file.contains("f33"))
        #expect(try file.tensor("f32").shape == [2, 3])
        #expect(try file.tensor("f32").floats() == [0, 1, 2, 3, 4, 5])
        #expect(try file.tensor("f16").floats() == [0.5, -3])
        #expect(try file.tensor("bf16").floats() == [1.5, -2])
        #expect(try file.tensor("q8_0").floats() == (0..<32).map { 0.5 * Float($0 - 16) })
        let quants = (0..<16).map(Float.init) + (0..<16).map { Float(15 - $0) }
        #expect(try file.tensor("q4_0").floats() == quants.map { 0.5 * ($0 - 8) })
        #expect(try file.tensor("q4_1").floats() == quants.map { 0.5 * $0 - 3 })
        #expect(try file.tensor("q4_1").entry.elementCount == 32)
        #expect(try file.tensor("q4_0").bytes() == half + nibbles)
        let address = try file.tensor("q4_1").withUnsafeBytes { Int(bitPattern: $0.baseAddress) }
        #expect(address.isMultiple(of: 64))
        #expect(failure(GGUFError.self) { _ = try file.tensor("y") }?.reason == .missing(count: 6))
    }

    @Test func everyTruncationIsNoticed() throws {
        var builder = GGUFBuilder()
        builder.metadata = [("key", .array(type: 8, [.string("value")]))]
        builder.tensors = [Self.float()]
        let whole = builder.bytes
        // The bytes behind the last tensor are padding.
        for count in 0..<whole.count - 24 {
            let path = try directory.file("cut.gguf", Array(whole[..<count]))
            #expect(throws: GGUFError.self, "cut to \(count) bytes") { try GGUFFile(path: path) }
        }
    }

    @Test func filesThatAreNone() throws {
        var builder = GGUFBuilder()
        builder.magic = Array("GGML".utf8)
        #expect(reason(builder) == .notGGUF)
        builder.magic = Array("GGUF".utf8)
        builder.version = 1
        #expect(reason(builder) == .unsupportedVersion(1))
        builder.version = 3
        #expect(failure(GGUFError.self) { _ = try GGUFFile(path: directory.path) }?.reason == .notAFile)
        guard case .system("opened", _)? = failure(GGUFError.self, { _ = try GGUFFile(path: "/nowhere") })?.reason
        else {
            Issue.record("a missing file was not noticed")
            return
        }
    }

    @Test func countsThatLie() {
        var builder = GGUFBuilder()
        builder.tensorCount = 1 << 60
        #expect(reason(builder) == .countTooLarge(things: "tensors", declared: 1 << 60, possible: 0))
        builder.tensorCount = nil
        builder.metadataCount = .max
        #expect(reason(builder) == .countTooLarge(things: "metadata entries", declared: .max, possible: 0))
        builder.metadataCount = nil
        builder.metadata = [("a", .raw(type: 9, UInt32(8).bytes + UInt64(1 << 40).bytes))]
        guard case .countTooLarge("array elements", 1 << 40, _)? = reason(builder) else {
            Issue.record("a huge array was not noticed")
            return
        }
        builder.metadata = [("a", .raw(type: 8, UInt64.max.bytes))]
        guard case .cutShort(_, .max)? = reason(builder) else {
            Issue.record("a huge text was not noticed")
            return
        }
        builder.metadata = [("a", .raw(type: 8, UInt64(1).bytes + [0xFF]))]
        #expect(reason(builder) == .malformedText(offset: 24 + 8 + 1 + 4))
        builder.metadata = [("a", .raw(type: 13, []))]
        #expect(reason(builder) == .unknownValueType(13))
        builder.metadata = [("a", .bool(true)), ("a", .bool(true))]
        #expect(reason(builder) == .duplicateName("a"))
        var nested = GGUFBuilder.Value.array(type: 0, [])
        for _ in 0..<4 { nested = .array(type: 9, [nested]) }
        builder.metadata = [("a", nested)]
        #expect(reason(builder) == .nestedTooDeeply)
        builder.metadata = [("general.alignment", .uint32(24))]
        #expect(reason(builder) == .badMetadata(key: "general.alignment", expected: "a power of two up to 65536"))
    }

    @Test func tensorsThatLie() {
        func reason(_ change: (inout GGUFBuilder.Tensor) -> Void) -> GGUFError.Reason? {
            var builder = GGUFBuilder()
            var tensor = Self.float("x", [32])
            change(&tensor)
            builder.tensors = [Self.float("first"), tensor]
            return self.reason(builder)
        }
        #expect(reason { _ in } == nil)
        #expect(reason { $0.sizes = [] } == .badRank(0))
        #expect(reason { $0.sizes = [1, 1, 1, 1, 1] } == .badRank(5))
        #expect(reason { $0.type = 12 } == .unsupportedElementType(12))
        #expect(reason { $0.sizes = [0] } == .badShape([0]))
        #expect(reason { $0.sizes = [1 << 63] } == .badShape([1 << 63]))
        #expect(reason { $0.sizes = [1 << 40, 1 << 40] } == .badShape([1 << 40, 1 << 40]))
        #expect(
            reason {
                $0.sizes = [33]
                $0.type = 3
            } == .rowNotWholeBlocks(row: 33, block: 32))
        #expect(reason { $0.offset = 33 } == .misaligned(offset: 33, alignment: 32))
        #expect(reason { $0.offset = 64 } == .outsideData(offset: 64, bytes: 128, available: 160))
        #expect(
            reason { $0.offset = .max - 31 } == .outsideData(offset: .max - 31, bytes: 128, available: 160))
        #expect(reason { $0.offset = 0 } == .overlap(begin: 0, previousEnd: 8))
        #expect(reason { $0.name = "first" } == .duplicateName("first"))
    }

    @Test func descriptionsNameFileAndTensor() {
        let error = GGUFError(path: "m.gguf", tensor: "x", reason: .unsupportedElementType(12))
        #expect(
            error.description
                == "m.gguf: tensor \"x\" has the element type 12; it should be 0 (F32), 1 (F16), 2 (Q4_0), 3 (Q4_1), "
                + "8 (Q8_0), 30 (BF16)")
    }

    /// However a file is damaged, it is refused with one error or every tensor it claims to have can be read.
    @Test func damagedFiles() throws {
        var builder = GGUFBuilder()
        builder.metadata = [
            ("general.architecture", .string("llama")), ("n", .uint32(3)), ("t", .array(type: 8, [.string("ab")])),
            ("s", .array(type: 6, [.float32(1)])), ("b", .bool(true)), ("d", .float64(2)),
        ]
        builder.tensors = [
            Self.float("a", [4, 2]), .init(name: "b", sizes: [32, 2], type: 3, data: .init(repeating: 7, count: 40)),
            .init(name: "c", sizes: [32], type: 8, data: .init(repeating: 7, count: 34)),
        ]
        let whole = builder.bytes
        var mutator = Mutator(seed: 1)
        var opened = 0
        try Mutator.forEachRound(of: "GGUF") { _ in
            let path = try directory.file("damaged.gguf", mutator.damage(whole))
            do throws(GGUFError) {
                let file = try GGUFFile(path: path)
                opened += 1
                for name in file.names { #expect(try file.tensor(name).floats().count > 0) }
            } catch {
                #expect(error.description.hasPrefix(path))
            }
        }
        #expect(opened > Mutator.count / 50 && opened < Mutator.count)
    }
}
