/// Lists of cases that have a name: the attention shapes of well-known models, at batch 1 where it is not said
/// otherwise, and one list for each thing that attention is asked for.
public enum Preset: String, Sendable, CaseIterable {
    /// What a sweep measures that nobody asked for anything else, to be named beside others.
    case standard
    /// BERT base: 12 heads of 64, bidirectional.
    case bertBase = "bert-base"
    /// GPT-2 (124M): 12 heads of 64, causal.
    case gpt2
    /// Llama 3 8B prefill: 32 query heads on 8 key-value heads of 128, causal.
    case llama3 = "llama-3-8b"
    /// Whisper tiny: encoder, decoder and cross attention, 6 heads of 64.
    case whisperTiny = "whisper-tiny"
    /// MiniLM-L6: 12 heads of 32, bidirectional.
    case miniLM = "minilm"
    /// ViT-B/16 on 224 x 224 pixels: 197 tokens, 12 heads of 64.
    case vitB16 = "vit-b16"
    /// Every element type, uniform and mixed, with and without a causal mask.
    case dtypes
    /// Every rule of a mask alone, and the usual ones together, at 2048 tokens.
    case masks
    /// Query heads that share key-value heads: 32 on 32, 16, 8, 4 and 1, causal.
    case gqa
    /// Fewer queries than keys, more, and odd numbers of both.
    case cross
    /// Many short sequences.
    case batch
    /// One token of Llama 3 8B on a filled key-value cache: 32 query heads on 8 key-value heads of 128.
    case decode
    /// A few tokens at once on that cache: speculative decoding, chunks of a prompt.
    case decodeMany = "decode-many"
    /// Decoding over multi-head latent attention: 128 heads on one of width 576, values of 512.
    case mla

    /// The preset's workloads.
    public var workloads: [SweepPlan.Workload] {
        switch self {
        case .standard:
            [64, 128].flatMap { headDim in
                SweepMask.defaults.flatMap { mask in
                    WorkloadSelection.defaultLengths.map {
                        .init(AttentionShape(queryLength: $0, headDim: headDim), mask)
                    }
                }
            } + Preset.decode.workloads
        case .bertBase:
            [128, 384, 512].map { .init(AttentionShape(heads: 12, queryLength: $0), .none) }
        case .gpt2:
            [256, 512, 1024].map { .init(AttentionShape(heads: 12, queryLength: $0), .causal) }
        case .llama3:
            [512, 1024, 2048, 4096].map {
                .init(AttentionShape(heads: 32, kvHeads: 8, queryLength: $0, headDim: 128), .causal)
            }
        case .whisperTiny:
            [
                // 30 s of audio are 1500 frames; a transcript has at most 448 tokens.
                .init(AttentionShape(heads: 6, queryLength: 1500), .none),
                .init(AttentionShape(heads: 6, queryLength: 448), .causal),
                .init(AttentionShape(heads: 6, queryLength: 448, keyLength: 1500), .none),
            ]
        case .miniLM:
            [16, 128, 256].map { .init(AttentionShape(heads: 12, queryLength: $0, headDim: 32), .none) }
                + [.init(AttentionShape(batch: 32, heads: 12, queryLength: 128, headDim: 32), .none)]
        case .vitB16:
            [.init(AttentionShape(heads: 12, queryLength: 197), .none)]
        case .dtypes:
            [64, 128].flatMap { headDim in
                SweepMask.defaults.flatMap { mask in
                    [512, 2048].map { length in
                        .init(
                            AttentionShape(queryLength: length, headDim: headDim), mask, dtypes: SweepDType.allCases)
                    }
                }
            }
        case .masks: (SweepMask.allCases + Self.mixedMasks).map { .init(AttentionShape(queryLength: 2048), $0) }
        case .gqa:
            [32, 16, 8, 4, 1].map {
                .init(AttentionShape(heads: 32, kvHeads: $0, queryLength: 1024, headDim: 128), .causal)
            }
        case .cross:
            [(512, 4096), (1500, 448), (4096, 77), (239, 1), (799, 3), (1, 131_072)].map { queries, keys in
                .init(AttentionShape(queryLength: queries, keyLength: keys), .none)
            }
        case .batch:
            [(8, 128), (32, 32), (64, 64), (128, 16)].map { batch, length in
                .init(AttentionShape(batch: batch, heads: 12, queryLength: length), .none)
            }
        case .decode: Self.decode(keyLengths: [1024, 2048, 4096, 8192, 16384, 32768])
        case .decodeMany:
            [2, 4, 8, 16, 64].flatMap { queries in
                [1024, 8192].map { keys in
                    .init(
                        AttentionShape(heads: 32, kvHeads: 8, queryLength: queries, keyLength: keys, headDim: 128),
                        .causal)
                }
            }
        case .mla:
            [1024, 8192].map {
                .init(
                    AttentionShape(heads: 128, kvHeads: 1, queryLength: 1, keyLength: $0, headDim: 576, valueDim: 512),
                    .none)
            }
        }
    }

    /// Rules that models have together.
    private static let mixedMasks = ["causal+window", "causal+segments", "causal+alibi", "causal+window+softcap+sinks"]
        .compactMap(SweepMask.init)

    /// Decoding on caches of the given lengths.
    static func decode(keyLengths: [Int]) -> [SweepPlan.Workload] {
        keyLengths.map {
            .init(
                AttentionShape(heads: 32, kvHeads: 8, queryLength: 1, keyLength: $0, headDim: 128), .none,
                dtypes: [.f32, .bf16, .bytes])
        }
    }
}
