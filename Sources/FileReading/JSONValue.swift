/// A JSON value. Objects keep their members in file order, so that a name given twice can be told from a name
/// given once.
package enum JSONValue: Equatable, Sendable {
    case object([Member])
    case array([JSONValue])
    case string(String)
    /// A number without a fraction and an exponent.
    case integer(Int)
    case real(Double)
    case boolean(Bool)
    case null

    package struct Member: Equatable, Sendable {
        package var name: String
        package var value: JSONValue
    }

    /// The member called `name`; nil where there is none, where it is null, and where this is no object.
    package subscript(_ name: String) -> JSONValue? {
        guard case .object(let members) = self, let value = members.first(where: { $0.name == name })?.value,
            value != .null
        else { return nil }
        return value
    }

    package var members: [Member]? {
        if case .object(let members) = self { members } else { nil }
    }

    package var elements: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    package var text: String? {
        if case .string(let text) = self { text } else { nil }
    }

    package var integer: Int? {
        if case .integer(let value) = self { value } else { nil }
    }

    package var boolean: Bool? {
        if case .boolean(let value) = self { value } else { nil }
    }

    /// The value of any number.
    package var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .real(let value): value
        default: nil
        }
    }

    /// The name of the first member of this object, or of an object inside it, that has the name of an earlier one.
    package var duplicateName: String? {
        switch self {
        case .object(let members):
            var seen: Set<[UInt8]> = []
            for member in members {
                if !seen.insert([UInt8](member.name.utf8)).inserted { return member.name }
                if let name = member.value.duplicateName { return name }
            }
            return nil
        case .array(let elements):
            for element in elements {
                if let name = element.duplicateName { return name }
            }
            return nil
        default: return nil
        }
    }
}
