import Foundation

/// Damages files, the same way for the same seed.
public struct Mutator {
    private static let asked: Int? = ProcessInfo.processInfo.environment["ATTENTION_KERNELS_FUZZ"].map { text in
        guard let count = Int(text), count >= 100 else {
            fatalError("ATTENTION_KERNELS_FUZZ: \"\(text)\" should be a number from 100 on")
        }
        return count
    }

    /// How many damaged files a test reads: a few hundred, or as many as ATTENTION_KERNELS_FUZZ says.
    public static var count: Int { asked ?? 300 }

    /// Calls `body` for each damaged file; where many were asked for, standard error tells how far it is.
    public static func forEachRound(of format: String, _ body: (Int) throws -> Void) rethrows {
        for round in 0..<count {
            try body(round)
            if asked != nil && ((round + 1) % 1000 == 0 || round + 1 == count) {
                FileHandle.standardError.write(Data("\(format): read \(round + 1) of \(count) damaged files\n".utf8))
            }
        }
    }

    private var random: SeededRandom
    private let likely: [UInt8]

    /// A mutator that often writes one of the `likely` bytes.
    public init(seed: UInt64, likely: String = "") {
        random = SeededRandom(seed: seed)
        self.likely = Array(likely.utf8)
    }

    private mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<max(bound, 1), using: &random) }

    /// `whole` with one to four damages: bytes overwritten, integers replaced by extreme ones, pieces cut out, copied
    /// elsewhere or doubled, the end cut off.
    public mutating func damage(_ whole: [UInt8]) -> [UInt8] {
        var bytes = whole
        for _ in 0...below(4) where !bytes.isEmpty { damageOnce(&bytes) }
        return bytes
    }

    private mutating func damageOnce(_ bytes: inout [UInt8]) {
        let place = below(bytes.count)
        switch below(7) {
        case 0, 1: bytes[place] = likely.isEmpty || below(2) == 0 ? UInt8(below(256)) : likely[below(likely.count)]
        case 2:
            let extremes: [UInt64] = [0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF, 1 << 62, .max >> 1, .max]
            let value = extremes[below(extremes.count)].bytes.prefix([1, 2, 4, 8][below(4)])
            for (index, byte) in value.enumerated() where place + index < bytes.count { bytes[place + index] = byte }
        case 3: bytes.removeSubrange(place..<min(bytes.count, place + 1 + below(16)))
        case 4:
            let piece = Array(bytes[place..<min(bytes.count, place + 1 + below(32))])
            bytes.insert(contentsOf: piece, at: below(bytes.count))
        case 5:
            let piece = Array(bytes[place..<min(bytes.count, place + 1 + below(32))])
            let target = below(bytes.count)
            for (index, byte) in piece.enumerated() where target + index < bytes.count { bytes[target + index] = byte }
        default: if below(3) == 0 { bytes.removeLast(below(bytes.count)) } else { bytes[place] ^= 1 << below(8) }
        }
    }
}

extension FixedWidthInteger {
    /// The bytes in little-endian order.
    public var bytes: [UInt8] { withUnsafeBytes(of: littleEndian) { [UInt8]($0) } }
}
