/// One attention that `compare` measures.
public struct CompareCase: Sendable, Hashable {
    /// The sizes.
    public var shape: AttentionShape
    /// The mask.
    public var mask: SweepMask
    /// The element types.
    public var dtype: SweepDType

    /// A case.
    public init(_ shape: AttentionShape, _ mask: SweepMask = .none, dtype: SweepDType = .f32) {
        self.shape = shape
        self.mask = mask
        self.dtype = dtype
    }

    /// The operations of both products, 2 for each multiply-add; causal counts visible pairs only, padding counts.
    public var flops: Double { shape.flops(mask) }

    /// The bytes of K and V: what has to be read at least once.
    public var keyValueBytes: Double { Double(shape.keyValueBytes(dtype)) }

    /// What names the case in every run.
    public var key: String { "\(dtype.rawValue) \(text)" }

    /// `B1 H32/8 S2048 D128 causal`.
    public var text: String {
        let heads = shape.heads == shape.kvHeads ? "\(shape.heads)" : "\(shape.heads)/\(shape.kvHeads)"
        return "B\(shape.batch) H\(heads) S\(shape.lengthText) D\(shape.headDim)"
            + (mask == .none ? "" : " \(mask.rawValue)")
    }
}

/// Which attentions `compare` measures.
public struct CompareSelection: Sendable {
    /// A family of cases that has a name on the command line.
    public enum Family: String, Sendable, CaseIterable {
        /// Self-attention, 8 heads.
        case full
        /// The same under a causal mask.
        case causal
        /// 32 query heads on 8 key-value heads, causal.
        case gqa
        /// 512 queries on 4096 keys.
        case cross
        /// Many short sequences.
        case batch
        /// A boolean padding mask.
        case padding
        /// An additive bias.
        case bias
        /// One query on a long cache, 32 query heads on 8 key-value heads.
        case decode
    }

    /// The families.
    public var families: [Family]
    /// The lengths of full and causal.
    public var lengths: [Int]
    /// The head widths of full, causal and cross.
    public var headDims: [Int]

    /// The element types.
    public var dtypes: [SweepDType]

    /// A selection; `quick` is what an empty list stands for: short lengths, one width, no long cache.
    public init(
        families: [Family] = Family.allCases, lengths: [Int]? = nil, headDims: [Int]? = nil,
        dtypes: [SweepDType] = [.f32], quick: Bool = false
    ) {
        self.families = families
        self.lengths = lengths ?? (quick ? [128, 512] : [128, 256, 512, 1024, 2048, 4096, 8192])
        self.headDims = headDims ?? (quick ? [64] : [64, 128])
        self.dtypes = dtypes
        self.quick = quick
    }

    private let quick: Bool

    /// The cases of each type, by families in the order of their declaration.
    public var cases: [CompareCase] {
        dtypes.flatMap { dtype in
            Family.allCases.filter(families.contains).flatMap(cases(of:)).map { compareCase in
                CompareCase(compareCase.shape, compareCase.mask, dtype: dtype)
            }
        }
    }

    private func cases(of family: Family) -> [CompareCase] {
        switch family {
        case .full: squares(.none)
        case .causal: squares(.causal)
        case .gqa:
            [
                CompareCase(
                    AttentionShape(heads: 32, kvHeads: 8, queryLength: quick ? 256 : 2048, headDim: 128), .causal)
            ]
        case .cross:
            headDims.map { CompareCase(AttentionShape(queryLength: 512, keyLength: 4096, headDim: $0)) }
        case .batch:
            [(8, 128), (32, 32)].map { batch, length in
                CompareCase(AttentionShape(batch: batch, heads: 12, queryLength: length))
            }
        case .padding: [CompareCase(AttentionShape(queryLength: quick ? 512 : 2048), SweepMask([.padding]))]
        case .bias: [CompareCase(AttentionShape(queryLength: quick ? 512 : 2048), SweepMask([.bias]))]
        case .decode:
            (quick ? [1024] : [1024, 8192, 32768]).map {
                CompareCase(AttentionShape(heads: 32, kvHeads: 8, queryLength: 1, keyLength: $0, headDim: 128))
            }
        }
    }

    private func squares(_ mask: SweepMask) -> [CompareCase] {
        headDims.flatMap { headDim in
            lengths.map { CompareCase(AttentionShape(queryLength: $0, headDim: headDim), mask) }
        }
    }
}
