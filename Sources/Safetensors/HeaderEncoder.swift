/// Writes the JSON header of a file.
enum HeaderEncoder {
    /// The header of `tensors`, whose bytes follow each other in the given order. Names are sorted, and
    /// spaces pad the length to a multiple of 8, which aligns the data behind it.
    static func json(_ tensors: [(name: String, payload: TensorPayload)], metadata: [String: String]) -> [UInt8] {
        var members: [(name: String, text: String)] = []
        var offset = 0
        for (name, payload) in tensors {
            let end = offset + payload.byteCount
            let shape = payload.shape.map(String.init).joined(separator: ",")
            let fields =
                "\"dtype\":\"\(payload.type.rawValue)\",\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]"
            members.append((name, "{\(fields)}"))
            offset = end
        }
        members.sort { $0.name < $1.name }
        if !metadata.isEmpty {
            let texts = metadata.sorted { $0.key < $1.key }.map { "\(quoted($0.key)):\(quoted($0.value))" }
            members.insert((Header.metadataName, "{\(texts.joined(separator: ","))}"), at: 0)
        }
        let text = "{\(members.map { "\(quoted($0.name)):\($0.text)" }.joined(separator: ","))}"
        let bytes = [UInt8](text.utf8)
        return bytes + [UInt8](repeating: UInt8(ascii: " "), count: -bytes.count & 7)
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\0"..<" ":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
