// The whole C ABI of AttentionKernels: problems, entry points, and control of ISA, threads, workspace.
//
//   O = softmax(scale * Q K^T + bias, over the visible keys) V        ck_attention_forward
//   C = alpha * A B + beta * C, with an epilogue                      ck_gemm
//
// Every call is: fill a problem struct, choose options, get a ck_status. Nothing here prints,
// aborts, reads the clock, or keeps state between calls. All sizes and strides count elements.
// Written for Swift, C17 and C++ alike.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__clang__)
#define CK_ENUM __attribute__((enum_extensibility(closed)))
#pragma clang assume_nonnull begin
#else
#define CK_ENUM
#define _Nullable
#endif

// ---------------------------------------------------------------------------------------------
// Status and diagnosis
// ---------------------------------------------------------------------------------------------

typedef enum CK_ENUM ck_status {
    CK_OK = 0,
    CK_NULL_POINTER,        // the argument's data pointer is null though it has elements
    CK_NEGATIVE_SIZE,       // a size of the problem is negative
    CK_HEADS_NOT_MULTIPLE,  // heads is not a multiple of kv_heads
    CK_SMALL_STRIDE,        // two elements of an output, or two rows of an input, share memory
    CK_SHORT_SPAN,          // the layout reaches outside the argument's `count` elements
    CK_SIZE_OVERFLOW,       // a product of sizes or strides does not fit
    CK_OVERLAP,             // an output overlaps another argument
    CK_NOT_FINITE,          // scale, alpha or beta is NaN or infinite
    CK_BAD_VALUE,           // an enumerator is unknown, or an option is out of range
    CK_BAD_KEY_LENGTH,      // kv_lengths[b] is outside 0 ... seqlen_k
    CK_BAD_THREADS,         // threads is outside 1 ... CK_MAX_THREADS and not CK_ALL_THREADS
    CK_ISA_UNAVAILABLE,     // this CPU, or this build, does not have the ISA asked for
    CK_SMALL_WORKSPACE,     // the caller's workspace is too small or not aligned to 64 bytes
    CK_OUT_OF_MEMORY,       // no workspace was given and allocating one failed
    CK_BAD_DTYPE,           // the argument's dtype is not one this operation takes
    CK_BAD_PACKED,          // packed_b was packed for another ISA, size or dtype, or is not a packed matrix
    CK_BAD_PAGE,            // a page table names a page outside the pool, or has too few pages
    CK_SHARED_PAGE,         // rows would be appended to a page that the tables name for keys still seen too
    CK_BAD_LENGTH,          // a query or prefix length is outside 0 ... the length it bounds
    CK_NOT_FUSED,           // fused_only, but the output asked for takes another pass
    CK_BAD_INDEX,           // an index is outside the rows it chooses from
} ck_status;

