import AttentionKernels

// Matrix products with the standard's broadcasting.

extension ONNXNode {
    /// `[.., m, k] x [.., k, n]` with leading dimensions broadcast; a vector is a row on the left and a column on the
    /// right, and its dimension of 1 goes away again.
    func matMul(_ kernel: AttentionKernel, _ execution: Execution) throws -> [String: ONNXTensor] {
        let (a, b) = (try floats("A"), try floats("B"))
        guard !a.shape.isEmpty, !b.shape.isEmpty else { throw ONNXError.invalid("MatMul of a scalar") }
        let left = a.shape.count == 1 ? [1] + a.shape : a.shape
        let right = b.shape.count == 1 ? b.shape + [1] : b.shape
        let (m, k, n) = (left[left.count - 2], left[left.count - 1], right[right.count - 1])
        guard right[right.count - 2] == k else {
            throw ONNXError.invalid("A of shape \(a.shape) and B of shape \(b.shape) do not fit")
        }
        let (leftBatch, rightBatch) = ([Int](left.dropLast(2)), [Int](right.dropLast(2)))
        let batch = try Self.broadcastShape(leftBatch, rightBatch)
        let count = batch.reduce(1, *)
        let product = try matmul(
            Tensor(
                shape: [count, m, k], elements: ONNXTensor.broadcast(a.elements, left, to: batch + [m, k])),
            Tensor(
                shape: [count, k, n], elements: ONNXTensor.broadcast(b.elements, right, to: batch + [k, n])),
            kernel: kernel, execution: execution)
        let shape = batch + (a.shape.count == 1 ? [] : [m]) + (b.shape.count == 1 ? [] : [n])
        return ["Y": ONNXTensor(shape: shape, product.elements, roundedTo: a.type)]
    }

    /// `alpha op(A) op(B) + beta C`, C broadcast to the product.
    func gemm(_ kernel: AttentionKernel, _ execution: Execution) throws -> [String: ONNXTensor] {
        let (a, b) = (try floats("A"), try floats("B"))
        guard a.shape.count == 2, b.shape.count == 2 else {
            throw ONNXError.invalid("A and B of Gemm should have rank 2; their shapes are \(a.shape) and \(b.shape)")
        }
        var product = try matmul(
            try Tensor(shape: a.shape, elements: a.elements), try Tensor(shape: b.shape, elements: b.elements),
            transposeA: try attributes.flag("transA"), transposeB: try attributes.flag("transB"),
            alpha: try attributes.float("alpha") ?? 1, kernel: kernel, execution: execution
        )
        let beta = try attributes.float("beta") ?? 1
        if inputs["C"] != nil, beta != 0 {
            let c = try floats("C")
            let added = try ONNXTensor.broadcast(c.elements, c.shape, to: product.shape)
            let sums = zip(product.elements, added).map { $0 + beta * $1 }
            product = try Tensor(shape: product.shape, elements: sums)
        }
        return ["Y": ONNXTensor(shape: product.shape, product.elements, roundedTo: a.type)]
    }

    static func broadcastShape(_ left: [Int], _ right: [Int]) throws(ONNXError) -> [Int] {
        let rank = max(left.count, right.count)
        let padded = [left, right].map { [Int](repeating: 1, count: rank - $0.count) + $0 }
        let pairs = zip(padded[0], padded[1])
        guard pairs.allSatisfy({ $0 == $1 || $0 == 1 || $1 == 1 }) else {
            throw .invalid("shapes \(left) and \(right) do not broadcast")
        }
        return pairs.map { $0 == 1 ? $1 : $0 }
    }
}
