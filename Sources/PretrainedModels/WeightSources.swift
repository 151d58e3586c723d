import FileReading
import GGUF
import PyTorchCheckpoints
import Safetensors
import Transformer

// Weights are used where the mapped file has them; each keeps the file mapped for as long as it lives, and lets go of its
// pages once a layer has packed them.

extension MappedFile: ReloadableMemory {}

extension SafetensorsFile: WeightSource {
    /// The tensor called `name` in the mapped file, or nil if there is none.
    ///
    /// - Throws: ``PretrainedModelError`` if its elements are not F32, F16 or BF16.
    public func weight(named name: String) throws -> StoredWeight? {
        guard contains(name) else { return nil }
        let tensor = try tensor(name)
        let format: WeightFormat
        switch tensor.type {
        case .float32: format = .float32
        case .float16: format = .float16
        case .bfloat16: format = .bfloat16
        default:
            throw PretrainedModelError(
                path: path, reason: .unsupportedElementType(tensor: name, type: tensor.type.rawValue))
        }
        return try tensor.withUnsafeBytes {
            try StoredWeight(name: name, shape: tensor.shape, format: format, bytes: $0, owner: tensor.owner)
        }
    }
}

extension GGUFFile: WeightSource {
    /// The tensor called `name` in the mapped file, or nil if there is none.
    public func weight(named name: String) throws -> StoredWeight? {
        guard contains(name) else { return nil }
        let tensor = try tensor(name)
        return try tensor.withUnsafeBytes {
            try StoredWeight(
                name: name, shape: tensor.shape, format: tensor.type.weightFormat, bytes: $0, owner: tensor.owner)
        }
    }
}

extension GGUFElementType {
    /// The same format by the name of the models.
    var weightFormat: WeightFormat {
        switch self {
        case .float32: .float32
        case .float16: .float16
        case .bfloat16: .bfloat16
        case .q8_0: .q8_0
        case .q4_0: .q4_0
        case .q4_1: .q4_1
        }
    }
}

extension PyTorchCheckpoint: WeightSource {
    /// The tensor called `name` in the mapped file, or nil if there is none.
    ///
    /// - Throws: ``PretrainedModelError`` if its elements are not float32, float16 or bfloat16, or do not follow each
    ///   other in row-major order.
    public func weight(named name: String) throws -> StoredWeight? {
        guard contains(name) else { return nil }
        let tensor = try tensor(name)
        let format: WeightFormat
        switch tensor.type {
        case .float32: format = .float32
        case .float16: format = .float16
        case .bfloat16: format = .bfloat16
        default:
            throw PretrainedModelError(
                path: path, reason: .unsupportedElementType(tensor: name, type: tensor.type.rawValue))
        }
        guard tensor.entry.isContiguous else {
            throw PretrainedModelError(
                path: path,
                reason: .unsupported(
                    part: "strides of \"\(name)\"", kind: "\(tensor.entry.strides)",
                    expected: "those of row-major order"))
        }
        return try tensor.withUnsafeBytes {
            try StoredWeight(name: name, shape: tensor.shape, format: format, bytes: $0, owner: tensor.owner)
        }
    }
}
