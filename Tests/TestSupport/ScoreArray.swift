import CKernels

/// The contiguous elements of a mask or bias, with sizes of 1 where it repeats.
public struct ScoreArray<Element: Sendable>: Sendable {
    /// `[batch, heads, queryLength, keyLength]`, each the problem's size or 1.
    public let shape: [Int]
    public let elements: [Element]

    public init(shape: [Int], elements: [Element]) {
        precondition(shape.count == 4 && shape.reduce(1, *) == elements.count)
        self.shape = shape
        self.elements = elements
    }

    /// Calls `body` with the C operand, its strides 0 where it repeats.
    func withOperand<Result>(_ body: (ck_score_operand) throws -> Result) rethrows -> Result {
        var strides: [Int64] = []
        for dimension in 0..<4 {
            let stride = shape[(dimension + 1)...].reduce(1, *)
            strides.append(shape[dimension] == 1 ? 0 : Int64(stride))
        }
        return try elements.withUnsafeBufferPointer { buffer in
            try body(
                ck_score_operand(
                    data: UnsafeRawPointer(buffer.baseAddress), count: Int64(buffer.count), offset: 0,
                    batch_stride: strides[0], head_stride: strides[1], row_stride: strides[2], column_stride: strides[3]
                ))
        }
    }
}
