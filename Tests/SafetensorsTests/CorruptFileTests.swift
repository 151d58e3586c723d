import Foundation
import Safetensors
import Testing

@Suite struct CorruptFileTests {
    @Test(arguments: [0, 1, 7]) func fileShorterThanTheLengthField(count: Int) throws {
        #expect(try openingError([UInt8](repeating: 0, count: count)) == .tooShort(bytes: count))
    }

    @Test(arguments: [3, 1 << 20, 100_000_001, UInt64.max, UInt64(Int64.max)])
    func headerLongerThanTheFile(declared: UInt64) throws {
        let bytes = fileBytes(header: "{}", declaredLength: declared)
        #expect(try openingError(bytes) == .headerLength(declared: declared, available: 2))
    }

    @Test func headerOverTheFormatsLimit() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("huge.safetensors")
        #expect(
            FileManager.default.createFile(
                atPath: path, contents: Data(fileBytes(header: "", declaredLength: 100_000_001))))
        // Sparse: the file is long enough for the header it declares, and only the limit says no.
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.truncate(atOffset: 200_000_000)
        try handle.close()
        #expect {
            _ = try SafetensorsFile(path: path)
        } throws: {
            ($0 as? SafetensorsError)?.reason == .headerLength(declared: 100_000_001, available: 100_000_000)
        }
    }

    @Test func everyTruncationIsNoticed() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("whole.safetensors")
        var writer = SafetensorsWriter()
        try writer.add("x", shape: [2, 2], floats: [1, 2, 3, 4])
        try writer.write(path: path)
        let whole = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
        #expect(try openingError(whole) == nil)
        for count in 0..<whole.count {
            #expect(try openingError([UInt8](whole[..<count])) != nil, "truncated to \(count) bytes")
        }
        #expect(try openingError(whole + [0]) == .hole(begin: 16, end: 17))
    }

    @Test(arguments: [
        "", "[]", " {}", "{", "nonsense", "{\"x\":1", "{}x", "{\"a\" 1}", "{\"x\":[1,]}", "{\"x\":01}",
        "{\"x\":\"\\q\"}",
        "{\"x\":\"\\ud800\"}", "{\"x\":\"\\u12\"}", "{\"x\":\"\n\"}", "{\"x\":99999999999999999999}", "{\"x\":tru}",
        "{1:2}",
        "{\"x\":{},}", "{\"x\":-}", "{\"x\":nul",
    ])
    func malformedJSON(header: String) throws {
        guard case .malformedHeader? = try openingError(fileBytes(header: header)) else {
            Issue.record("\(header) was not called malformed")
            return
        }
    }

    @Test func headerThatIsNotUTF8() throws {
        let bytes = fileBytes(header: "", declaredLength: 8) + [UInt8](#"{""#.utf8) + [0xFF] + [UInt8](#"":{}}"#.utf8)
        #expect(try openingError(bytes) == .malformedHeader(offset: 4, problem: "a string that is not UTF-8"))
    }

    @Test func nestingIsLimited() throws {
        let header = #"{"x":"# + String(repeating: "[", count: 100_000) + "}"
        guard case .malformedHeader(_, "JSON nested too deeply")? = try openingError(fileBytes(header: header)) else {
            Issue.record("deep nesting was not refused")
            return
        }
    }

    @Test func duplicateNames() throws {
        let entry = #"{"dtype":"U8","shape":[1],"data_offsets":[0,1]}"#
        #expect(
            try openingError(fileBytes(header: "{\"x\":\(entry),\"x\":\(entry)}", data: [0])) == .duplicateName("x"))
        let field = #"{"x":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}"#
        #expect(try openingError(fileBytes(header: field, data: [0])) == .duplicateName("dtype"))
        let text = #"{"__metadata__":{"a":"1","a":"2"}}"#
        #expect(try openingError(fileBytes(header: text)) == .duplicateName("a"))
    }
}

@Suite struct LyingEntryTests {
    private func error(dtype: String = "\"F32\"", shape: String = "[2]", offsets: String = "[0,8]") throws
        -> SafetensorsError.Reason?
    {
        let header = "{\"x\":{\"dtype\":\(dtype),\"shape\":\(shape),\"data_offsets\":\(offsets)}}"
        return try openingError(fileBytes(header: header, data: [UInt8](repeating: 0, count: 8)))
    }

