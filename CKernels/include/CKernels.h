// The whole C ABI of AttentionKernels: problems, entry points, and control of ISA, threads, workspace.
//
//   O = softmax(scale * Q K^T + bias, over the visible keys) V        ck_attention_forward
//   C = alpha * op(A) op(B) + beta * C                                ck_gemm
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
    CK_BAD_LENGTH,          // a query or prefix length is outside 0 ... the length it bounds
    CK_NOT_FUSED,           // fused_only, but the output asked for takes another pass
} ck_status;

// The argument a status speaks of.
typedef enum CK_ENUM ck_argument {
    CK_ARG_NONE = 0,
    CK_ARG_BATCH, CK_ARG_HEADS, CK_ARG_KV_HEADS, CK_ARG_SEQLEN_Q, CK_ARG_SEQLEN_K,
    CK_ARG_HEAD_DIM, CK_ARG_VALUE_DIM,
    CK_ARG_Q, CK_ARG_K, CK_ARG_V, CK_ARG_O, CK_ARG_LSE, CK_ARG_WEIGHTS,
    CK_ARG_MASK, CK_ARG_BIAS, CK_ARG_KV_LENGTHS, CK_ARG_CAUSAL, CK_ARG_QUERY_OFFSET, CK_ARG_SCALE,
    CK_ARG_M, CK_ARG_N, CK_ARG_K_SIZE, CK_ARG_A, CK_ARG_B, CK_ARG_C, CK_ARG_ALPHA, CK_ARG_BETA,
    CK_ARG_KERNEL, CK_ARG_THREADS, CK_ARG_ISA, CK_ARG_WORKSPACE,
    CK_ARG_ALIGNMENT, CK_ARG_WINDOW_LEFT, CK_ARG_WINDOW_RIGHT, CK_ARG_QUERY_LENGTHS,
    CK_ARG_PREFIX_LENGTHS, CK_ARG_QUERY_SEGMENTS, CK_ARG_KEY_SEGMENTS, CK_ARG_BLOCK_MASK,
    CK_ARG_SOFTCAP, CK_ARG_HEAD_SCALES, CK_ARG_ALIBI_SLOPES, CK_ARG_SINKS,
    CK_ARG_STATES, CK_ARG_STATE_O, CK_ARG_STATE_LSE,
} ck_argument;

// What was wrong, with numbers. `dimension` names the axis of the argument (0 batch, 1 head,
// 2 row, 3 column), or is -1 when the status is not about one axis. `other` is the second
// argument of an overlap.
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
    char name[64];           // the CPU's own name, or its architecture
    int32_t usable_cores;    // affinity mask and cgroup quota respected, at least 1
    int64_t l1d_bytes;       // a core's first-level data cache
    int64_t l2_bytes;        // a core's second-level cache
    int64_t l3_bytes;        // the last-level cache one core reaches; 0 if there is none
    const char *parallel;    // "openmp" or "pthreads"
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

// A 4-D array of float [batch, head, row, column] inside `count` floats at `data`. Element
// (b, h, i, c) is data[offset + b*batch_stride + h*head_stride + i*row_stride + c]. Strides may be
// zero (inputs: broadcast over batch or head) or negative.
typedef struct ck_operand {
    void *_Nullable data;
    int64_t count;
    int64_t offset;
    int64_t batch_stride, head_stride, row_stride;
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
// j < kv_lengths[b], the causal rule or j < prefix_lengths[b], the window, equal segment ids, the block
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
    ck_score_operand mask;  // bytes
    ck_score_operand bias;  // floats added to the scaled and capped scores; data null: none
    const int64_t *_Nullable kv_lengths;  // [kv_lengths_count == batch], or null
    int64_t kv_lengths_count;
    // All of the following are off when zero.
    ck_causal alignment;  // the offset of positions without causality; CK_CAUSAL_NONE: 0
    ck_window window;
    ck_lengths query_lengths;   // rows from query_lengths[b] on are padding
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
                                 const ck_options *options, size_t *bytes,
                                 ck_diagnosis *_Nullable diagnosis);

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

// ---------------------------------------------------------------------------------------------
// GEMM
// ---------------------------------------------------------------------------------------------

// A batch of row-major matrices: element (n, i, j) is data[offset + n*batch_stride + i*row_stride + j].
typedef struct ck_matrix {
    void *_Nullable data;
    int64_t count;
    int64_t offset;
    int64_t batch_stride, row_stride;
} ck_matrix;

// C = alpha * op(A) op(B) + beta * C, op(X) = X or X^T as stored. beta == 0 never reads C;
// alpha == 0 or k == 0 never reads A and B.
typedef struct ck_gemm_problem {
    int64_t batch, m, n, k;
    bool transpose_a;  // A is stored [k, m] instead of [m, k]
    bool transpose_b;  // B is stored [n, k] instead of [k, n]
    ck_matrix a, b, c;
    float alpha, beta;
} ck_gemm_problem;

// CK_NAIVE: the triple loop. CK_BLOCKED and CK_FUSED: the packed, cache-blocked, parallel path.
ck_status ck_gemm(ck_kernel kernel, const ck_gemm_problem *problem, const ck_options *options,
                  ck_diagnosis *_Nullable diagnosis);
ck_status ck_gemm_workspace(ck_kernel kernel, const ck_gemm_problem *problem,
                            const ck_options *options, size_t *bytes,
                            ck_diagnosis *_Nullable diagnosis);

// ---------------------------------------------------------------------------------------------
// For tests and harnesses
// ---------------------------------------------------------------------------------------------

// The oracle: one row of the same problem in double precision, by the textbook formula. `o` has
// value_dim elements, `lse` one, `weights` seqlen_k; the problem's own outputs are not touched.
// Returns what validation of the inputs returns.
ck_status ck_oracle_attention_row(const ck_attention_problem *problem, int64_t batch, int64_t head,
                                  int64_t row, double *_Nullable o, double *_Nullable lse,
                                  double *weights, ck_diagnosis *_Nullable diagnosis);
// One row of C, and of its magnitude |alpha| |A| |B| + |beta| |C| for a componentwise bound; n each.
ck_status ck_oracle_gemm_row(const ck_gemm_problem *problem, int64_t batch, int64_t row, double *c,
                             double *_Nullable magnitude, ck_diagnosis *_Nullable diagnosis);

// Runs `iterations` rounds of independent f32 FMAs in registers on each of `threads` threads and
// returns the number of floating-point operations done (an FMA counts two; without FMA, a multiply
// and an add); 0 if the options are invalid. The caller holds the clock.
int64_t ck_probe_fma(const ck_options *options, int64_t iterations);

#if defined(__clang__)
#pragma clang assume_nonnull end
#endif
#ifdef __cplusplus
}
#endif
#endif
