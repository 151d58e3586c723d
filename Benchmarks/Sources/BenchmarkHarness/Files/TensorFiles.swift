import AttentionKernels
import Safetensors

extension SafetensorsFile {
    /// The F32 tensor called `name`.
    ///
    /// - Throws: ``SafetensorsError`` if it is missing or of another element type; ``KernelError`` if there is not
    ///   enough memory.
    func floatTensor(_ name: String) throws -> Tensor {
        let stored = try tensor(name)
        guard stored.type == .float32 else { throw stored.wrongType([.float32]) }
        return try Tensor(shape: stored.shape, elements: try stored.floats())
    }

    /// The tensor called `name`, of F32, BF16 or F16.
    ///
    /// - Throws: as ``floatTensor(_:)``.
    func numberTensor(_ name: String) throws -> any NumberTensor {
        let stored = try tensor(name)
        guard let type = DataType.allCases.first(where: { $0.stored == stored.type }) else {
            throw stored.wrongType(DataType.allCases.map(\.stored))
        }
        return try type.tensor(shape: stored.shape, floats: try stored.floats())
    }

    /// Throws if the file has a tensor that is none of `names`: a misspelt optional tensor must not be ignored.
    func requireOnly(_ names: [String]) throws(HarnessError) {
        for name in self.names where !names.contains(name) {
            throw HarnessError(
                "\(path): tensor \"\(name)\" is unknown here; it should be one of \(names.joined(separator: ", "))")
        }
    }
}

extension SafetensorsWriter {
    mutating func add(_ name: String, _ tensor: any NumberTensor) throws(SafetensorsError) {
        try add(
            name, type: tensor.dataType.stored, shape: tensor.shape, bytes: tensor.withBytes { Array($0) })
    }
}

extension DataType {
    /// What files call this type.
    var stored: ElementType {
        switch self {
        case .float32: .float32
        case .bfloat16: .bfloat16
        case .float16: .float16
        }
    }
}
