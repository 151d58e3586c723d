/// The scales of a cache of 8 bits: for keys and for values, a number of each key and head, or of each head's columns.
struct CacheScales: Sendable {
    private let key: AlignedStorage<Float>
    private let value: AlignedStorage<Float>
    private let ofColumns: (key: Bool, value: Bool)
    private let kvHeads: Int
    private let widths: (key: Int, value: Int)

    /// Scales for rows laid out as `rows` where the elements are of 8 bits, those of columns with the numbers given.
    static func make(
        _ format: MatrixFormat, _ rows: [Int], kvHeads: Int, _ widths: (key: Int, value: Int),
        ofColumns: (key: Tensor?, value: Tensor?)
    ) throws(KernelError) -> CacheScales? {
        if format == .int8 { return try CacheScales(rows, kvHeads: kvHeads, widths, ofColumns: ofColumns) }
        guard ofColumns.key == nil, ofColumns.value == nil else {
            throw KernelError(
                .wrongElementType, ofColumns.key != nil ? .keyScales : .valueScales,
                "a cache of \(format.name) has no scales; they should be nil")
        }
        return nil
    }

    private init(
        _ rows: [Int], kvHeads: Int, _ widths: (key: Int, value: Int), ofColumns: (key: Tensor?, value: Tensor?)
    ) throws(KernelError) {
        func storage(
            _ columns: Tensor?, _ width: Int, _ argument: KernelError.Argument
        ) throws(KernelError) -> AlignedStorage<Float> {
            guard let columns else { return try TensorShape.allocate(rows, of: Float.self) }
            guard columns.shape == [kvHeads, width] else {
                throw KernelError(
                    .shapeMismatch, argument, "shape \(columns.shape) should be [\(kvHeads), \(width)] (kvHeads, width)"
                )
            }
            guard columns.elements.allSatisfy({ $0 >= 0 && $0.isFinite }) else {
                throw KernelError(.notFinite, argument, "every element should be finite and 0 or more")
            }
            return columns.storage.copy()
        }
        key = try storage(ofColumns.key, widths.key, .keyScales)
        value = try storage(ofColumns.value, widths.value, .valueScales)
        self.ofColumns = (ofColumns.key != nil, ofColumns.value != nil)
        self.kvHeads = kvHeads
        self.widths = widths
    }

    /// Copies the scales of `count` rows from row `source` on to those from `target` on.
    func copyRows(_ source: Int, to target: Int, count: Int) {
        if !ofColumns.key { key.copyRows(source, to: target, count: count, width: 1) }
        if !ofColumns.value { value.copyRows(source, to: target, count: count, width: 1) }
    }

    /// The scales as a problem takes them, those of keys laid out as `keys`.
    func inputs(_ keys: AttentionLayout) -> (key: CacheInput.Scales, value: CacheInput.Scales) {
        func input(_ storage: AlignedStorage<Float>, _ areOfColumns: Bool, _ width: Int) -> CacheInput.Scales {
            var layout = keys
            if areOfColumns {
                layout = .bhsd(batch: keys.batch, heads: kvHeads, length: 1, width: width)
                layout.batchStride = 0
            }
            return CacheInput.Scales(
                start: storage.start, count: storage.count, layout: layout, areOfColumns: areOfColumns)
        }
        return (input(key, ofColumns.key, widths.key), input(value, ofColumns.value, widths.value))
    }
}