// The argument a status speaks of.
typedef enum CK_ENUM ck_argument {
    CK_ARG_NONE = 0,
    CK_ARG_BATCH,
    CK_ARG_HEADS,
    CK_ARG_KV_HEADS,
    CK_ARG_SEQLEN_Q,
    CK_ARG_SEQLEN_K,
    CK_ARG_HEAD_DIM,
    CK_ARG_VALUE_DIM,
    CK_ARG_Q,
    CK_ARG_K,
    CK_ARG_V,
    CK_ARG_O,
    CK_ARG_LSE,
    CK_ARG_WEIGHTS,
    CK_ARG_MASK,
    CK_ARG_BIAS,
    CK_ARG_KV_LENGTHS,
    CK_ARG_CAUSAL,
    CK_ARG_QUERY_OFFSET,
    CK_ARG_SCALE,
    CK_ARG_M,
    CK_ARG_N,
    CK_ARG_K_SIZE,
    CK_ARG_A,
    CK_ARG_B,
    CK_ARG_C,
    CK_ARG_ALPHA,
    CK_ARG_BETA,
    CK_ARG_KERNEL,
    CK_ARG_THREADS,
    CK_ARG_ISA,
    CK_ARG_WORKSPACE,
    CK_ARG_ROW_SCALE,
    CK_ARG_COLUMN_SCALE,
    CK_ARG_EPILOGUE_BIAS,
    CK_ARG_ACTIVATION,
    CK_ARG_RESIDUAL,
    CK_ARG_PACKED_B,
    CK_ARG_PAGES,
    CK_ARG_NEW_K,
    CK_ARG_NEW_V,
    CK_ARG_ALIGNMENT,
    CK_ARG_WINDOW_LEFT,
    CK_ARG_WINDOW_RIGHT,
    CK_ARG_QUERY_LENGTHS,
    CK_ARG_PREFIX_LENGTHS,
    CK_ARG_QUERY_SEGMENTS,
    CK_ARG_KEY_SEGMENTS,
    CK_ARG_BLOCK_MASK,
    CK_ARG_SOFTCAP,
    CK_ARG_HEAD_SCALES,
    CK_ARG_ALIBI_SLOPES,
    CK_ARG_SINKS,
    CK_ARG_STATES,
    CK_ARG_STATE_O,
    CK_ARG_STATE_LSE,
    CK_ARG_MAP_QUERIES,
    CK_ARG_MAP_KEYS,
    CK_ARG_COLUMN_MASS,
    CK_ARG_ENTROPY,
    CK_ARG_TOP_COUNT,
    CK_ARG_TOP_WEIGHTS,
    CK_ARG_TOP_KEYS,
    CK_ARG_POOL,
    CK_ARG_POOLED,
    CK_ARG_ROWS,
    CK_ARG_COLUMNS,
    CK_ARG_X,
    CK_ARG_Y,
    CK_ARG_COPY,
    CK_ARG_NORM_SCALE,
    CK_ARG_NORM_SHIFT,
    CK_ARG_EPSILON,
    CK_ARG_ROTATED,
    CK_ARG_COSINES,
    CK_ARG_SINES,
    CK_ARG_POSITIONS,
    CK_ARG_TABLE,
    CK_ARG_IDS,
    CK_ARG_POSITION_TABLE,
    CK_ARG_ADDED,
    CK_ARG_OFFSETS,
    CK_ARG_INDICES,
    CK_ARG_PROBABILITY,
    CK_ARG_KV_STARTS,
    CK_ARG_K_SCALES,
    CK_ARG_V_SCALES,
} ck_argument;

// What was wrong, with numbers. `dimension` names the axis of the argument (0 batch, 1 head,
// 2 row, 3 column), or is -1 when the status is not about one axis. `other` is the second
// argument of an overlap; or CK_ARG_ISA where a packed matrix is for the ISA `actual`, not `expected`, CK_ARG_A
// where it is not for an A of the dtype `expected`.
typedef struct ck_diagnosis {
    ck_argument argument;
    ck_argument other;
    int32_t dimension;
    int64_t actual;
    int64_t expected;
} ck_diagnosis;

// A short lower-case description of a status; a static string.
const char *ck_status_text(ck_status status);

// ---------------------------------------------------------------------------------------------
// Element types
// ---------------------------------------------------------------------------------------------

// CK_Q8_0, CK_Q4_0 and CK_Q4_1 are the blocks of GGUF files, 32 consecutive k of one column of a GEMM's B:
//   CK_Q8_0  f16 d, 32 int8 q                             w = d q
//   CK_Q4_0  f16 d, 16 bytes of two q in 0 ... 15         w = d (q - 8)    low nibbles are weights 0 ... 15,
//   CK_Q4_1  f16 d, f16 m, 16 bytes of two q in 0 ... 15  w = d q + m      high ones 16 ... 31
typedef enum CK_ENUM ck_dtype { CK_F32 = 0, CK_BF16, CK_F16, CK_I8, CK_I32, CK_Q8_0, CK_Q4_0, CK_Q4_1 } ck_dtype;

