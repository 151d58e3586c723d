import PyTorchCheckpoints
import TestSupport
import Testing

@Suite struct CheckpointTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func open(_ builder: CheckpointBuilder) throws -> PyTorchCheckpoint {
        try PyTorchCheckpoint(path: directory.file("case.pt", builder.bytes))
    }

    private func reason(_ builder: CheckpointBuilder) -> CheckpointError.Reason? {
        failure(CheckpointError.self) { _ = try open(builder) }?.reason
    }

    /// What a checkpoint with this pickle is refused for.
    private func reason(pickle: [UInt8]) -> CheckpointError.Reason? {
        var builder = CheckpointBuilder()
        builder.members[0].bytes = pickle
        return reason(builder)
    }

    private static let six = (0..<6).flatMap { Float($0).bitPattern.bytes }

    @Test func tensorsAsTheyWereSaved() throws {
        let integers = (0..<2).flatMap { Int64($0).bytes }
        let doubles = [0.5, -2].flatMap { $0.bitPattern.bytes }
        let halves = [Float16(0.5), -2].flatMap { $0.bitPattern.bytes }
        let file = try open(
            CheckpointBuilder(
                [
                    .init(name: "rows", elements: 6, shape: [2, 3], strides: [3, 1]),
                    .init(name: "transposed", elements: 6, shape: [3, 2], strides: [1, 3]),
                    .init(name: "part", elements: 6, offset: 4, shape: [2], strides: [1]),
                    .init(name: "scalar", elements: 6, offset: 5, shape: [], strides: []),
                    .init(name: "empty", elements: 6, shape: [0, 3], strides: [3, 1]),
                    .init(name: "i64", storage: "1", type: "LongStorage", elements: 2, shape: [2], strides: [1]),
                    .init(name: "f64", storage: "2", type: "DoubleStorage", elements: 2, shape: [2], strides: [1]),
                    .init(name: "f16", storage: "3", type: "HalfStorage", elements: 2, shape: [2], strides: [1]),
                ], storages: [Self.six, integers, doubles, halves]))
        #expect(try file.tensor("rows").floats() == [0, 1, 2, 3, 4, 5])
        #expect(try file.tensor("rows").shape == [2, 3])
        #expect(try file.tensor("rows").entry.isContiguous)
        #expect(try file.tensor("rows").withUnsafeBytes { Array($0) } == Self.six)
        #expect(try file.tensor("transposed").floats() == [0, 3, 1, 4, 2, 5])
        #expect(try !file.tensor("transposed").entry.isContiguous)
        #expect(try file.tensor("part").floats() == [4, 5])
        #expect(try file.tensor("scalar").floats() == [5])
        #expect(try file.tensor("empty").floats() == [])
        #expect(try file.tensor("f64").floats() == [0.5, -2])
        #expect(try file.tensor("f16").floats() == [0.5, -2])
        #expect(file.contains("i64") && !file.contains("x"))
        #expect(file.names.count == 8)
        #expect(
            failure(CheckpointError.self) { _ = try file.tensor("i64").floats() }?.reason
                == .wrongElementType(actual: .int64))
        #expect(failure(CheckpointError.self) { _ = try file.tensor("x") }?.reason == .missing(count: 8))
    }

    @Test func tensorsThatReachOutside() {
        func reason(_ tensor: CheckpointBuilder.Tensor) -> CheckpointError.Reason? {
            self.reason(CheckpointBuilder([tensor], storages: [Self.six]))
        }
        func outside(_ tensor: CheckpointBuilder.Tensor) -> Bool {
            reason(tensor)
                == .outsideStorage(
                    shape: tensor.shape.map(Int.init), strides: tensor.strides.map(Int.init),
                    offset: Int(tensor.offset), elements: 6)
        }
        #expect(reason(.init(name: "x", elements: 6, shape: [6], strides: [1])) == nil)
        #expect(outside(.init(name: "x", elements: 6, shape: [7], strides: [1])))
        #expect(outside(.init(name: "x", elements: 6, offset: 1, shape: [6], strides: [1])))
        #expect(outside(.init(name: "x", elements: 6, offset: -1, shape: [2], strides: [1])))
        #expect(outside(.init(name: "x", elements: 6, shape: [2, 3], strides: [4, 1])))
        #expect(outside(.init(name: "x", elements: 6, shape: [-2], strides: [1])))
        #expect(outside(.init(name: "x", elements: 6, shape: [2], strides: [-1])))
        #expect(outside(.init(name: "x", elements: 6, shape: [2], strides: [])))
        #expect(outside(.init(name: "x", elements: 6, shape: [.max, .max, .max], strides: [0, 0, 0])))
        #expect(
            reason(.init(name: "x", elements: 7, shape: [6], strides: [1]))
                == .storageSize(member: "archive/data/0", expected: 28, actual: 24))
        #expect(
            reason(.init(name: "x", storage: "9", elements: 6, shape: [6], strides: [1]))
                == .missingMember("archive/data/9"))
    }

    @Test func picklesThatWantMoreThanTensors() {
        let system = [0x80, 2] + CheckpointBuilder.global("os", "system")
        let call = system + CheckpointBuilder.tuple([CheckpointBuilder.text("true")]) + Array("R.".utf8)
        #expect(isForbidden(call))
        #expect(isForbidden([0x80, 4, 0x8C, 8] + Array("builtins".utf8) + [0x8C, 4] + Array("eval".utf8) + [0x93]))
        #expect(isForbidden([0x80, 2] + CheckpointBuilder.global("torch", "load")))
        // INST, OBJ, NEWOBJ and extension codes name classes in other ways.
        for code in [UInt8(ascii: "i"), UInt8(ascii: "o"), 0x81, 0x92, 0x82, 0x83, 0x84, UInt8(ascii: "P")] {
            guard case .forbiddenOperation(_, code)? = reason(pickle: [0x80, 2, code]) else {
                Issue.record("operation \(code) was not refused")
                return
            }
        }
    }

    private func isForbidden(_ pickle: [UInt8]) -> Bool {
        if case .forbiddenGlobal? = reason(pickle: pickle) { true } else { false }
    }

    @Test(arguments: [
        ".", "N.", "h\u{1}.", "t.", "s.", "(u.", "}N.", "]R.", "NNR.", "]]s.", "}(Nu.", "Q.", "e.", "(a.", "\u{0}.",
        "]Nb.", "X", "(((((", "}]}a", "qq",
    ])
    func malformedPickles(text: String) {
        guard let reason = reason(pickle: [0x80, 2] + Array(text.utf8)) else {
            Issue.record("\(text) was accepted")
            return
        }
        switch reason {
        case .malformedPickle, .cutShort, .unexpectedContents, .forbiddenOperation: break
        default: Issue.record("\(text) was refused with \(reason)")
        }
    }

    /// A hundred thousand lists inside each other, and a list that holds itself.
    @Test func hostileNesting() {
        let deep = [UInt8](repeating: UInt8(ascii: "]"), count: 100_000)
        let closing = [UInt8](repeating: UInt8(ascii: "a"), count: 99_999)
        #expect(reason(pickle: [0x80, 2] + deep + closing + Array(".".utf8)) != nil)
        #expect(reason(pickle: [0x80, 2] + Array("]q\u{1}h\u{1}a.".utf8)) != nil)
    }

    @Test func archivesThatAreNone() throws {
        let path = try directory.file("text.pt", Array("not an archive".utf8))
        #expect(failure(CheckpointError.self) { _ = try PyTorchCheckpoint(path: path) }?.reason == .notAnArchive)
        var builder = CheckpointBuilder()
        builder.method = 8
        #expect(reason(builder) == .compressedMember("archive/data.pkl"))
        builder.method = 0
        builder.members.append(builder.members[1])
        #expect(reason(builder) == .duplicateMember("archive/byteorder"))
        builder.members = [("archive/version", [3])]
        #expect(reason(builder) == .missingMember("data.pkl"))
        builder = CheckpointBuilder()
        builder.members[1].bytes = Array("big".utf8)
        #expect(reason(builder) == .unexpectedContents(place: "in its byteorder", expected: "\"little\""))
        let whole = CheckpointBuilder().bytes
        for count in 0..<whole.count {
            let path = try directory.file("cut.pt", Array(whole[..<count]))
            #expect(throws: CheckpointError.self, "cut to \(count) bytes") { try PyTorchCheckpoint(path: path) }
        }
    }

    @Test func vocabularies() throws {
        let list =
            [UInt8(ascii: "]"), UInt8(ascii: "(")] + ["a", "é"].flatMap(CheckpointBuilder.text) + [UInt8(ascii: "e")]
        let pickle = [0x80, 4] + Array("}(".utf8) + CheckpointBuilder.text("itos") + list + Array("u.".utf8)
        let path = try directory.file("vocabulary.pkl", pickle)
        #expect(try PickledVocabulary(path: path).tokens == ["a", "é"])
        let other = try directory.file("other.pkl", [0x80, 4] + Array("}.".utf8))
        #expect(
            failure(CheckpointError.self) { _ = try PickledVocabulary(path: other) }?.reason
                == .unexpectedContents(place: "at \"itos\"", expected: "a list of texts"))
    }

    @Test func descriptionsNameFileAndCause() {
        let error = CheckpointError(path: "m.pt", reason: .forbiddenGlobal(offset: 2, name: "os.system"))
        #expect(
            error.description
                == "m.pt has a pickle that asks for \"os.system\" at byte 2; only what rebuilds tensors is allowed")
    }

    /// However a checkpoint is damaged, it is refused with one error or every tensor it claims to have can be read.
    @Test func damagedFiles() throws {
        let whole = CheckpointBuilder(
            [
                .init(name: "a", elements: 6, shape: [2, 3], strides: [3, 1]),
                .init(name: "b", storage: "1", elements: 2, shape: [2], strides: [1]),
            ], storages: [Self.six, Array(Self.six[..<8])]
        ).bytes
        var mutator = Mutator(seed: 2, likely: "(}]tusaeRbQqrhjKMJXcN.)")
        var opened = 0
        try Mutator.forEachRound(of: "PyTorch checkpoint") { _ in
            let path = try directory.file("damaged.pt", mutator.damage(whole))
            do throws(CheckpointError) {
                let file = try PyTorchCheckpoint(path: path)
                opened += 1
                for name in file.names {
                    let tensor = try file.tensor(name)
                    if tensor.type != .int64 { _ = try tensor.floats() }
                }
            } catch {
                #expect(error.description.hasPrefix(path))
            }
        }
        #expect(opened > Mutator.count / 50 && opened < Mutator.count)
    }
}
