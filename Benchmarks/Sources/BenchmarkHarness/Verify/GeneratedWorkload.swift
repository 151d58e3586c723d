import AttentionKernels

extension AttentionWorkload {
    /// A workload of normally distributed numbers, the same ones for the same seed, whatever the element types round
    /// them to.
    ///
    /// - Throws: ``KernelError`` if there is not enough memory.
    public init(
        shape: AttentionShape, mask: SweepMask, dtype: SweepDType = .f32, seed: UInt64
    ) throws(KernelError) {
        var generator = SeededGenerator(seed: seed)
        func tensor(
            _ type: SweepDType.KeyValueType, _ heads: Int, _ length: Int, _ width: Int
        ) throws(KernelError) -> any NumberTensor {
            let sizes = [shape.batch, heads, length, width]
            let floats = generator.gaussians(shape.batch * heads * length * width)
            return switch type {
            case .numbers(let type): try type.tensor(shape: sizes, floats: floats)
            case .bytes: try Tensor(shape: sizes, elements: Self.onGrid(floats, width: width))
            }
        }
        self.init(
            query: try tensor(.numbers(dtype.query), shape.heads, shape.queryLength, shape.headDim),
            key: try tensor(dtype.keyValue, shape.kvHeads, shape.keyLength, shape.headDim),
            value: try tensor(dtype.keyValue, shape.kvHeads, shape.keyLength, shape.valueDim))
        if dtype.keepsBytes { byteCache = ByteCache(key: key, value: value) }
        // Numbers of their own, so that a mask does not change the tensors.
        var others = SeededGenerator(seed: seed &+ 1)
        for rule in mask.rules { try apply(rule, to: shape, &others) }
        if mask.has(.window) && !(mask.has(.causal) || mask.has(.prefix)) {
            visibility.window?.right = SweepMask.windowReach
        }
    }

    /// `floats` as a cache of 8 bits holds them without an error: multiples of 1/32 up to 127/32, which the largest of
    /// each row is, so that the row's scale is 1/32.
    private static func onGrid(_ floats: [Float], width: Int) -> [Float] {
        var numbers = floats.map { max(-127, min(127, ($0 * 32).rounded())) / 32 }
        for row in stride(from: 0, to: width == 0 ? 0 : numbers.count, by: width) {
            let columns = row..<row + width
            let largest = columns.max { abs(floats[$0]) < abs(floats[$1]) } ?? row
            numbers[largest] = floats[largest] < 0 ? -127 / 32 : 127 / 32
        }
        return numbers
    }

    private mutating func apply(
        _ rule: SweepMask.Rule, to shape: AttentionShape, _ generator: inout SeededGenerator
    ) throws(KernelError) {
        // The last query stands at the last key, with causality or without.
        visibility.alignment = .bottomRight
        switch rule {
        case .causal: causality = .bottomRight
        case .window: visibility.window = SlidingWindow(left: SweepMask.windowReach)
        case .prefix:
            causality = .bottomRight
            visibility.prefixLengths = Array(
                repeating: SweepMask.prefix(keyLength: shape.keyLength), count: shape.batch)
        case .segments:
            let offset = shape.keyLength - shape.queryLength
            func ids(_ positions: Range<Int>) -> [Int32] {
                positions.map { Int32(max($0, 0) / SweepMask.documentLength) }
            }
            visibility.segments = AttentionSegments(
                query: ids(offset..<shape.keyLength), key: ids(0..<shape.keyLength))
        case .blocks: blocks = Self.blocks(shape)
        case .padding:
            let visible = shape.keyLength - shape.keyLength / 8
            let row = (0..<shape.keyLength).map { UInt8($0 < visible ? 1 : 0) }
            mask = Mask(
                shape: [shape.batch, 1, 1, shape.keyLength],
                bytes: (0..<shape.batch).flatMap { _ in row }, keeps: true)
        case .bias:
            bias = try Tensor(
                shape: [1, 1, shape.queryLength, shape.keyLength],
                // Numbers that the queries' type holds exactly, for peers that take a bias of that type alone.
                elements: generator.gaussians(shape.queryLength * shape.keyLength).map(query.dataType.rounded))
        case .alibi: scores.alibiSlopes = ScoreOptions.standardAlibiSlopes(heads: shape.heads)
        case .softcap: scores.softcap = 50
        case .sinks: scores.sinks = .perHead(generator.gaussians(shape.heads))
        case .qknorm:
            scores.normalizesQueryAndKey = true
            scale = 10
        }
    }

    private static func blocks(_ shape: AttentionShape) -> Blocks {
        let size = SweepMask.block
        let offset = shape.keyLength - shape.queryLength
        func count(_ length: Int) -> Int { (length + size - 1) / size }
        let (rows, columns) = (count(shape.queryLength), count(shape.keyLength))
        let bytes = (0..<rows).flatMap { row in
            (0..<columns).map { column -> UInt8 in
                SweepMask.seesBlock(column, ownBlock: (row * size + offset) / size) ? 1 : 0
            }
        }
        return Blocks(queryBlock: size, keyBlock: size, shape: [rows, columns], bytes: bytes)
    }
}