// ---------------------------------------------------------------------------------------------
// ISAs and the machine
// ---------------------------------------------------------------------------------------------

typedef enum CK_ENUM ck_isa {
    CK_ISA_AUTO = 0,  // the environment variable CK_ISA if set, else the first available
    CK_ISA_PORTABLE,
    CK_ISA_AVX2,
    CK_ISA_AVX512,
    CK_ISA_AVX512BF16,
    CK_ISA_NEON,
} ck_isa;

// The ISAs this CPU and this build can run, best first: index 0 ..< ck_isa_count().
int32_t ck_isa_count(void);
ck_isa ck_isa_at(int32_t index);
const char *ck_isa_name(ck_isa isa);
// CK_ISA_AUTO if the name is unknown.
ck_isa ck_isa_named(const char *name);
// What `isa` resolves to here; CK_ISA_UNAVAILABLE if it cannot run, or if CK_ISA names none.
ck_status ck_isa_resolve(ck_isa isa, ck_isa *resolved);

typedef struct ck_machine {
    char name[64];         // the CPU's own name, or its architecture
    int32_t usable_cores;  // affinity mask and cgroup quota respected, at least 1
    int64_t l1d_bytes;     // a core's first-level data cache
    int64_t l2_bytes;      // a core's second-level cache
    int64_t l3_bytes;      // the last-level cache one core reaches; 0 if there is none
    const char *parallel;  // "openmp" or "pthreads"
} ck_machine;

// Read once, then constant.
const ck_machine *ck_machine_info(void);

#define CK_MAX_THREADS 1024
#define CK_ALL_THREADS (-1)

// How a call runs. Zero-initialised is not valid: start from ck_options_default().
typedef struct ck_options {
    int32_t threads;  // 1 ... CK_MAX_THREADS, or CK_ALL_THREADS for every usable core
    ck_isa isa;
    // Scratch memory of at least ck_*_workspace() bytes, aligned to 64; null: the call allocates
    // and frees its own. With a workspace a call makes no heap allocation. Never shared by two
    // calls at the same time.
    void *_Nullable workspace;
    size_t workspace_bytes;
    // Refuse, with CK_NOT_FUSED, what CK_FUSED would compute beside its one pass: the weights.
    bool fused_only;
} ck_options;

ck_options ck_options_default(void);

// ---------------------------------------------------------------------------------------------
// Attention
// ---------------------------------------------------------------------------------------------

typedef enum CK_ENUM ck_kernel {
    CK_NAIVE = 0,  // three plain passes, scores materialised: the specification
    CK_BLOCKED,    // GEMM, row softmax, GEMM on blocks of query rows
    CK_FUSED,      // tiled online softmax, scores never materialised
} ck_kernel;

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
    ck_kv_scales k_scales, v_scales;  // where K, or V, is CK_I8; K then without normalize_qk
    // For bf16 Q, K and V where the ISA has a bf16 dot product, which takes probabilities rounded to
    // bf16: false uses it; true widens, as every other ISA does, with their bits and at half
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

// ---------------------------------------------------------------------------------------------
// GEMM
// ---------------------------------------------------------------------------------------------

// A batch of matrices: element (n, i, j) is data[offset + n*batch_stride + i*row_stride +
// j*column_stride]. A transposed matrix is the same memory with its strides exchanged. Strides may be
// negative, and for inputs zero. With `pointers`, matrix n is at pointers[n] instead, each of `count`
// elements; data is null and batch_stride is not used. Of quantised weights [k, n] the elements are blocks:
// count, offset and all strides count blocks, row_stride steps from 32 k to the next, column_stride from one
// column to the next (1 and k / 32 as files hold them, n rows of k).
typedef struct ck_matrix {
    void *_Nullable data;
    int64_t count;
    int64_t offset;
    int64_t batch_stride, row_stride, column_stride;
    ck_dtype dtype;
    void *_Nullable const *_Nullable pointers;
} ck_matrix;

