import AttentionKernels
import Safetensors

extension AttentionWorkload {
    static let inputNames = [
        "q", "k", "v", "past_k", "past_v", "mask", "bias", "kv_lengths", "kv_starts", "query_lengths", "prefix_lengths",
        "segments", "q_segments", "k_segments", "block_mask", "alibi_slopes", "sinks", "head_scales", "k_scales",
        "v_scales",
    ]

    /// The workload whose tensors lie in `file`: `q`, `k` and `v` of F32, BF16 or F16 and one rank from 2 to 4, and where
    /// present the other ones of ``inputNames``.
    ///
    /// - Throws: ``SafetensorsError``, ``HarnessError`` or ``KernelError`` that names the tensor at fault.
    public init(file: SafetensorsFile, options: AttentionFileOptions) throws {
        try file.requireOnly(Self.inputNames)
        let options = try options.completed(by: file)
        let query = try file.numberTensor("q")
        guard (2...4).contains(query.shape.count) else {
            throw HarnessError(
                "\(file.path): tensor \"q\" has the shape \(query.shape); it should have 2, 3 or 4 dimensions: batch, heads, "
                    + "queries, width")
        }
        self.init(
            query: query, key: try file.rows("k", after: "past_k", rank: query.shape.count),
            value: try file.rows("v", after: "past_v", rank: query.shape.count),
            causality: options.causality ?? .none, scale: options.scale)
        outputType = options.outputType
        keepsFloatProbabilities = options.keepsFloatProbabilities ?? false
        if let (shape, bytes) = try file.bytes("mask") {
            mask = Mask(shape: shape, bytes: bytes, keeps: options.maskKeeps ?? true)
        }
        if file.contains("bias") { bias = try file.numberTensor("bias") }
        keyLengths = try file.lengths("kv_lengths", batch: shape.batch)
        try readVisibility(file, options)
        try readScores(file, options)
        if scores.softcap.map({ $0 < 0 || !$0.isFinite }) == true {
            throw HarnessError("softcap: \(scores.softcap ?? 0) should be finite and 0 or more")
        }
        try roundKeysAndValues(to: options.keyValueType, file)
    }

    private mutating func readVisibility(_ file: SafetensorsFile, _ options: AttentionFileOptions) throws {
        let shape = shape
        visibility.alignment = options.alignment ?? .none
        if options.windowLeft != nil || options.windowRight != nil {
            visibility.window = SlidingWindow(left: options.windowLeft, right: options.windowRight)
        }
        visibility.keyStarts = try file.lengths("kv_starts", batch: shape.batch)
        visibility.queryLengths = try file.lengths("query_lengths", batch: shape.batch)
        visibility.prefixLengths = try file.lengths("prefix_lengths", batch: shape.batch)
        let both = try file.segments("segments", batch: shape.batch, length: shape.queryLength)
        let query = try file.segments("q_segments", batch: shape.batch, length: shape.queryLength) ?? both
        let key =
            try file.segments("k_segments", batch: shape.batch, length: shape.keyLength)
            ?? file.segments("segments", batch: shape.batch, length: shape.keyLength)
        switch (query, key) {
        case (nil, nil): break
        case (let query?, let key?): visibility.segments = AttentionSegments(query: query, key: key)
        default:
            let missing = query == nil ? "q_segments" : "k_segments"
            throw HarnessError(
                "\(file.path): tensor \"\(missing)\" is missing; it should be there where the other segments are")
        }
        if let (blockShape, bytes) = try file.bytes("block_mask") {
            guard let queryBlock = options.queryBlock, let keyBlock = options.keyBlock else {
                throw HarnessError(
                    "\(file.path): tensor \"block_mask\" needs the sizes of a block: --query-block and --key-block, or the "
                        + "metadata attention.query_block and attention.key_block")
            }
            blocks = Blocks(queryBlock: queryBlock, keyBlock: keyBlock, shape: blockShape, bytes: bytes)
        } else if options.queryBlock != nil || options.keyBlock != nil {
            throw HarnessError("\(file.path): tensor \"block_mask\" is missing; the size of a block needs it")
        }
    }

    private mutating func readScores(_ file: SafetensorsFile, _ options: AttentionFileOptions) throws {
        scores.softcap = options.softcap
        scores.normalizesQueryAndKey = options.normalizesQueryAndKey ?? false
        scores.headScales = try file.headValues("head_scales")
        scores.alibiSlopes = try file.headValues("alibi_slopes")
        if options.usesStandardAlibi == true {
            if scores.alibiSlopes != nil {
                throw HarnessError(
                    "\(file.path): tensor \"alibi_slopes\" and --alibi both give slopes; it should be one of them")
            }
            scores.alibiSlopes = ScoreOptions.standardAlibiSlopes(heads: shape.heads)
        }
        scores.sinks = try file.headValues("sinks").map { .perHead($0) }
        if options.isOffByOne == true {
            if scores.sinks != nil {
                throw HarnessError(
                    "\(file.path): tensor \"sinks\" and --off-by-one both give logits; it should be one of them")
            }
            scores.sinks = .offByOne
        }
    }
}

