import AttentionKernels

/// Where a model's weights come from: a file, several, or memory.
public protocol WeightSource {
    /// The weight called `name`, or nil if there is none. Nothing is converted or copied.
    ///
    /// - Throws: what the source has to say of a weight that is there and cannot be read.
    func weight(named name: String) throws -> StoredWeight?
}

extension WeightSource {
    /// The weight called `name`, which must have the shape given.
    ///
    /// - Throws: ``TransformerError`` that names the tensor, the shape it has and the one it should have, or that it is
    ///   missing; and what the source throws.
    public func weight(_ name: String, shape: [Int]) throws -> StoredWeight {
        guard let weight = try weight(named: name) else {
            throw TransformerError(.missingTensor, name, "there is no such tensor; it should have the shape \(shape)")
        }
        guard weight.shape == shape else {
            throw TransformerError(
                .shapeMismatch, name, "its shape is \(weight.shape); it should be \(shape)")
        }
        return weight
    }
}