typedef enum CK_ENUM ck_activation {
    CK_ACTIVATION_NONE = 0,
    CK_ACTIVATION_RELU,       // max(y, 0)
    CK_ACTIVATION_GELU,       // y * (1 + erf(y / sqrt(2))) / 2
    CK_ACTIVATION_GELU_TANH,  // y * (1 + tanh(sqrt(2 / pi) * (y + 0.044715 y^3))) / 2
    CK_ACTIVATION_SILU,       // y / (1 + exp(-y))
} ck_activation;

// `count` contiguous floats; data null: none.
typedef struct ck_vector {
    const float *_Nullable data;
    int64_t count;
} ck_vector;

// What becomes of an element of the product on its way to C, all in f32 before it is stored once:
//   y = alpha * row_scale[i] * column_scale[j] * (A B)[i][j] + beta * C[i][j]
//   C[i][j] = activation(y + bias[j]) + residual[i][j]
// Zero-initialised, it does nothing. The vectors serve every matrix of a batch.
typedef struct ck_epilogue {
    ck_vector row_scale;     // [m]
    ck_vector column_scale;  // [n]
    ck_vector bias;          // [n]
    ck_activation activation;
    ck_matrix residual;  // [batch, m, n]; data and pointers null: none
} ck_epilogue;

// Types: A and B each CK_F32, CK_BF16 or CK_F16, B also quantised (k a multiple of 32), with sums in f32 and
// C of any float type; or A and B CK_I8, with sums in int32 modulo 2^32, and C of a float type, or CK_I32
// with alpha and beta 0 or 1 and no epilogue. The residual is of any float type. A product that cannot use
// the type as it is takes its exact f32 value: all but bf16 by bf16 where the ISA multiplies that
// (avx512bf16), which also rounds quantised weights to bf16 where A is bf16.
//
// C = epilogue(alpha * A B + beta * C). beta == 0 never reads C; alpha == 0 or k == 0 never reads A and B.
typedef struct ck_gemm_problem {
    int64_t batch, m, n, k;
    ck_matrix a;  // [batch, m, k]
    ck_matrix b;  // [batch, k, n]
    ck_matrix c;  // [batch, m, n], written
    float alpha, beta;
    ck_epilogue epilogue;
    // B packed by ck_gemm_pack, for every matrix of the batch; null: `b` is read.
    const void *_Nullable packed_b;
    size_t packed_b_bytes;
} ck_gemm_problem;

// CK_NAIVE: the triple loop. CK_BLOCKED and CK_FUSED: the packed, cache-blocked, parallel path.
ck_status ck_gemm(ck_kernel kernel, const ck_gemm_problem *problem, const ck_options *options,
                  ck_diagnosis *_Nullable diagnosis);
ck_status ck_gemm_workspace(ck_kernel kernel, const ck_gemm_problem *problem, const ck_options *options,
                            size_t *bytes, ck_diagnosis *_Nullable diagnosis);

// The way a product goes.
typedef enum CK_ENUM ck_gemm_route {
    CK_ROUTE_NONE = 0,  // C is empty: nothing to do
    CK_ROUTE_NAIVE,     // the triple loop
    CK_ROUTE_TILES,     // register tiles on panels of B
    CK_ROUTE_THIN,      // so few rows that B streams past a few lines at a time
    CK_ROUTE_GEMV,      // three rows or fewer: B streams past once
} ck_gemm_route;

