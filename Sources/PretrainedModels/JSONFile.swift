import FileReading

/// A JSON object in a file, whose fields are asked for with what they should be.
struct JSONFile {
    let path: String
    private let root: JSONValue

    init(path: String) throws(PretrainedModelError) {
        let file = try MappedFile(path: path) { PretrainedModelError(path: path, reason: .init($0)) }
        var scanner = JSONScanner(file.bytes(0..<file.count))
        do throws(JSONScanner.Failure) { root = try scanner.parseObject() } catch {
            throw PretrainedModelError(path: path, reason: .malformedJSON(offset: error.offset, problem: error.problem))
        }
        if let name = root.duplicateName {
            throw PretrainedModelError(path: path, reason: .badField(name, expected: "one value"))
        }
        self.path = path
    }

    func bad(_ field: String, _ expected: String) -> PretrainedModelError {
        PretrainedModelError(path: path, reason: .badField(field, expected: expected))
    }

    func unsupported(_ part: String, _ kind: String, _ expected: String) -> PretrainedModelError {
        PretrainedModelError(path: path, reason: .unsupported(part: part, kind: kind, expected: expected))
    }

    /// The value of `field`; nil where there is none or it is null.
    subscript(_ field: String) -> JSONValue? { root[field] }

    func size(_ field: String) throws(PretrainedModelError) -> Int {
        guard let size = root[field]?.integer, (1...Int(Int32.max)).contains(size) else {
            throw bad(field, "an integer of at least 1")
        }
        return size
    }

    func size(_ field: String, default value: Int) throws(PretrainedModelError) -> Int {
        root[field] == nil ? value : try size(field)
    }

    func number(_ field: String, default value: Double) throws(PretrainedModelError) -> Double {
        guard let found = root[field] else { return value }
        guard let number = found.number, number.isFinite else { throw bad(field, "a number") }
        return number
    }

    func boolean(_ field: String, default value: Bool) throws(PretrainedModelError) -> Bool {
        guard let found = root[field] else { return value }
        guard let boolean = found.boolean else { throw bad(field, "true or false") }
        return boolean
    }

    func text(_ field: String) throws(PretrainedModelError) -> String {
        guard let text = root[field]?.text else { throw bad(field, "a text") }
        return text
    }
}
