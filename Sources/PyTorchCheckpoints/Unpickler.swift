import FileReading

/// Runs a pickle (protocols 2 to 5) that holds tensors, numbers, texts and their containers.
///
/// A pickle is a program for a stack machine that may name any class and call it. Here the classes and functions of
/// ``PickleGlobal`` are known and nothing else: every other name, and every operation that those do not need, is an
/// error, so a file cannot run anything.
final class Unpickler {
    private var cursor: ByteCursor
    private let path: String
    private var stack: [PickleValue] = []
    /// The heights of the stack at the marks that are open.
    private var marks: [Int] = []
    private var memo: [Int: PickleValue] = [:]
    /// Every container, so that those which hold each other, or nest a million deep, are taken apart one by one.
    private var containers: [PickleContainer] = []
    /// Where the operation that runs begins.
    private var operationOffset = 0

    init(_ file: MappedFile, _ range: Range<Int>, path: String) {
        cursor = ByteCursor(file, range)
        self.path = path
    }

    deinit {
        for container in containers { container.elements = [] }
    }

    /// The object that the pickle leaves on its stack; valid while this object lives.
    func run() throws(CheckpointError) -> PickleValue {
        while true {
            operationOffset = cursor.offset
            let code: UInt8 = try integer()
            if code == UInt8(ascii: ".") { return try pop() }
            if try runPush(code) { continue }
            if try runBuild(code) { continue }
            if try runMemo(code) { continue }
            throw failure(.forbiddenOperation(offset: operationOffset, code: code))
        }
    }

    /// Operations that push a value which stands in the pickle.
    private func runPush(_ code: UInt8) throws(CheckpointError) -> Bool {
        switch code {
        case UInt8(ascii: "N"): stack.append(.none)
        case 0x88: stack.append(.boolean(true))
        case 0x89: stack.append(.boolean(false))
        case UInt8(ascii: "K"): stack.append(.integer(Int(try integer(UInt8.self))))
        case UInt8(ascii: "M"): stack.append(.integer(Int(try integer(UInt16.self))))
        case UInt8(ascii: "J"): stack.append(.integer(Int(try integer(Int32.self))))
        case 0x8A: stack.append(.integer(try longInteger()))
        case UInt8(ascii: "G"): stack.append(.real(Double(bitPattern: try integer(UInt64.self).byteSwapped)))
        case UInt8(ascii: "X"): stack.append(.text(try text(UInt64(try integer(UInt32.self)))))
        case 0x8C: stack.append(.text(try text(UInt64(try integer(UInt8.self)))))
        case 0x8D: stack.append(.text(try text(try integer(UInt64.self))))
        case UInt8(ascii: "c"): stack.append(try global(module: try line(), name: try line()))
        case 0x93:
            guard let name = try pop().text, let module = try pop().text else {
                throw malformed("a global that is not named by texts")
            }
            stack.append(try global(module: module, name: name))
        default: return false
        }
        return true
    }

    /// Operations that make containers, fill them, and call.
    private func runBuild(_ code: UInt8) throws(CheckpointError) -> Bool {
        switch code {
        case UInt8(ascii: "("): marks.append(stack.count)
        case UInt8(ascii: "}"): push(.dictionary)
        case UInt8(ascii: "]"): push(.list)
        case UInt8(ascii: ")"): push(.tuple)
        case 0x85: push(.tuple, try popLast(1))
        case 0x86: push(.tuple, try popLast(2))
        case 0x87: push(.tuple, try popLast(3))
        case UInt8(ascii: "t"): push(.tuple, try popToMark())
        case UInt8(ascii: "s"): try extend(.dictionary, with: try popLast(2))
        case UInt8(ascii: "u"): try extend(.dictionary, with: try popToMark())
        case UInt8(ascii: "a"): try extend(.list, with: try popLast(1))
        case UInt8(ascii: "e"): try extend(.list, with: try popToMark())
        case UInt8(ascii: "R"): try reduce()
        case UInt8(ascii: "b"):
            // An OrderedDict's attributes, such as the version that PyTorch leaves there; no tensor is among them.
            _ = try pop()
            guard case .container(let target)? = stack.last, target.kind == .dictionary else {
                throw malformed("attributes of something else than a dictionary")
            }
        case UInt8(ascii: "Q"): stack.append(.storage(try storage(try pop())))
        default: return false
        }
        return true
    }

    /// Operations on the memo, and those that only announce something.
    private func runMemo(_ code: UInt8) throws(CheckpointError) -> Bool {
        switch code {
        case 0x80:
            let version: UInt8 = try integer()
            guard (2...5).contains(version) else { throw malformed("protocol \(version), which should be 2 to 5") }
        case 0x95: _ = try integer(UInt64.self)
        case UInt8(ascii: "q"): memo[Int(try integer(UInt8.self))] = try top()
        case UInt8(ascii: "r"): memo[Int(try integer(UInt32.self))] = try top()
        case 0x94: memo[memo.count] = try top()
        case UInt8(ascii: "h"): stack.append(try remembered(Int(try integer(UInt8.self))))
        case UInt8(ascii: "j"): stack.append(try remembered(Int(try integer(UInt32.self))))
        default: return false
        }
        return true
    }
}

// The stack.
extension Unpickler {
    private func push(_ kind: PickleContainer.Kind, _ elements: [PickleValue] = []) {
        let container = PickleContainer(kind, elements)
        containers.append(container)
        stack.append(.container(container))
    }

