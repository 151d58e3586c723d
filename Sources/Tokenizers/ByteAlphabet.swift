/// The characters that stand for bytes in byte-level vocabularies (Radford and others 2019): a printable Latin-1 byte
/// for itself, the others for the characters from U+0100 up.
enum ByteAlphabet {
    /// The character of each byte.
    static let characters: [Unicode.Scalar] = {
        var characters: [Unicode.Scalar] = []
        var next: UInt32 = 0x100
        for byte in 0...UInt8.max {
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: characters.append(Unicode.Scalar(byte))
            default:
                characters.append(Unicode.Scalar(next)!)
                next += 1
            }
        }
        return characters
    }()

    private static let bytes: [Unicode.Scalar: UInt8] = Dictionary(
        uniqueKeysWithValues: characters.enumerated().map { ($0.element, UInt8($0.offset)) })

    /// The bytes that `token` stands for, or nil if a character stands for none.
    static func bytes(of token: some StringProtocol) -> [UInt8]? {
        var result: [UInt8] = []
        for scalar in token.unicodeScalars {
            guard let byte = bytes[scalar] else { return nil }
            result.append(byte)
        }
        return result
    }
}