// What ck_gemm would do. With `exchanged`, C^T = B^T A^T is computed, and m, n, A, B mean those of that
// product from there on.
typedef struct ck_gemm_explanation {
    ck_isa isa;
    ck_gemm_route route;
    bool exchanged;
    bool packs_a, packs_b;  // a task copies the blocks it needs; else they are read where they lie
    bool reads_packed_b;    // packed by ck_gemm_pack
    bool transposes_c;      // sums become C from scratch memory
    bool rows_outside;      // a strip of B for all of K stays in L2, and C is written once
    int64_t m, n, k;        // k is 0 where A and B are not read
    int64_t a_k_stride, b_column_stride;
    int32_t tile_rows, tile_columns;   // of the widest register tile; tile_columns is a panel of B
    int64_t k_block;                   // KC: the K of one chain of sums
    int64_t strips, parts, tasks;      // strips of columns x parts of rows, for each matrix of the batch
    int64_t strip_columns, part_rows;  // of the largest task
    int32_t threads;
    size_t workspace_bytes;
    double flops;          // 2 m n k for each matrix
    double operand_bytes;  // each operand once, C twice if beta is not 0: no call moves less
    double traffic_bytes;  // with A read for each strip, B for each part, C for each block of K that it waits for
} ck_gemm_explanation;

ck_status ck_gemm_explain(ck_kernel kernel, const ck_gemm_problem *problem, const ck_options *options,
                          ck_gemm_explanation *explanation, ck_diagnosis *_Nullable diagnosis);

// Packs one B [k, n] once for many products with the same k, n and types: `problem` is such a product (of its
// a only the dtype is looked at, of c and epilogue nothing, its batch is 1), `packed` holds
// ck_gemm_packed_bytes and is aligned to 64 bytes. The result may be copied or saved; it serves the ISA it
// was packed for. 16-bit and quantised weights keep their size, but for columns up to a whole panel.
ck_status ck_gemm_packed_bytes(const ck_gemm_problem *problem, const ck_options *options, size_t *bytes,
                               ck_diagnosis *_Nullable diagnosis);
ck_status ck_gemm_pack(const ck_gemm_problem *problem, const ck_options *options, void *packed, size_t bytes,
                       ck_diagnosis *_Nullable diagnosis);

// What a packed B is, read from its own first bytes.
typedef struct ck_packed_info {
    int64_t k, n;
    ck_isa isa;
    ck_dtype dtype;
} ck_packed_info;

// Whether `bytes` bytes at `packed`, aligned to 64, can be what ck_gemm_pack wrote, in this process or
// another: the header is whole, its ISA one of this architecture, and the size what it says.
ck_status ck_gemm_packed_inspect(const void *packed, size_t bytes, ck_packed_info *info,
                                 ck_diagnosis *_Nullable diagnosis);

// A matrix to be quantised: B [k, n] of any float type, k a multiple of 32, into n columns of k / 32 blocks.
typedef struct ck_quantise_problem {
    int64_t k, n;
    ck_matrix source;
    ck_dtype dtype;  // CK_Q8_0, CK_Q4_0 or CK_Q4_1
    void *_Nullable blocks;
    size_t block_bytes;  // what n * k / 32 blocks have, or more
} ck_quantise_problem;

// Each weight becomes the nearest number its block has, and a block's d is what ggml's reference takes: the
// largest magnitude over 127 (Q8_0), the number of largest magnitude over -8 (Q4_0), the range over 15 (Q4_1,
// whose m is the smallest number). CK_NOT_FINITE: a number of the column `dimension` is not finite, or too large
// for the f16 of its block; blocks have been written then.
ck_status ck_quantise(const ck_quantise_problem *problem, const ck_options *options,
                      ck_diagnosis *_Nullable diagnosis);

// The weights of `count` consecutive blocks, 32 floats each.
void ck_dequantise(ck_dtype dtype, const void *blocks, int64_t count, float *weights);

// ---------------------------------------------------------------------------------------------
// Layers: row by row
// ---------------------------------------------------------------------------------------------

// What a Transformer does between its products. A row's result depends on that row alone, with the same bits
// for any number of threads and on every FMA ISA: sums run in 16 partial sums by index modulo 16. No workspace is
// needed. `y` may be `x` itself (same data, offset, stride and type) where the columns agree, and may not
// overlap an input otherwise.

// [rows, columns] inside `count` elements at `data`: element (i, j) is data[offset + i * row_stride + j].
// CK_F32, CK_BF16 or CK_F16; a table of ck_embed also quantised, whose count, offset and row_stride count blocks.
typedef struct ck_rows {
    void *_Nullable data;
    int64_t count;
    int64_t offset;
    int64_t row_stride;
    ck_dtype dtype;
} ck_rows;

