import Foundation

/// What BERT does to a text before it looks up tokens (Devlin and others 2019, "basic tokenizer"): control characters
/// go, white space becomes spaces, CJK ideographs stand alone, accents go, letters become lower case.
struct BERTNormalizer: Sendable {
    var cleansText = true
    var isolatesIdeographs = true
    var stripsAccents = true
    var lowercases = true

    /// The words and punctuation marks of `text`, each as its scalars.
    func words(_ text: Substring) -> [[Unicode.Scalar]] {
        var words: [[Unicode.Scalar]] = []
        var word: [Unicode.Scalar] = []
        func end() {
            if !word.isEmpty { words.append(word) }
            word.removeAll(keepingCapacity: true)
        }
        for scalar in normalized(text) {
            if Self.isSpace(scalar) {
                end()
            } else if Self.isPunctuation(scalar) {
                end()
                words.append([scalar])
            } else {
                word.append(scalar)
            }
        }
        end()
        return words
    }

    private func normalized(_ text: Substring) -> [Unicode.Scalar] {
        var scalars: [Unicode.Scalar] = []
        scalars.reserveCapacity(text.utf8.count)
        var isASCII = true
        for scalar in text.unicodeScalars {
            isASCII = isASCII && scalar.isASCII
            if cleansText && Self.isControl(scalar) { continue }
            if cleansText && Self.isSpace(scalar) {
                scalars.append(" ")
            } else if isolatesIdeographs && Self.isIdeograph(scalar) {
                scalars += [" ", scalar, " "]
            } else {
                scalars.append(scalar)
            }
        }
        if stripsAccents && !isASCII { scalars = Self.strippingAccents(scalars) }
        return lowercases ? Self.lowercased(scalars) : scalars
    }

    private static func strippingAccents(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view).decomposedStringWithCanonicalMapping.unicodeScalars.filter {
            !($0.properties.generalCategory == .nonspacingMark && isOld($0))
        }
    }

    private static func lowercased(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(scalars.count)
        for scalar in scalars {
            if scalar.isASCII {
                result.append(("A"..."Z").contains(scalar) ? Unicode.Scalar(UInt8(scalar.value) + 32) : scalar)
            } else {
                result += scalar.properties.lowercaseMapping.unicodeScalars
            }
        }
        return result
    }
}

// The classes of scalars. The models' tokenizers were made with the tables of Unicode 8, so punctuation, controls and
// marks of later versions are letters to them.
extension BERTNormalizer {
    private static func isOld(_ scalar: Unicode.Scalar) -> Bool {
        guard let age = scalar.properties.age else { return false }
        return age.major <= 8
    }

    static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII ? scalar == " " || (9...13).contains(scalar.value) : scalar.properties.isWhitespace
    }

    static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII {
            return (scalar.value < 32 && scalar != "\t" && scalar != "\n" && scalar != "\r") || scalar.value == 127
        }
        if scalar == "\u{FFFD}" { return true }
        switch scalar.properties.generalCategory {
        case .control, .privateUse: return true
        case .format: return isOld(scalar)
        default: return false
        }
    }

    static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII {
            return (33...47).contains(scalar.value) || (58...64).contains(scalar.value)
                || (91...96).contains(scalar.value) || (123...126).contains(scalar.value)
        }
        switch scalar.properties.generalCategory {
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
            .finalPunctuation, .otherPunctuation:
            return isOld(scalar)
        default: return false
        }
    }

    private static func isIdeograph(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F,
            0x2B920...0x2CEAF, 0xF900...0xFAFF, 0x2F800...0x2FA1F:
            true
        default: false
        }
    }
}
