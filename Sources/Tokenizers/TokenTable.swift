/// The tokens of a vocabulary, found by their bytes: a hash table over one run of memory.
///
/// Bytes, because `String` calls canonically equivalent texts equal, and a vocabulary may hold both spellings of an
/// accented letter.
struct TokenTable: Sendable {
    private var bytes: [UInt8] = []
    /// Token i has the bytes from `starts[i]` to `starts[i + 1]`.
    private var starts: [Int] = [0]
    /// Indices by hash, with linear probing; -1 where a slot is free.
    private var slots: [Int32]
    private let mask: Int
    /// The bytes of the longest token.
    private(set) var longest = 0

    /// A table of `tokens`, whose indices are their places.
    ///
    /// - Throws: ``TokenizerError`` if a token stands twice.
    init(_ tokens: some Collection<String>) throws(TokenizerError) {
        var capacity = 16
        while capacity < 2 * tokens.count { capacity *= 2 }
        slots = [Int32](repeating: -1, count: capacity)
        mask = capacity - 1
        starts.reserveCapacity(tokens.count + 1)
        for (index, token) in tokens.enumerated() {
            let start = bytes.count
            bytes.append(contentsOf: token.utf8)
            starts.append(bytes.count)
            longest = max(longest, bytes.count - start)
            let slot = bytes[start...].withUnsafeBufferPointer { Int(Self.hash($0)) & mask }
            var place = slot
            while slots[place] >= 0 {
                if isEqual(index, Int(slots[place])) { throw TokenizerError(reason: .duplicateToken(token)) }
                place = (place + 1) & mask
            }
            slots[place] = Int32(index)
        }
    }

    var count: Int { starts.count - 1 }

    /// The bytes of the token at `index`.
    subscript(index: Int) -> ArraySlice<UInt8> { bytes[starts[index]..<starts[index + 1]] }

    func text(_ index: Int) -> String { String(decoding: self[index], as: UTF8.self) }

    /// The index of the token of these bytes, or nil.
    func index(of token: UnsafeBufferPointer<UInt8>) -> Int? {
        guard token.count <= longest else { return nil }
        var place = Int(Self.hash(token)) & mask
        while slots[place] >= 0 {
            let index = Int(slots[place])
            if self[index].elementsEqual(token) { return index }
            place = (place + 1) & mask
        }
        return nil
    }

    func index(of token: String) -> Int? {
        var token = token
        return token.withUTF8 { index(of: $0) }
    }

    /// The index of a token that there must be.
    func required(_ token: String) throws(TokenizerError) -> Int {
        guard let index = index(of: token) else { throw TokenizerError(reason: .missingToken(token)) }
        return index
    }

    private func isEqual(_ first: Int, _ second: Int) -> Bool { self[first].elementsEqual(self[second]) }

    /// FNV-1a, with its upper bits folded down for the mask.
    private static func hash(_ token: UnsafeBufferPointer<UInt8>) -> UInt32 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in token { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return UInt32(truncatingIfNeeded: hash ^ hash >> 32) & 0x7FFF_FFFF
    }
}