    @Test func theTruthOpens() throws {
        #expect(try error() == nil)
    }

    @Test func elementTypes() throws {
        #expect(try error(dtype: "\"F33\"") == .unknownElementType("F33"))
        #expect(try error(dtype: "\"f32\"") == .unknownElementType("f32"))
        #expect(try error(dtype: "7") == .badField("dtype", expected: "the name of an element type"))
    }

    @Test(arguments: ["[-2]", "[2.0]", "[\"2\"]", "2", "null", "{}", "[true]", "[1e1]"]) func shapes(shape: String)
        throws
    {
        #expect(try error(shape: shape) == .badField("shape", expected: "an array of sizes, each at least 0,"))
    }

    @Test func overflowingShapes() throws {
        let large = 1 << 62
        #expect(try error(shape: "[\(large),4]") == .shapeOverflow([large, 4]))
        #expect(try error(shape: "[\(large)]") == .shapeOverflow([large]))
        // 3 elements of 4 bits end inside a byte.
        #expect(try error(dtype: "\"F4\"", shape: "[3]") == .shapeOverflow([3]))
    }

    @Test(arguments: ["[0]", "[0,8,9]", "[-1,7]", "8", "[0,\"8\"]", "[]"]) func offsets(offsets: String) throws {
        #expect(
            try error(offsets: offsets)
                == .badField("data_offsets", expected: "an array of two byte offsets, each at least 0,"))
    }

    @Test func offsetsOutsideTheData() throws {
        #expect(try error(offsets: "[0,9]") == .offsetsOutsideData(begin: 0, end: 9, available: 8))
        #expect(try error(offsets: "[8,0]") == .offsetsOutsideData(begin: 8, end: 0, available: 8))
        let far = Int.max
        #expect(
            try error(offsets: "[\(far - 8),\(far)]") == .offsetsOutsideData(begin: far - 8, end: far, available: 8))
    }

    @Test func sizesThatDoNotMatch() throws {
        #expect(try error(shape: "[3]") == .sizeMismatch(shape: [3], type: .float32, expected: 12, actual: 8))
        #expect(
            try error(dtype: "\"F64\"") == .sizeMismatch(shape: [2], type: .float64, expected: 16, actual: 8))
        #expect(try error(offsets: "[0,4]") == .sizeMismatch(shape: [2], type: .float32, expected: 8, actual: 4))
        #expect(try error(shape: "[]") == .sizeMismatch(shape: [], type: .float32, expected: 4, actual: 8))
    }

    @Test func missingFields() throws {
        let header = #"{"x":{"dtype":"U8","shape":[0]}}"#
        guard case .badField("data_offsets", _)? = try openingError(fileBytes(header: header)) else {
            Issue.record("missing data_offsets were not noticed")
            return
        }
        guard case .malformedHeader? = try openingError(fileBytes(header: #"{"x":3}"#)) else {
            Issue.record("an entry that is no object was not noticed")
            return
        }
        guard case .badField("__metadata__", _)? = try openingError(fileBytes(header: #"{"__metadata__":{"a":1}}"#))
        else {
            Issue.record("metadata that is no text was not noticed")
            return
        }
    }

    @Test func overlapsAndHoles() throws {
        func pair(_ first: String, _ second: String, count: Int) throws -> SafetensorsError.Reason? {
            let header =
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":\(first)},"
                + "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":\(second)}}"
            return try openingError(fileBytes(header: header, data: [UInt8](repeating: 0, count: count)))
        }
        #expect(try pair("[0,4]", "[4,8]", count: 8) == nil)
        #expect(try pair("[4,8]", "[0,4]", count: 8) == nil)
        #expect(try pair("[0,4]", "[3,7]", count: 8) == .overlap(begin: 3, previousEnd: 4))
        #expect(try pair("[0,4]", "[0,4]", count: 4) == .overlap(begin: 0, previousEnd: 4))
        #expect(try pair("[0,4]", "[5,9]", count: 9) == .hole(begin: 4, end: 5))
        #expect(try pair("[1,5]", "[5,9]", count: 9) == .hole(begin: 0, end: 1))
        #expect(try pair("[0,4]", "[4,8]", count: 9) == .hole(begin: 8, end: 9))
    }
}
