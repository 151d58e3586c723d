import ArgumentParser
import AttentionKernels
import BenchmarkHarness

/// What attention is computed, besides the tensors of the file.
struct AttentionArguments: ParsableArguments {
    /// What the tensors of an attention's file are, for the help of every verb that reads them.
    static let tensors = """
        Reads q, k and v, each of F32, BF16 or F16: all of rank 4 [batch, heads, length, width], of rank 3 without the \
        batch, or of rank 2 without the heads too; k and v may have fewer heads that divide those of q. Where present: \
        past_k and past_v, rows before those of k and v (a cache); mask (BOOL or U8) and bias (F32, BF16 or F16), which \
        broadcast to [batch, heads, queries, keys]; kv_lengths, query_lengths, kv_starts and prefix_lengths (integers) \
        [batch]: keys and queries that each sequence has, the first key that it has (padding on the left), and keys \
        visible whatever --causal says; segments, or q_segments and k_segments (integers) \
        [length] or [batch, length]: a query sees keys of its id; block_mask (BOOL or U8), which broadcasts to [batch, \
        heads, blocks of queries, blocks of keys], true for visible; alibi_slopes, sinks and head_scales (F32) [heads] or \
        [1]; k_scales and v_scales (F32) [heads of k and v, width], the scales of columns for --kv-dtype i8. A tensor of another name is an error. Every option below may stand in the file's metadata instead, after \
        "attention.": attention.causal, attention.scale, attention.mask_kind, attention.alignment, attention.window_left, \
        attention.window_right, attention.query_block, attention.key_block, attention.softcap, attention.qk_norm, \
        attention.alibi, attention.off_by_one, attention.f32_probabilities, attention.kv_dtype, attention.output_dtype; the command line wins.
        """

    @Option(parsing: .unconditional, help: "The factor of Q K^T; without it 1/sqrt(headDim).")
    var scale: Float?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Which keys a query sees by position: none, top-left, bottom-right, or the offset o of keys j <= i + o. "
                + "(default: none)", valueName: "none|top-left|bottom-right|offset"))
    var causal: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Where query 0 stands among the keys, for window and ALiBi, when --causal is none: none or top-left at key 0, "
                + "bottom-right so that the last query stands at the last key, or at the key of that number. (default: "
                + "none)", valueName: "none|top-left|bottom-right|offset"))
    var alignment: String?

    @Option(
        help: ArgumentHelp(
            "What a true element of the tensor mask means: keep the key or drop it. (default: keep)",
            valueName: "keep|drop"))
    var maskKind: String?

    @Option(parsing: .unconditional, help: "How many keys before its position a query sees.")
    var windowLeft: Int?

    @Option(parsing: .unconditional, help: "How many keys behind its position a query sees.")
    var windowRight: Int?

    @Option(parsing: .unconditional, help: "Queries in a block of the tensor block_mask.")
    var queryBlock: Int?

    @Option(parsing: .unconditional, help: "Keys in a block of the tensor block_mask.")
    var keyBlock: Int?

    @Option(parsing: .unconditional, help: "The cap c of scores: x becomes c tanh(x / c); 0 for none.")
    var softcap: Float?

    @Flag(help: "Divide each query and key by its L2 norm first.")
    var qkNorm = false

    @Flag(help: "Take from each score the distance of query and key times its head's standard slope (ALiBi).")
    var alibi = false

    @Flag(help: "Let a logit of 0 join every softmax: exp(x) / (1 + sum of exp).")
    var offByOne = false

    @Flag(
        help: "Keep the probabilities of bf16 tensors in f32, instead of rounding them for the bf16 dot product.")
    var f32Probabilities = false

    @Option(
        help: ArgumentHelp(
            "Round k and v to this type first. With i8 they come from a cache of 8 bits: each row is the nearest multiples "
                + "of its largest magnitude over 127, or of k_scales and v_scales, and only o is given. (default: those of the "
                + "file)", valueName: "f32|bf16|f16|i8"))
    var kvDtype: String?

    func options() throws -> AttentionFileOptions {
        var options = AttentionFileOptions()
        (options.scale, options.softcap) = (scale, softcap)
        options.causality = try causal.map { text in try AttentionFileOptions.causality(text) }
        options.alignment = try alignment.map { text in
            try AttentionFileOptions.causality(text, option: "--alignment")
        }
        options.keyValueType = try kvDtype.map { text in try AttentionFileOptions.keyValueType(text) }
        options.maskKeeps = try maskKind.map { text in try AttentionFileOptions.maskKeeps(text) }
        (options.windowLeft, options.windowRight) = (windowLeft, windowRight)
        (options.queryBlock, options.keyBlock) = (queryBlock, keyBlock)
        // A flag that is not given leaves the choice to the file.
        func given(_ flag: Bool) -> Bool? { flag ? true : nil }
        (options.normalizesQueryAndKey, options.usesStandardAlibi) = (given(qkNorm), given(alibi))
        (options.isOffByOne, options.keepsFloatProbabilities) = (given(offByOne), given(f32Probabilities))
        return options
    }
}
