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

    /// Throws if the file has a tensor that is none of `names`: a misspelt optional tensor must not be ignored.
    func requireOnly(_ names: [String]) throws(HarnessError) {
        for name in self.names where !names.contains(name) {
            throw HarnessError(
                "\(path): tensor \"\(name)\" is unknown here; it should be one of \(names.joined(separator: ", "))")
        }
    }
}

extension SafetensorsWriter {
    mutating func add(_ name: String, _ tensor: Tensor) throws(SafetensorsError) {
        try add(name, shape: tensor.shape, floats: tensor.elements)
    }
}
