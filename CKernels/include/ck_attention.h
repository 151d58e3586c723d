// O = softmax(scale * Q K^T + bias, over the visible keys) V; merging, maps, and what a call would do.
#ifndef CKERNELS_ATTENTION_H
#define CKERNELS_ATTENTION_H

#include "ck_common.h"

CK_DECLARATIONS_BEGIN

// A 4-D array [batch, head, row, column] inside `count` elements of type `dtype` at `data`. Element
// (b, h, i, c) is data[offset + b*batch_stride + h*head_stride + i*row_stride + c]. Strides may be
// zero (inputs: broadcast over batch or head) or negative. Q, K, V and O each take CK_F32, CK_BF16 or
// CK_F16, in any combination, K and V also CK_I8 with ck_kv_scales; lse and weights are CK_F32.
typedef struct ck_operand {
    void *_Nullable data;
    int64_t count;
    int64_t offset;
    int64_t batch_stride, head_stride, row_stride;
    ck_dtype dtype;
} ck_operand;

// A 4-D array [batch, head, query, key] with all four strides free: 0 broadcasts without a copy.
typedef struct ck_score_operand {
    const void *_Nullable data;
    int64_t count;
    int64_t offset;
    int64_t batch_stride, head_stride, row_stride, column_stride;
} ck_score_operand;

typedef enum CK_ENUM ck_causal {
    CK_CAUSAL_NONE = 0,
    CK_CAUSAL_TOP_LEFT,      // query i sees keys j <= i
    CK_CAUSAL_BOTTOM_RIGHT,  // j <= i + (keys - queries of this sequence); the one for a KV cache
    CK_CAUSAL_OFFSET,        // j <= i + query_offset
} ck_causal;

typedef enum CK_ENUM ck_mask_kind {
    CK_MASK_NONE = 0,
    CK_MASK_KEEP,  // a nonzero byte: the key is visible
    CK_MASK_DROP,  // a nonzero byte: the key is masked
} ck_mask_kind;

// Where the keys of a paged cache lie. K and V are then pools of pages instead of sequences: their axes are
// [pool_pages, kv_heads, page_keys, columns], and key j of sequence b is row j % page_keys of page
// table[b * table_stride + j / page_keys]. Pages of any size, in any order, shared between sequences or not;
// entries beyond a sequence's last key are not read. A page whose keys no query of a call sees, by window or
// kv_starts, may be written again under a later entry: so a sliding window needs no more pages than it and the
// call's new rows span (a ring), its entries may repeat. All zero: K and V are contiguous.
typedef struct ck_kv_pages {
    int64_t page_keys;
    int64_t pool_pages;
    const int32_t *_Nullable table;
    int64_t table_count;   // entries at `table`
    int64_t table_stride;  // entries from one sequence's row of the table to the next; 0: one for all
    int64_t table_pages;   // entries of a row
} ck_kv_pages;

// Rows that the call writes into K and V before it attends: the last `count` keys of each sequence,
// kv_lengths[b] - count ..< kv_lengths[b] (seqlen_k where no lengths are given). Each is CK_F32, CK_BF16 or
// CK_F16 and is rounded to the type of the cache, or quantised to 8 bits: by keys to the largest magnitude of its row
// over 127, which becomes its scale (0 where that is below 2^-100; a row with NaN or Inf gets the scale NaN), by
// columns to the scales there are, at most 127 of them, NaN to 0. All zero: K and V are read only.
typedef struct ck_kv_append {
    int64_t count;
    ck_operand k;  // [batch, kv_heads, count, head_dim]
    ck_operand v;  // [batch, kv_heads, count, value_dim]
} ck_kv_append;

// K or V of CK_I8: element c of a key stands for its integer times a scale, of its key or of its column.
typedef enum CK_ENUM ck_scale_kind {
    CK_SCALES_BY_KEY = 0,  // [batch, kv_heads, seqlen_k, 1]; with pages a pool like K's, found by the same table
    CK_SCALES_BY_COLUMN,   // [batch, kv_heads, 1, head_dim or value_dim]
} ck_scale_kind;

// CK_F32, finite and 0 or more. By key they are written where rows are appended. All zero: the operand is not CK_I8.
typedef struct ck_kv_scales {
    ck_scale_kind kind;
    ck_operand values;
} ck_kv_scales;

// One integer a sequence: `count` is the batch. Data null and count 0: not given.
typedef struct ck_lengths {
    const int64_t *_Nullable data;
    int64_t count;
} ck_lengths;

// One float a query head: `count` is heads, or 1 for the same in all. Data null and count 0: off.
typedef struct ck_head_values {
    const float *_Nullable data;
    int64_t count;
} ck_head_values;

// Keys about a query's position p: p - left <= j (if bounds_left), j <= p + right (if bounds_right).
typedef struct ck_window {
    bool bounds_left, bounds_right;
    int64_t left, right;  // 0 or more
} ck_window;