typedef struct ck_indices {
    const int64_t *_Nullable data;
    int64_t count;
} ck_indices;

typedef enum CK_ENUM ck_norm {
    CK_NORM_LAYER = 0,  // (x - mean) / sqrt(variance + epsilon) * scale + shift
    CK_NORM_RMS,        // x / sqrt(mean of x^2 + epsilon) * scale + shift
} ck_norm;

typedef struct ck_normalize_problem {
    ck_norm norm;
    int64_t rows, columns;
    ck_rows x, y;
    ck_rows copy;  // y once more, of another type; data null and count 0: not wanted
    ck_vector scale, shift;  // [columns]; data null: 1, 0
    float epsilon;           // finite, 0 or more
} ck_normalize_problem;

ck_status ck_normalize(const ck_normalize_problem *problem, const ck_options *options,
                       ck_diagnosis *_Nullable diagnosis);

// Rotary positions: the first `rotated` columns of each of the first `rotated_heads` heads of a row turn in pairs
// (a, b) -> (a cos - b sin, a sin + b cos); all else is copied. Pairs are (2c, 2c + 1) if interleaved, else
// (c, c + rotated / 2); pair c of row i turns by element (positions[i], c) of the tables.
typedef struct ck_rotate_problem {
    int64_t rows, heads, width;  // columns = heads * width
    int64_t rotated_heads, rotated;
    bool interleaved;
    ck_rows x, y;
    int64_t table_rows;
    ck_rows cosines, sines;  // [table_rows, rotated / 2], CK_F32
    ck_indices positions;    // [rows]
} ck_rotate_problem;

ck_status ck_rotate(const ck_rotate_problem *problem, const ck_options *options,
                    ck_diagnosis *_Nullable diagnosis);

// y[i][j] = activation(x[i][j]) * x[i][columns + j]: the gate of SwiGLU and its relatives.
typedef struct ck_gate_problem {
    int64_t rows, columns;
    ck_activation activation;
    ck_rows x;  // [rows, 2 columns]
    ck_rows y;
} ck_gate_problem;

ck_status ck_gate(const ck_gate_problem *problem, const ck_options *options, ck_diagnosis *_Nullable diagnosis);

// y[i] = factor * table[ids[i]] + position_table[positions[i]] + added.
typedef struct ck_embed_problem {
    int64_t rows, columns;
    int64_t table_rows;
    ck_rows table;
    ck_indices ids;  // [rows]
    float factor;
    int64_t position_rows;
    ck_rows position_table;  // CK_F32; data null and count 0: none, and no positions
    ck_indices positions;    // [rows]
    ck_vector added;         // [columns]; data null: none
    ck_rows y;
} ck_embed_problem;

ck_status ck_embed(const ck_embed_problem *problem, const ck_options *options, ck_diagnosis *_Nullable diagnosis);

// y[s] = mean of rows offsets[s] ..< offsets[s + 1] of x, divided by its L2 norm (at least 1e-12) if `unit`. The
// mean of no rows is 0.
typedef struct ck_pool_problem {
    int64_t rows, columns;  // of x
    int64_t segments;
    ck_rows x;
    ck_indices offsets;  // [segments + 1], ascending, in 0 ... rows
    bool unit;
    ck_rows y;  // [segments, columns]
} ck_pool_problem;

ck_status ck_pool(const ck_pool_problem *problem, const ck_options *options, ck_diagnosis *_Nullable diagnosis);

// indices[i] = the column of the largest element of row i, the first of equals; NaN is less than everything.
typedef struct ck_argmax_problem {
    int64_t rows, columns;  // columns >= 1
    ck_rows x;
    int64_t *_Nullable indices;
    int64_t indices_count;
} ck_argmax_problem;