extension SafetensorsFile {
    /// The rows of `name`, behind those of `past` where the file has them.
    fileprivate func rows(_ name: String, after past: String, rank: Int) throws -> any NumberTensor {
        let new = try numberTensor(name, rank: rank)
        guard contains(past) else { return new }
        let old = try numberTensor(past, rank: rank)
        guard old.dataType == new.dataType, old.shape.dropLast(2) == new.shape.dropLast(2),
            old.shape.last == new.shape.last
        else {
            throw HarnessError(
                "\(path): tensor \"\(past)\" is \(old.dataType.shortName) of the shape \(old.shape); it should be of the type "
                    + "and shape of \"\(name)\" but for the rows: \(new.dataType.shortName) \(new.shape)")
        }
        return try old.appending(new)
    }

    private func numberTensor(_ name: String, rank: Int) throws -> any NumberTensor {
        let tensor = try numberTensor(name)
        guard tensor.shape.count == rank else {
            throw HarnessError(
                "\(path): tensor \"\(name)\" has the shape \(tensor.shape); it should have \(rank) dimensions, as q")
        }
        return tensor
    }

    /// The bytes of a BOOL or U8 tensor that spreads over scores, if there is one.
    fileprivate func bytes(_ name: String) throws -> (shape: [Int], bytes: [UInt8])? {
        guard contains(name) else { return nil }
        let stored = try tensor(name)
        guard stored.type == .bool || stored.type == .uint8 else { throw stored.wrongType([.bool, .uint8]) }
        try requireRank(stored, 1...4, "1 to 4 dimensions")
        return (stored.shape, stored.bytes())
    }

    fileprivate func lengths(_ name: String, batch: Int) throws -> [Int]? {
        guard contains(name) else { return nil }
        let stored = try tensor(name)
        guard stored.shape == [batch] || (stored.shape.isEmpty && batch == 1) else {
            throw HarnessError(
                "\(path): tensor \"\(name)\" has the shape \(stored.shape); it should be [\(batch)], the batch")
        }
        return try stored.integers()
    }

    fileprivate func segments(_ name: String, batch: Int, length: Int) throws -> [Int32]? {
        guard contains(name) else { return nil }
        let stored = try tensor(name)
        guard stored.shape == [length] || stored.shape == [batch, length] else {
            throw HarnessError(
                "\(path): tensor \"\(name)\" has the shape \(stored.shape); it should be [\(length)] or [\(batch), \(length)]"
            )
        }
        return try stored.integers().map { id in
            guard let id = Int32(exactly: id) else {
                throw HarnessError("\(path): tensor \"\(name)\" has the id \(id); it should fit 32 bits")
            }
            return id
        }
    }

    fileprivate func headValues(_ name: String) throws -> [Float]? {
        guard contains(name) else { return nil }
        let stored = try tensor(name)
        try requireRank(stored, 0...1, "[heads] or [1]")
        return try stored.floats()
    }

    private func requireRank(
        _ stored: StoredTensor, _ ranks: ClosedRange<Int>, _ expected: String
    ) throws(HarnessError) {
        guard ranks.contains(stored.shape.count) else {
            throw HarnessError(
                "\(path): tensor \"\(stored.entry.name)\" has the shape \(stored.shape); it should be \(expected)")
        }
    }
}

extension NumberTensor {
    /// This tensor's rows and then those of `other`, in every sequence and head.
    ///
    /// - Precondition: all but the last dimension but one are equal, and so are the types.
    fileprivate func appending(_ other: any NumberTensor) throws(KernelError) -> any NumberTensor {
        var shape = shape
        let rank = shape.count
        let (mine, theirs) = (shape[rank - 2] * shape[rank - 1], other.shape[rank - 2] * shape[rank - 1])
        let (old, new) = (floats, other.floats)
        var elements: [Float] = []
        elements.reserveCapacity(old.count + new.count)
        for matrix in 0..<shape.dropLast(2).reduce(1, *) {
            elements += old[matrix * mine..<(matrix + 1) * mine]
            elements += new[matrix * theirs..<(matrix + 1) * theirs]
        }
        shape[rank - 2] += other.shape[rank - 2]
        return try dataType.tensor(shape: shape, floats: elements)
    }
}