// The documents of packed sequences: a query sees the keys that carry its own id; ids need no order.
// Id i of sequence b is data[b * batch_stride + i], inside `count` ids. Data null and count 0: off.
typedef struct ck_segment_ids {
    const int32_t *_Nullable data;
    int64_t count;
    int64_t batch_stride;  // 0: the same for the whole batch
} ck_segment_ids;

// A mask of whole blocks: query i sees key j if the byte at block (i / query_block, j / key_block) is
// not 0. Both sizes 0: off.
typedef struct ck_block_mask {
    int64_t query_block, key_block;
    ck_score_operand blocks;  // bytes [batch, heads, blocks of seqlen_q, blocks of seqlen_k]
} ck_block_mask;

// Scores of one head that a caller's function may change in place: that of query first_query + i and key
// first_key + j is scores[i * query_stride + j * key_stride]. Those of keys that the query does not see are
// arbitrary numbers, and what becomes of them is ignored.
typedef struct ck_score_tile {
    float *scores;
    int64_t query_stride, key_stride;
    int64_t first_query, queries, first_key, keys;
    int64_t batch, head;
} ck_score_tile;

// Called by several threads at once, on tiles of any shape and order; so a score's new value may depend on
// its old one and its indices alone. Minus infinity hides the key.
typedef void (*ck_score_function)(const ck_score_tile *tile, void *_Nullable context);

// What becomes of a dot product:
// score = function(softcap(scale * head_scale * q.k)) - slope * |p - j| + bias.
typedef struct ck_score_options {
    float softcap;               // c > 0: x becomes c * tanh(x / c); 0: off
    bool normalize_qk;           // q and k are divided by their L2 norms (at least 1e-12) first
    ck_head_values head_scales;  // a further factor of q.k
    ck_head_values alibi_slopes;
    ck_head_values sinks;  // a logit that joins the softmax and has no value; -inf: none. One 0 for all
                           // is the off-by-one softmax.
    ck_score_function _Nullable function;
    void *_Nullable context;
} ck_score_options;

// Query i of a sequence stands at position p = i + offset among the keys, with the offset of `causal`
// or, where that is CK_CAUSAL_NONE, of `alignment`. Its key j is visible when all of these hold:
// kv_starts[b] <= j < kv_lengths[b], the causal rule or j < prefix_lengths[b], the window, equal segment ids, the block
// mask, the mask, and bias > -inf. Memory of keys and values that no query sees, and bias entries of
// masked slots, are never read into a result. A row with no visible key gets O = 0 and lse = -inf, or
// its sink; one beyond query_lengths[b] gets O = 0 and lse = -inf, and its q is never read into a
// result. Query head h reads KV head h / (heads / kv_heads).
typedef struct ck_attention_problem {
    int64_t batch, heads, kv_heads, seqlen_q, seqlen_k, head_dim, value_dim;
    ck_operand q;  // [batch, heads,    seqlen_q, head_dim]
    ck_operand k;  // [batch, kv_heads, seqlen_k, head_dim]
    ck_operand v;  // [batch, kv_heads, seqlen_k, value_dim]
    ck_operand o;  // [batch, heads,    seqlen_q, value_dim], written
    // Optional outputs (data null: not wanted). The row stride of lse steps over queries.
    ck_operand lse;      // [batch, heads, seqlen_q]: ln(sum over visible keys and sink of exp(score))
    ck_operand weights;  // [batch, heads, seqlen_q, seqlen_k]: the softmax itself. `fused` computes
                         // it by the blocked pass, beside its own output.
    float scale;
    ck_causal causal;
    int64_t query_offset;  // only with CK_CAUSAL_OFFSET, here or as `alignment`; any sign
    ck_mask_kind mask_kind;
    ck_score_operand mask;                // bytes
    ck_score_operand bias;                // added to scale * QK^T; data null: none
    ck_dtype bias_dtype;                  // of its elements: CK_F32, CK_BF16 or CK_F16
    const int64_t *_Nullable kv_lengths;  // [kv_lengths_count == batch], or null
    int64_t kv_lengths_count;
    ck_kv_pages pages;
    ck_kv_append append;
    // Where K, or V, is CK_I8; K then with a head_dim of at most 1024 and without normalize_qk, and `fused` rounds each row
    // of Q to integers of 16 bits.
    ck_kv_scales k_scales, v_scales;
    // For bf16 Q, K and V where the ISA has a bf16 dot product, which takes probabilities rounded to
    // bf16: false uses it, but beside a caller's function; true widens, as every other ISA does, with their bits and at half
    // the speed. Either way decode equals prefill.
    bool f32_probabilities;
    // All of the following are off when zero.
    ck_causal alignment;  // the offset of positions without causality; CK_CAUSAL_NONE: 0
    ck_window window;
    ck_lengths query_lengths;   // rows from query_lengths[b] on are padding
    ck_lengths kv_starts;       // keys below kv_starts[b] are padding on the left, 0 ... kv_lengths[b]; no rule
                                // of position looks at it
    ck_lengths prefix_lengths;  // keys below are visible whatever the causal rule (prefix-LM)
    ck_segment_ids q_segments;  // [batch, seqlen_q]; both or none
    ck_segment_ids k_segments;  // [batch, seqlen_k]
    ck_block_mask block_mask;
    ck_score_options scores;
} ck_attention_problem;