ck_status ck_argmax(const ck_argmax_problem *problem, const ck_options *options,
                    ck_diagnosis *_Nullable diagnosis);

// y[i] = softmax(factor * x[i]), or its natural logarithm. A row of -inf gives 0, or -inf.
typedef struct ck_softmax_problem {
    int64_t rows, columns;
    ck_rows x, y;  // CK_F32
    float factor;  // finite
    bool logarithm;
} ck_softmax_problem;

ck_status ck_softmax(const ck_softmax_problem *problem, const ck_options *options,
                     ck_diagnosis *_Nullable diagnosis);

// y = x / (1 - probability) where element (i, j) is kept, else 0. Which are kept is decided by a hash of seed and
// counter + i * columns + j alone: the same for any rows a call, any threads and every ISA.
typedef struct ck_dropout_problem {
    int64_t rows, columns;
    ck_rows x, y;
    float probability;  // of being dropped, 0 <= p < 1
    uint64_t seed, counter;
} ck_dropout_problem;

ck_status ck_dropout(const ck_dropout_problem *problem, const ck_options *options,
                     ck_diagnosis *_Nullable diagnosis);

// ---------------------------------------------------------------------------------------------
// For tests and harnesses
// ---------------------------------------------------------------------------------------------

// The oracle: one row of the same problem in double precision, by the textbook formula. `o` has
// value_dim elements, `lse` one, `weights` seqlen_k; the problem's own outputs are not touched.
// Returns what validation of the inputs returns.
ck_status ck_oracle_attention_row(const ck_attention_problem *problem, int64_t batch, int64_t head,
                                  int64_t row, double *_Nullable o, double *_Nullable lse, double *weights,
                                  ck_diagnosis *_Nullable diagnosis);
// One row of C, and of its magnitude |alpha scales| |A| |B| + |beta C| + |bias| + |residual| for a
// componentwise bound; n each.
ck_status ck_oracle_gemm_row(const ck_gemm_problem *problem, int64_t batch, int64_t row, double *c,
                             double *_Nullable magnitude, ck_diagnosis *_Nullable diagnosis);

// The limits of the machine that ck_probe_run drives, and what one operation of each is.
typedef enum CK_ENUM ck_probe_kind {
    CK_PROBE_FMA = 0,   // a multiply or an add of independent f32 FMAs in registers (an FMA counts two)
    CK_PROBE_DOT_BF16,  // the same of a bf16 dot product into f32 sums; 0 where the ISA has none
    CK_PROBE_DOT_INT8,  // the same of an 8-bit dot product into 32-bit sums; 0 where the ISA has none
    CK_PROBE_EXP2,      // one exp2 of an element of the slice, as the kernels compute it
    CK_PROBE_READ,      // a byte of the slice read
    CK_PROBE_WRITE,     // a byte of the slice written
    CK_PROBE_COPY,      // a byte read or written: the slice's second half goes to its first
    CK_PROBE_TRIAD,     // a byte read or written: a[i] = b[i] + 3 c[i], the thirds of the slice
    CK_PROBE_CLOCK,     // a dependent integer addition: one cycle
} ck_probe_kind;

// `count` must be a multiple of this.
#define CK_PROBE_COUNT_MULTIPLE 384

typedef struct ck_probe {
    ck_probe_kind kind;
    bool streaming;  // stores go past the caches, where the ISA can
    int64_t rounds;  // in registers: rounds of 64 to 192 instructions; else passes over the slice
    // From exp2 to triad: threads * count floats, aligned to 64 bytes; thread t works on the `count` floats
    // from t * count on.
    float *_Nullable data;
    int64_t count;
} ck_probe;

// Runs the probe on each of `threads` threads and returns the operations of all; 0 if the probe or the
// options are invalid. The caller holds the clock.
int64_t ck_probe_run(const ck_probe *probe, const ck_options *options);

#if defined(__clang__)
#pragma clang assume_nonnull end
#endif
#ifdef __cplusplus
}
#endif
#endif
