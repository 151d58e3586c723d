/// An object that a pickle builds. Containers are references, since a pickle may put into one that it has remembered.
enum PickleValue {
    case none
    case boolean(Bool)
    case integer(Int)
    case real(Double)
    case text(String)
    case container(PickleContainer)
    case global(PickleGlobal)
    case storage(PickleStorage)
    case tensor(PickleTensor)

    var integer: Int? {
        if case .integer(let value) = self { value } else { nil }
    }

    var text: String? {
        if case .text(let text) = self { text } else { nil }
    }

    func elements(_ kind: PickleContainer.Kind) -> [PickleValue]? {
        if case .container(let container) = self, container.kind == kind { container.elements } else { nil }
    }
}

/// A tuple, a list, or a dictionary as its keys and values in turn.
final class PickleContainer {
    enum Kind { case tuple, list, dictionary }

    let kind: Kind
    var elements: [PickleValue]

    init(_ kind: Kind, _ elements: [PickleValue] = []) {
        self.kind = kind
        self.elements = elements
    }
}

/// The classes and functions that a checkpoint of tensors may name.
enum PickleGlobal: Equatable {
    case orderedDictionary
    case rebuildTensor
    case rebuildParameter
    case storageType(CheckpointElementType)

    init?(module: String, name: String) {
        switch (module, name) {
        case ("collections", "OrderedDict"): self = .orderedDictionary
        case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
        case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
        case ("torch", _):
            guard let type = CheckpointElementType(storageName: name) else { return nil }
            self = .storageType(type)
        default: return nil
        }
    }
}

/// A storage that tensors share: a member of the archive.
struct PickleStorage {
    var type: CheckpointElementType
    var key: String
    var elements: Int
}

/// A tensor as the pickle describes it, not yet checked.
struct PickleTensor {
    var storage: PickleStorage
    var offset: Int
    var shape: [Int]
    var strides: [Int]
}
