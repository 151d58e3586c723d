import TestSupport

/// Builds zip archives of plain members, and pickles of tensors as `torch.save` writes them.
struct CheckpointBuilder {
    var members: [(name: String, bytes: [UInt8])] = []
    var method: UInt16 = 0

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        var directory: [UInt8] = []
        for (name, contents) in members {
            let offset = UInt32(bytes.count)
            let size = UInt32(contents.count)
            let common = UInt16(0).bytes + method.bytes + UInt32(0).bytes + UInt32(0).bytes + size.bytes + size.bytes
            bytes += UInt32(0x0403_4B50).bytes + UInt16(0).bytes + common
            bytes += UInt16(name.utf8.count).bytes + UInt16(3).bytes + Array(name.utf8) + [1, 2, 3] + contents
            directory += UInt32(0x0201_4B50).bytes + UInt32(0).bytes + common
            directory += UInt16(name.utf8.count).bytes + [UInt8](repeating: 0, count: 12) + offset.bytes
            directory += Array(name.utf8)
        }
        let count = UInt16(members.count)
        return bytes + directory + UInt32(0x0605_4B50).bytes + UInt32(0).bytes + count.bytes + count.bytes
            + UInt32(directory.count).bytes + UInt32(bytes.count).bytes + UInt16(0).bytes
    }

    struct Tensor {
        var name: String
        var storage = "0"
        var type = "FloatStorage"
        var elements: Int32
        var offset: Int32 = 0
        var shape: [Int32]
        var strides: [Int32]
    }

    /// A checkpoint of `tensors` over storages of these bytes.
    init(_ tensors: [Tensor] = [], storages: [[UInt8]] = []) {
        members = [("archive/data.pkl", Self.pickle(tensors)), ("archive/byteorder", Array("little".utf8))]
        members += storages.enumerated().map { ("archive/data/\($0.offset)", $0.element) }
    }

    static func text(_ text: String) -> [UInt8] {
        [UInt8(ascii: "X")] + UInt32(text.utf8.count).bytes + Array(text.utf8)
    }

    static func integer(_ value: Int32) -> [UInt8] { [UInt8(ascii: "J")] + value.bytes }

    static func global(_ module: String, _ name: String) -> [UInt8] { Array("c\(module)\n\(name)\n".utf8) }

    static func tuple(_ values: [[UInt8]]) -> [UInt8] {
        [UInt8(ascii: "(")] + values.flatMap { $0 } + [UInt8(ascii: "t")]
    }

    static func pickle(_ tensors: [Tensor]) -> [UInt8] {
        var bytes: [UInt8] = [0x80, 2] + global("collections", "OrderedDict") + Array(")R(".utf8)
        for tensor in tensors {
            let storage = tuple([
                text("storage"), global("torch", tensor.type), text(tensor.storage), text("cpu"),
                integer(tensor.elements),
            ])
            bytes += text(tensor.name) + global("torch._utils", "_rebuild_tensor_v2")
            bytes += tuple([
                storage + [UInt8(ascii: "Q")], integer(tensor.offset), tuple(tensor.shape.map(integer)),
                tuple(tensor.strides.map(integer)), [0x89], global("collections", "OrderedDict") + Array(")R".utf8),
            ])
            bytes += [UInt8(ascii: "R")]
        }
        return bytes + Array("u}b.".utf8)
    }
}
