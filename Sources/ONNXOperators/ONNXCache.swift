// TensorScatter of opset 24: an update written into a cache of keys or values.

extension ONNXNode {
    func tensorScatter() throws -> [String: ONNXTensor] {
        let cache = try floats("past_cache")
        let update = try floats("update")
        let axis = try axis(default: -2, rank: cache.shape.count)
        var updateShape = update.shape
        guard axis > 0, updateShape.count == cache.shape.count, updateShape[axis] <= cache.shape[axis] else {
            throw ONNXError.invalid(
                "an update of shape \(update.shape) does not fit a cache of \(cache.shape) at axis \(axis)")
        }
        let (length, capacity) = (updateShape[axis], cache.shape[axis])
        updateShape[axis] = capacity
        guard updateShape == cache.shape else {
            throw ONNXError.invalid("update \(update.shape) and cache \(cache.shape) differ outside axis \(axis)")
        }
        let mode = try attributes.string("mode") ?? "linear"
        guard mode == "linear" || mode == "circular" else {
            throw ONNXError.invalid("attribute mode is \(mode); it should be linear or circular")
        }
        let batch = cache.shape[0]
        let starts = inputs["write_indices"] == nil ? [Int](repeating: 0, count: batch) : try integers("write_indices")
        guard starts.count == batch, starts.allSatisfy({ $0 >= 0 && (mode == "circular" || $0 <= capacity - length) })
        else {
            throw ONNXError.invalid("write_indices \(starts) do not let \(length) rows fit a cache of \(capacity)")
        }
        let (lines, width) = (cache.shape[..<axis].reduce(1, *), cache.shape[(axis + 1)...].reduce(1, *))
        var result = cache.elements
        for line in 0..<lines {
            for row in 0..<length {
                let target = (starts[line / (lines / batch)] + row) % capacity
                for c in 0..<width {
                    result[(line * capacity + target) * width + c] = update.elements[(line * length + row) * width + c]
                }
            }
        }
        return ["present_cache": ONNXTensor(shape: cache.shape, result, roundedTo: cache.type)]
    }
}
