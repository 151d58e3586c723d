/// The attention shapes of well-known models, at batch 1 where it is not said otherwise.
public enum Preset: String, Sendable, CaseIterable {
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
    /// One token of Llama 3 8B on a filled key-value cache: 32 query heads on 8 key-value heads of 128.
    case decode
    /// ViT-B/16 on 224 x 224 pixels: 197 tokens, 12 heads of 64.
    case vitB16 = "vit-b16"

    /// The preset's workloads.
    public var workloads: [SweepPlan.Workload] {
        switch self {
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
        case .decode: Self.decode(keyLengths: [1024, 2048, 4096, 8192, 16384, 32768])
        case .vitB16:
            [.init(AttentionShape(heads: 12, queryLength: 197), .none)]
        }
    }

    /// Decoding on caches of the given lengths.
    static func decode(keyLengths: [Int]) -> [SweepPlan.Workload] {
        keyLengths.map {
            .init(AttentionShape(heads: 32, kvHeads: 8, queryLength: 1, keyLength: $0, headDim: 128), .none)
        }
    }
}
