import AttentionKernels

/// What a cache of 8 bits is filled with, and the numbers that it then holds.
struct ByteCache: Sendable {
    /// The keys and values that are appended.
    var key, value: any NumberTensor
    /// `[kvHeads, width]`; nil for a scale by row.
    var keyScales, valueScales: Tensor?

    /// The numbers a cache holds of `rows`, `[.., heads, length, width]`, as ``KeyValueCache`` says: each the nearest multiple
    /// of its scale.
    ///
    /// - Precondition: `scales` are `[heads, width]`.
    static func held(_ rows: any NumberTensor, columnScales scales: Tensor?) throws(KernelError) -> Tensor {
        let sizes = AttentionWorkload.rank4(rows.shape)
        let (heads, length, width) = (sizes[1], sizes[2], sizes[3])
        var numbers = rows.floats
        for row in 0..<(width == 0 ? 0 : numbers.count / width) {
            let columns = row * width..<(row + 1) * width
            if let scales {
                let head = row / length % heads
                for column in 0..<width {
                    let place = row * width + column
                    numbers[place] = multiple(numbers[place], of: scales.elements[head * width + column])
                }
            } else {
                roundByLargest(&numbers[columns])
            }
        }
        return try Tensor(shape: rows.shape, elements: numbers)
    }

    private static func multiple(_ x: Float, of scale: Float) -> Float {
        guard scale != 0, !x.isNaN else { return 0 }
        return max(-127, min(127, x / scale)).rounded(.toNearestOrEven) * scale
    }

    /// A row that is not finite becomes NaN, and one below 2^-100 zero.
    private static func roundByLargest(_ row: inout ArraySlice<Float>) {
        let isFinite = row.allSatisfy(\.isFinite)
        let largest = row.reduce(0) { max($0, abs($1)) }
        let (scale, factor) = largest < 0x1p-100 ? (0, 0) : (largest / 127, 127 / largest)
        for column in row.indices {
            row[column] = isFinite ? (row[column] * factor).rounded(.toNearestOrEven) * scale : .nan
        }
    }
}