// `diagnosis` may be null; on success it is left alone. On an error nothing has been written.
ck_status ck_attention_forward(ck_kernel kernel, const ck_attention_problem *problem,
                               const ck_options *options, ck_diagnosis *_Nullable diagnosis);

// The exact workspace the same call needs, in bytes. Data pointers may be null here.
ck_status ck_attention_workspace(ck_kernel kernel, const ck_attention_problem *problem,
                                 const ck_options *options, size_t *bytes, ck_diagnosis *_Nullable diagnosis);

// The attention of the same queries over one set of keys: what a call gives as o and lse.
typedef struct ck_attention_state {
    ck_operand o;    // [batch, heads, seqlen_q, value_dim]
    ck_operand lse;  // [batch, heads, seqlen_q]
} ck_attention_state;

// Attention over several disjoint sets of keys from that over each: a split over keys, a prefix that
// sequences share, keys on other machines. A sink belongs into one of the calls only. States are taken in
// the order given; one whose lse is -inf adds nothing, and its o is not read.
typedef struct ck_merge_problem {
    int64_t batch, heads, seqlen_q, value_dim;
    const ck_attention_state *_Nullable states;
    int64_t count;
    ck_operand o;    // written
    ck_operand lse;  // written, if data is not null; of all sets together
} ck_merge_problem;

// No workspace is needed. With no states, or where all saw nothing, o is 0 and lse -inf.
ck_status ck_attention_merge(const ck_merge_problem *problem, const ck_options *options,
                             ck_diagnosis *_Nullable diagnosis);

// How a call would run, and how much of it its masks let it skip.
typedef struct ck_attention_explanation {
    ck_kernel kernel;
    ck_isa isa;
    int32_t threads;          // that the call uses,
    int32_t threads_allowed;  // of those it may
    int64_t tasks;
    int64_t task_rows;             // query rows a task; of `fused`: of all heads of a KV head's group
    int64_t tile_rows, tile_keys;  // a tile is skipped as a whole or computed
    int64_t chunks;                // of keys, whose results are combined
    bool splits_keys;              // chunks are tasks of their own
    bool weights_by_blocked;       // `fused` computes O alone, and the weights by the blocked pass
    double pairs;                  // queries times keys, over batch and heads
    // Those in tiles that are not skipped, by positions, segments and block mask. A mask or bias may hide
    // more tiles; they are not read here.
    double pairs_computed;
    double flops;  // of both products over pairs_computed; an FMA counts two
    double bytes;  // of all operands, each once
    size_t workspace_bytes;
} ck_attention_explanation;

// Segments and block masks are read, tensors, masks and biases are not: their data pointers may be null.
ck_status ck_attention_explain(ck_kernel kernel, const ck_attention_problem *problem,
                               const ck_options *options, ck_attention_explanation *explanation,
                               ck_diagnosis *_Nullable diagnosis);

// What is to be seen of the softmax of a call that has been made, without its matrix: maps of the rectangle of
// queries first_query ..< first_query + queries and keys first_key ..< first_key + keys. A weight is
// exp(score - lse), so rows of it sum to one, less the share of a sink, as exactly as the lse is (that of the
// bf16 dot product: to 2^-8). Keys that a query does not see have weight 0.
typedef struct ck_attention_maps {
    int64_t first_query, queries, first_key, keys;
    bool head_mean;                  // weights, column_mass and pooled are means over the heads, which are then 1
    int64_t top_count;               // k of top_weights and top_keys
    int64_t pool_queries, pool_keys;  // of a cell of `pooled`; cells at the far edges are smaller
    // Each may be absent (data null, count 0). CK_F32, but top_keys CK_I32.
    ck_operand weights;      // [batch, heads, queries, keys]
    ck_operand column_mass;  // [batch, heads, keys]: sums over the queries; the row stride steps over keys
    ck_operand entropy;      // [batch, heads, queries]: -sum over the keys of w ln w; the row stride over queries
    // [batch, heads, queries, top_count]: the largest weights, in falling order, of equal ones the lowest key
    // first, and their keys' absolute indices. NaN counts as largest. Beyond the keys a query sees: 0 and -1.
    ck_operand top_weights, top_keys;
    ck_operand pooled;  // [batch, heads, ceil(queries / pool_queries), ceil(keys / pool_keys)]: means of cells
} ck_attention_maps;

// `problem` is that of the call, of any kernel: its lse is read; its V, O and weights are not looked at, and it
// appends nothing. The same bits for any number of threads, and of a rectangle as of the whole.
ck_status ck_attention_map(const ck_attention_problem *problem, const ck_attention_maps *maps,
                           const ck_options *options, ck_diagnosis *_Nullable diagnosis);
ck_status ck_attention_map_workspace(const ck_attention_problem *problem, const ck_attention_maps *maps,
                                     const ck_options *options, size_t *bytes,
                                     ck_diagnosis *_Nullable diagnosis);

CK_DECLARATIONS_END

#endif
