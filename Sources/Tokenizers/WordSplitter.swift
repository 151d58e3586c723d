/// Cuts text into the words within which byte pairs are merged, as GPT-2 does (Radford and others 2019):
///
///     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
///
/// and, if digits stand alone, at each digit before.
struct WordSplitter: Sendable {
    var isolatesDigits: Bool

    private enum Class { case letter, number, space, other }

    /// Calls `body` with each word of `text`, in order; together they are the text.
    func forEachWord(_ text: Substring, _ body: (Substring.UnicodeScalarView.SubSequence) -> Void) {
        let scalars = text.unicodeScalars
        guard isolatesDigits else {
            Self.split(scalars[...], body)
            return
        }
        var start = scalars.startIndex
        var place = start
        while place < scalars.endIndex {
            let next = scalars.index(after: place)
            if Self.classify(scalars[place]) == .number {
                Self.split(scalars[start..<place], body)
                body(scalars[place..<next])
                start = next
            }
            place = next
        }
        Self.split(scalars[start...], body)
    }

    private static func split(
        _ scalars: Substring.UnicodeScalarView, _ body: (Substring.UnicodeScalarView.SubSequence) -> Void
    ) {
        var rest = scalars
        while !rest.isEmpty {
            let end = endOfWord(rest)
            body(rest[..<end])
            rest = rest[end...]
        }
    }

    private static func endOfWord(_ text: Substring.UnicodeScalarView) -> Substring.UnicodeScalarView.Index {
        if text.first == "'", let end = endOfContraction(text) { return end }
        var place = text.startIndex
        var kind = classify(text[place])
        let second = text.index(after: place)
        if text[place] == " ", second < text.endIndex, classify(text[second]) != .space {
            place = second
            kind = classify(text[second])
        }
        var last = place
        while place < text.endIndex, classify(text[place]) == kind {
            last = place
            text.formIndex(after: &place)
        }
        // The last space before a word belongs to the word, or stands alone.
        let leavesLast = kind == .space && place < text.endIndex && last > text.startIndex
        return leavesLast ? last : place
    }

    private static func endOfContraction(_ text: Substring.UnicodeScalarView) -> Substring.UnicodeScalarView.Index? {
        let rest = text.dropFirst()
        for ending in ["s", "t", "re", "ve", "m", "ll", "d"] where rest.starts(with: ending.unicodeScalars) {
            return rest.index(rest.startIndex, offsetBy: ending.unicodeScalars.count)
        }
        return nil
    }

    private static func classify(_ scalar: Unicode.Scalar) -> Class {
        if scalar.isASCII {
            switch scalar {
            case "a"..."z", "A"..."Z": return .letter
            case "0"..."9": return .number
            case " ", "\t"..."\r": return .space
            default: return .other
            }
        }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return .letter
        case .decimalNumber, .letterNumber, .otherNumber: return .number
        default: return scalar.properties.isWhitespace ? .space : .other
        }
    }
}