    private func top() throws(CheckpointError) -> PickleValue {
        guard let value = stack.last, stack.count > marks.last ?? 0 else { throw malformed("an empty stack") }
        return value
    }

    private func pop() throws(CheckpointError) -> PickleValue {
        let value = try top()
        stack.removeLast()
        return value
    }

    private func popLast(_ count: Int) throws(CheckpointError) -> [PickleValue] {
        guard stack.count - (marks.last ?? 0) >= count else { throw malformed("an empty stack") }
        defer { stack.removeLast(count) }
        return Array(stack.suffix(count))
    }

    private func popToMark() throws(CheckpointError) -> [PickleValue] {
        guard let mark = marks.popLast() else { throw malformed("no mark where one is needed") }
        defer { stack.removeSubrange(mark...) }
        return Array(stack[mark...])
    }

    private func remembered(_ index: Int) throws(CheckpointError) -> PickleValue {
        guard let value = memo[index] else { throw malformed("a value that was never remembered") }
        return value
    }

    private func extend(
        _ kind: PickleContainer.Kind, with elements: [PickleValue]
    ) throws(CheckpointError) {
        guard case .container(let target) = try top(), target.kind == kind else {
            throw malformed("elements for something else than a container of theirs")
        }
        guard kind == .list || elements.count.isMultiple(of: 2) else { throw malformed("a key without a value") }
        target.elements += elements
    }
}

// Calls.
extension Unpickler {
    private func reduce() throws(CheckpointError) {
        let arguments = try pop().elements(.tuple)
        guard case .global(let callee) = try pop(), let arguments else {
            throw malformed("a call of something else than a function")
        }
        switch callee {
        case .orderedDictionary:
            guard arguments.isEmpty else { throw malformed("an OrderedDict made with arguments") }
            push(.dictionary)
        case .rebuildTensor: stack.append(.tensor(try tensor(arguments)))
        case .rebuildParameter:
            guard case .tensor(let tensor)? = arguments.first else { throw malformed("a parameter without a tensor") }
            stack.append(.tensor(tensor))
        case .storageType: throw malformed("a call of a storage type")
        }
    }

    private func tensor(_ arguments: [PickleValue]) throws(CheckpointError) -> PickleTensor {
        guard arguments.count >= 4, case .storage(let storage) = arguments[0], let offset = arguments[1].integer,
            let shape = arguments[2].elements(.tuple), let strides = arguments[3].elements(.tuple)
        else { throw malformed("a tensor that is not described by storage, offset, sizes and strides") }
        return PickleTensor(
            storage: storage, offset: offset, shape: try integers(shape), strides: try integers(strides))
    }

    private func integers(_ values: [PickleValue]) throws(CheckpointError) -> [Int] {
        var result: [Int] = []
        for value in values {
            guard let integer = value.integer else { throw malformed("a size that is no integer") }
            result.append(integer)
        }
        return result
    }

    private func storage(_ identifier: PickleValue) throws(CheckpointError) -> PickleStorage {
        guard let fields = identifier.elements(.tuple), fields.count == 5, fields[0].text == "storage",
            case .global(.storageType(let type)) = fields[1], let key = fields[2].text, let count = fields[4].integer
        else { throw malformed("a storage that is not named by type, key, place and size") }
        return PickleStorage(type: type, key: key, elements: count)
    }

    private func global(module: String, name: String) throws(CheckpointError) -> PickleValue {
        guard let global = PickleGlobal(module: module, name: name) else {
            throw failure(.forbiddenGlobal(offset: operationOffset, name: "\(module).\(name)"))
        }
        return .global(global)
    }
}

// The bytes.
extension Unpickler {
    private func integer<Value: FixedWidthInteger & BitwiseCopyable>(
        _: Value.Type = Value.self
    ) throws(CheckpointError) -> Value {
        do throws(ByteCursor.EndOfBytes) { return try cursor.integer() } catch { throw cutShort(error) }
    }

    /// A two's-complement integer of as many bytes as its first byte says.
    private func longInteger() throws(CheckpointError) -> Int {
        let count: UInt8 = try integer()
        guard count <= 8 else { throw malformed("an integer of more than 64 bits") }
        var value: UInt64 = 0
        var last: UInt8 = 0
        for index in 0..<Int(count) {
            last = try integer()
            value |= UInt64(last) << (8 * index)
        }
        if last & 0x80 != 0 && count < 8 { value |= UInt64.max << (8 * UInt64(count)) }
        return Int(Int64(bitPattern: value))
    }

    private func text(_ count: UInt64) throws(CheckpointError) -> String {
        let text: String?
        do throws(ByteCursor.EndOfBytes) { text = try cursor.text(count) } catch { throw cutShort(error) }
        guard let text else { throw malformed("a text that is not UTF-8") }
        return text
    }

    private func line() throws(CheckpointError) -> String {
        let text: String?
        do throws(ByteCursor.EndOfBytes) { text = try cursor.line() } catch { throw cutShort(error) }
        guard let text else { throw malformed("a text that is not UTF-8") }
        return text
    }

    private func cutShort(_ end: ByteCursor.EndOfBytes) -> CheckpointError {
        failure(.cutShort(offset: end.offset, needed: end.needed))
    }

    private func malformed(_ problem: String) -> CheckpointError {
        failure(.malformedPickle(offset: operationOffset, problem: problem))
    }

    private func failure(_ reason: CheckpointError.Reason) -> CheckpointError {
        CheckpointError(path: path, reason: reason)
    }
}
