/// A strict JSON scanner.
///
/// Foundation's decoders keep the last of two equal names silently, and call names equal that are canonically
/// equivalent: two readers that choose differently would see different weights in one file, and a vocabulary that
/// holds both spellings of an accented letter would lose one.
package struct JSONScanner {
    package struct Failure: Error, Sendable, Equatable {
        /// Counted in bytes from the start of the text.
        package var offset: Int
        package var problem: String
    }

    private let bytes: [UInt8]
    private var position = 0
    // No model file nests more levels; the limit keeps a hostile one from exhausting the stack.
    private static let maximumDepth = 16

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The one JSON value that fills the bytes, white space aside.
    package mutating func parse() throws(Failure) -> JSONValue {
        let value = try parseValue(depth: 0)
        skipSpace()
        guard position == bytes.count else { throw failure("text after the end of the JSON object") }
        return value
    }

    /// The one JSON object that fills the bytes.
    package mutating func parseObject() throws(Failure) -> JSONValue {
        let value = try parse()
        guard value.members != nil else { throw Failure(offset: 0, problem: "no object") }
        return value
    }

    private mutating func parseValue(depth: Int) throws(Failure) -> JSONValue {
        guard depth < Self.maximumDepth else { throw failure("JSON nested too deeply") }
        skipSpace()
        guard let first = peek else { throw failure("an unexpected end") }
        switch first {
        case UInt8(ascii: "{"): return try parseObject(depth: depth)
        case UInt8(ascii: "["): return try parseArray(depth: depth)
        case UInt8(ascii: "\""): return .string(try parseString())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try parseNumber()
        case UInt8(ascii: "t"): return try parseWord("true", .boolean(true))
        case UInt8(ascii: "f"): return try parseWord("false", .boolean(false))
        case UInt8(ascii: "n"): return try parseWord("null", .null)
        default: throw failure("a character that begins no JSON value")
        }
    }

    private mutating func parseObject(depth: Int) throws(Failure) -> JSONValue {
        position += 1
        var members: [JSONValue.Member] = []
        skipSpace()
        if take("}") { return .object(members) }
        while true {
            skipSpace()
            guard peek == UInt8(ascii: "\"") else { throw failure("no name where an object needs one") }
            let name = try parseString()
            skipSpace()
            guard take(":") else { throw failure("no colon after a name") }
            members.append(.init(name: name, value: try parseValue(depth: depth + 1)))
            skipSpace()
            if take("}") { return .object(members) }
            guard take(",") else { throw failure("neither a comma nor the end of an object") }
        }
    }

    private mutating func parseArray(depth: Int) throws(Failure) -> JSONValue {
        position += 1
        var elements: [JSONValue] = []
        skipSpace()
        if take("]") { return .array(elements) }
        while true {
            elements.append(try parseValue(depth: depth + 1))
            skipSpace()
            if take("]") { return .array(elements) }
            guard take(",") else { throw failure("neither a comma nor the end of an array") }
        }
    }

    private mutating func parseNumber() throws(Failure) -> JSONValue {
        let start = position
        if peek == UInt8(ascii: "-") { position += 1 }
        let firstDigit = position
        skipDigits()
        guard position > firstDigit else { throw failure("a number without digits") }
        guard position == firstDigit + 1 || bytes[firstDigit] != UInt8(ascii: "0") else {
            throw failure("a number with a leading zero")
        }
        let integerEnd = position
        if take(".") { try skipOneOrMoreDigits() }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            try skipOneOrMoreDigits()
        }
        guard position == integerEnd else {
            return .real(Double(String(decoding: bytes[start..<position], as: UTF8.self)) ?? .nan)
        }
        guard let value = Int(String(decoding: bytes[start..<position], as: UTF8.self)) else {
            position = start
            throw failure("a number that does not fit 64 bits")
        }
        return .integer(value)
    }

    private mutating func parseWord(_ word: StaticString, _ value: JSONValue) throws(Failure) -> JSONValue {
        for scalar in word.description.utf8 {
            guard peek == scalar else { throw failure("a character that begins no JSON value") }
            position += 1
        }
        return value
    }
}

// Strings and single characters.
extension JSONScanner {
    private mutating func parseString() throws(Failure) -> String {
        position += 1
        var text: [UInt8] = []
        while let byte = peek {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw failure("a string that is not UTF-8")
                }
                return string
            case UInt8(ascii: "\\"): text += try parseEscape().utf8
            case 0..<0x20: throw failure("a control character in a string")
            default: text.append(byte)
            }
        }
        throw failure("a string without an end")
    }

    private mutating func parseEscape() throws(Failure) -> Character {
        guard let byte = peek else { throw failure("a string without an end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Character(Unicode.Scalar(byte))
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return Character(try parseUnicodeEscape())
        default: throw failure("an unknown escape in a string")
        }
    }

    private mutating func parseUnicodeEscape() throws(Failure) -> Unicode.Scalar {
        let first = try parseFourHexDigits()
        if let scalar = Unicode.Scalar(first) { return scalar }
        // Only surrogates are no scalars: a high one must be followed by the escape of a low one.
        guard first < 0xDC00, take("\\"), take("u") else { throw failure("half a surrogate pair in a string") }
        let second = try parseFourHexDigits()
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
        else { throw failure("half a surrogate pair in a string") }
        return scalar
    }

    private mutating func parseFourHexDigits() throws(Failure) -> UInt32 {
        guard position + 4 <= bytes.count,
            bytes[position..<position + 4].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let value = UInt32(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16)
        else { throw failure("a \\u escape without four hexadecimal digits") }
        position += 4
        return value
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { position += 1 }
    }

    private mutating func skipDigits() {
        while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
    }

    private mutating func skipOneOrMoreDigits() throws(Failure) {
        let start = position
        skipDigits()
        guard position > start else { throw failure("a number without digits") }
    }

    private func failure(_ problem: String) -> Failure { Failure(offset: position, problem: problem) }
}
