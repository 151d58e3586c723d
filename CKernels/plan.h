// How a call is cut into blocks, chunks and tasks, and how much memory that takes. Pure: a plan
// depends on sizes, the ISA's tile shapes and the caches, never on pointers, and never decides a
// result's bits. Called by the drivers.
#ifndef CK_PLAN_H
#define CK_PLAN_H

#include "CKernels.h"
#include "numerics.h"
#include "workspace.h"

struct ck_ops;

static inline int64_t ck_round_up(const int64_t value, const int64_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

// The same for the lanes of an ISA, a power of two, without a division.
static inline int64_t ck_round_to_lanes(const int64_t value, const int64_t lanes) {
    return (value + lanes - 1) & -lanes;
}

static inline int64_t ck_round_down(const int64_t value, const int64_t multiple) {
    return value / multiple * multiple;
}

// What a product multiplies: the contents of a 32-bit word of a panel, which are consecutive k of one row
// of A or one column of B. A step of a tile takes a word of each side.
typedef enum {
    CK_GEMM_F32,     // one float: also bf16, f16 and quantised weights, widened as they are packed
    CK_GEMM_BF16,    // two bf16, multiplied by VDPBF16PS
    CK_GEMM_I16,     // two int8, widened
    CK_GEMM_I8,      // four int8, multiplied by VPDPBUSD
    CK_GEMM_SCALED,  // two int16 of a block of 32 k that has a scale, on either side (gemm_scaled.inc)
    CK_GEMM_KINDS
} ck_gemm_kind;

static inline bool ck_gemm_is_integer(const ck_gemm_kind kind) {
    return kind == CK_GEMM_I16 || kind == CK_GEMM_I8;
}

// k of a word, a power of two, and of a block of K. No division by it: a plan full of them took as long as a
// small product.
static inline int ck_gemm_depth_log2(const ck_gemm_kind kind) {
    return kind == CK_GEMM_F32 ? 0 : kind == CK_GEMM_I8 ? 2 : 1;
}

static inline int64_t ck_gemm_depth(const ck_gemm_kind kind) {
    return (int64_t)1 << ck_gemm_depth_log2(kind);
}

// Words of kc k.
static inline int64_t ck_gemm_words(const ck_gemm_kind kind, const int64_t kc) {
    return (kc + ck_gemm_depth(kind) - 1) >> ck_gemm_depth_log2(kind);
}

static inline int64_t ck_gemm_kc(const ck_gemm_kind kind) { return CK_GEMM_KC * ck_gemm_depth(kind); }

// The sizes, strides (in elements) and types of a batch of products: what decides how they are cut. k is 0
// where A and B are not read.
typedef struct {
    int64_t batch, m, n, k;
    int64_t a_row_stride, a_k_stride, b_k_stride, b_column_stride, c_row_stride, c_column_stride;
    ck_dtype a_dtype, b_dtype, c_dtype;
    bool packed_b;
    bool scaled;      // CK_ARITHMETIC_INT16
    bool plain;       // no epilogue
    bool or_smaller;  // the plan serves products of fewer rows, columns and k too
} ck_gemm_shape;

// No part of an epilogue, in one comparison instead of nine: by counts too, for a workspace is measured
// without pointers.
static inline bool ck_gemm_is_plain(const ck_epilogue *const e) {
    const uintptr_t pointers = (uintptr_t)e->row_scale.data | (uintptr_t)e->column_scale.data |
                               (uintptr_t)e->bias.data | (uintptr_t)e->residual.data |
                               (uintptr_t)e->residual.pointers;
    const int64_t counts = e->row_scale.count | e->column_scale.count | e->bias.count | e->residual.count;
    return (pointers | (uintptr_t)counts | (uintptr_t)e->activation) == 0;
}

typedef enum {
    CK_GEMM_TILES,   // register tiles on panels of B
    CK_GEMM_THIN,    // so few rows that B streams past a few lines at a time, never packed
    CK_GEMM_GEMV,    // up to 3 rows, or 8 of a B whose k are contiguous
    CK_GEMM_STORED,  // four rows or fewer, and B in panels of its own type
} ck_gemm_path;

typedef struct {
    int32_t threads;
    bool exchanged;     // C^T = B^T A^T is computed; what follows speaks of that product
    bool transposes_c;  // its sums are transposed into C from scratch
    bool keeps_sums;    // C is of a type that cannot hold the sums of one block of K: they wait in scratch
    ck_gemm_kind kind;
    ck_gemm_path path;
    bool packs_a, packs_b;
    int64_t lines_ahead;  // so many lines ahead of its use B is asked for, where tiles of few rows read it in
                          // place
    bool fetches_next;   // where tiles of more rows do, or a thin product on wide panels, its next block of K
                         // or lines is fetched while one is multiplied
    int64_t thin_lines;  // of a thin product: lines of words of B that meet the sums at a time
    bool beside;         // a GEMV whose B lies along k reads two vectors of columns side by side
    bool near;           // nothing of a task's one block is asked for: its A lies in L2
    bool rows_outside;   // a strip of B for all of K stays in L2, and blocks of rows take K in one go
    bool is_block;  // a task is a matrix, and one block for the kernel: A and B as they lie, sums straight to
                    // C
    int64_t strips, parts;             // tasks a matrix: strips of columns x parts of rows
    int64_t strip_columns, part_rows;  // of the largest task
    int64_t scratch_b, scratch_a, scratch_c, scratch_sums;  // words a worker
    int64_t scratch_stored;                                 // bytes a worker
    int64_t scaled_blocks;  // of CK_GEMM_SCALED: blocks of A, which all workers share
} ck_gemm_plan;

ck_gemm_kind ck_gemm_kind_of(const struct ck_ops *ops, ck_dtype a, ck_dtype b);

ck_gemm_shape ck_gemm_problem_shape(const ck_gemm_problem *problem);

ck_gemm_plan ck_plan_gemm(const struct ck_ops *ops, const ck_gemm_shape *shape, int32_t threads);

// How a usual product (problem.h) on so many threads goes without a plan: what plan.is_block says, or would
// say if B, whose k are contiguous, lay in panels, which then fit CK_GEMM_STACK_BYTES.
typedef enum { CK_GEMM_NO_BLOCK, CK_GEMM_BLOCK, CK_GEMM_BLOCK_PACKED } ck_gemm_block_way;
ck_gemm_block_way ck_gemm_block_way_of(const struct ck_ops *ops, const ck_gemm_problem *problem,
                                       int32_t threads);

// Scratch of this size is taken from the stack if the caller gives none: B^T of 64 x 64.
#define CK_GEMM_STACK_BYTES (20 * 1024)

// Whether the machine fetches A by itself in time: a C of one vector of columns, whose high tiles hardly use
// a line before the next is due, and an A that comes from a cache.
bool ck_gemm_a_comes(const struct ck_ops *ops, int64_t m, int64_t n, int64_t k);

// Whether nothing of a block that is a whole product needs to be asked for: its A lies in L2.
bool ck_gemm_is_near(int64_t m, int64_t k);

// Columns that strips are made of.
int64_t ck_gemm_unit(const struct ck_ops *ops, const ck_gemm_plan *plan);

// The same product with A and B in each other's place.
static inline ck_gemm_shape ck_gemm_exchange(const ck_gemm_shape *const s) {
    return (ck_gemm_shape){.batch = s->batch,
                           .m = s->n,
                           .n = s->m,
                           .k = s->k,
                           .a_row_stride = s->b_column_stride,
                           .a_k_stride = s->b_k_stride,
                           .b_k_stride = s->a_k_stride,
                           .b_column_stride = s->a_row_stride,
                           .c_row_stride = s->c_column_stride,
                           .c_column_stride = s->c_row_stride,
                           .a_dtype = s->b_dtype,
                           .b_dtype = s->a_dtype,
                           .c_dtype = s->c_dtype,
                           .packed_b = s->packed_b,
                           .scaled = s->scaled,
                           .plain = s->plain,
                           .or_smaller = s->or_smaller};
}

// Whether C can hold the sums of one block of K.
static inline bool ck_gemm_holds_sums(const ck_dtype c_dtype, const ck_gemm_kind kind) {
    return c_dtype == (ck_gemm_is_integer(kind) ? CK_I32 : CK_F32);
}

// Whether `kc` k of A can be read where they lie: whole words of the right type, which tiles, but not a
// GEMV, need one after the other.
static inline bool ck_gemm_reads_a(const ck_gemm_plan *const plan, const ck_dtype dtype,
                                   const int64_t k_stride, const int64_t kc) {
    // Rows of A have become integers before.
    if (plan->kind == CK_GEMM_SCALED) return true;
    static const ck_dtype native[] = {CK_F32, CK_BF16, CK_I32, CK_I8};
    const bool any_stride = kc <= 1 || (plan->path == CK_GEMM_GEMV && plan->kind == CK_GEMM_F32);
    return dtype == native[plan->kind] && (kc & (ck_gemm_depth(plan->kind) - 1)) == 0 &&
           (k_stride == 1 || any_stride);
}

// Lines of words that a panel of kc k takes, within one block of K. A panel of B of CK_GEMM_I8 begins with
// a line of what the sums of its columns begin at.
static inline int64_t ck_gemm_lines(const ck_gemm_kind kind, const int64_t kc) {
    return ck_gemm_words(kind, kc) + (kind == CK_GEMM_I8);
}

// And of any k, one block after the other.
static inline int64_t ck_gemm_panel_lines(const ck_gemm_kind kind, const int64_t k) {
    const int64_t kc = ck_gemm_kc(kind);
    if (k < kc) return k > 0 ? ck_gemm_lines(kind, k) : 0;
    return k / kc * ck_gemm_lines(kind, kc) + (k % kc > 0 ? ck_gemm_lines(kind, k % kc) : 0);
}

// Rows up to which tiles read B where it lies whatever its lines are.
#define CK_GEMM_NATURAL_ROWS 32

// First of the units 0 ..< count of part `index` of `parts`, as equal as can be.
static inline int64_t ck_part_start(const int64_t count, const int64_t parts, const int64_t index) {
    return count / parts * index + (count % parts < index ? count % parts : index);
}

// Scratch of one worker of the fused kernel; PQ is the panel's width in query rows.
typedef struct {
    float *q;        // Q^T                [panels][query parts][head_dim][PQ]
    float *o;        // O^T of the chunk   [panels][value_dim][PQ]
    float *o_total;  // O^T of the chunks before, null if there is one chunk only
    float *state;    // [panels][CK_STATE_FIELDS][PQ]
    float *block_o;  // the sum of a block of keys that takes several runs [value_dim][PQ]
    float *p;        // P^T of a block     [KEY_BLOCK][PQ]
    float *added;    // bias and mask of a block [KEY_BLOCK][PQ], null if there are none
    // Of a block's keys [KEY_BLOCK], null where there are none: inverse norms, or scales of 8 bits, which dot
    // products are multiplied by; scales of values, which P is multiplied by.
    float *key_factors, *value_factors;
    // Of K of 8 bits: a row of Q in integers [head_dim], rows of its halves [VECTOR_MAX][2][head_dim]; else
    // null.
    int32_t *query_row;
    float *query_halves;
    float *k, *v;  // K [KEY_BLOCK][head_dim] and V [KEY_BLOCK][value_dim] of a block, null if blocks are read
                   // in place
} ck_fused_scratch;

// Q of panels is in two halves where K is of 8 bits.
static inline int64_t ck_query_parts(const ck_attention_problem *const p) {
    return p->k.dtype == CK_I8 ? 2 : 1;
}

// 32-bit words of a row of Q in decode: numbers, pairs of bf16, or, for words of four bytes of K, two pairs
// of integers of 16 bits.
static inline int64_t ck_query_floats(const ck_attention_problem *const p) {
    return p->k.dtype == CK_I8 ? 2 * ((p->head_dim + 3) / 4) : p->head_dim;
}

// Scratch of one worker of the decode kernel; DK is its tile of keys, at most CK_DECODE_KEYS_MAX.
typedef struct {
    float *q;            // Q as the kernel multiplies it  [rows][ck_query_floats], null if stored so
    int32_t *query_row;  // of K of 8 bits: a row of Q in integers [head_dim], else null
    float *dots;         // sums of finished chains, then P  [rows][DK]
    float *chains;       // the chains under way  [rows][DK]
    float *block_o;      // the sum of a block of keys  [rows][value_dim rounded up to a vector]
    float *partial;  // states of the chunks before and of this one  [2][rows][3 + value_dim]; null if split
} ck_decode_scratch;

#define CK_DECODE_KEYS_MAX 32
#define CK_DECODE_ROWS_MAX 16
#define CK_VECTOR_MAX 16  // lanes of the widest ISA

// Fields of a panel's state: -m in its two parts, threshold and l of this chunk; the part of l from the
// block of keys under way; m and l of the chunks before; key limits (int32); what scores need of the row:
// its factor and ALiBi slope, its position and segment id (int32).
enum {
    CK_STATE_NEG_DOT,
    CK_STATE_NEG_ADDED,
    CK_STATE_THRESHOLD,
    CK_STATE_L,
    CK_STATE_BLOCK_L,
    CK_STATE_TOTAL_DOT,
    CK_STATE_TOTAL_ADDED,
    CK_STATE_TOTAL_L,
    CK_STATE_LOW,
    CK_STATE_LIMIT,
    CK_STATE_FACTOR,
    CK_STATE_SLOPE,
    CK_STATE_POSITION,
    CK_STATE_SEGMENT,
    CK_STATE_FIELDS
};

typedef struct {
    int32_t threads;
    int64_t group;       // query heads a KV head
    int64_t group_rows;  // rows a KV head: group * seqlen_q
    int64_t task_rows;   // Br: rows a task, a multiple of the panel but for the last
    int64_t chunks;      // KV chunks, at least 1
    bool split;          // chunks are tasks of their own, their states combined afterwards
    int64_t row_blocks;  // tasks a KV head and chunk
    int64_t tasks;
    bool decodes;  // few rows: by ops->attention_decode
} ck_attention_plan;

ck_attention_plan ck_plan_fused(const struct ck_ops *ops, const ck_attention_problem *problem,
                                int32_t threads);

// Takes one worker's scratch from the arena.
ck_fused_scratch ck_fused_scratch_take(ck_arena *arena, const struct ck_ops *ops,
                                       const ck_attention_plan *plan, const ck_attention_problem *problem);

ck_decode_scratch ck_decode_scratch_take(ck_arena *arena, const ck_attention_plan *plan,
                                         const ck_attention_problem *problem);

// A partial state, for each row: m in its two parts, l, then O[value_dim], unnormalised.
#define CK_PARTIAL_HEAD 3
static inline int64_t ck_partial_floats(const ck_attention_problem *const problem) {
    return CK_PARTIAL_HEAD + problem->value_dim;
}

// Keys of a tile of maps, anchored at absolute key index.
#define CK_MAP_KEYS 256

typedef struct {
    int32_t threads;
    int64_t tile_rows;
    bool finds_top;
    int64_t row_blocks, row_tasks;  // blocks of tile_rows a head; 0 tasks if nothing needs that pass
    int64_t strip_keys, strips, column_tasks;
    int64_t band_rows;  // whole rows of cells, a tile of rows if nothing is pooled
    int64_t cells;      // of a band and strip
} ck_map_plan;

ck_map_plan ck_plan_maps(const ck_attention_problem *problem, const ck_attention_maps *maps, int32_t threads);

// Query rows a task of the blocked kernel: their scores against all keys stay in its workspace.
int64_t ck_plan_blocked_rows(const struct ck_ops *ops, const ck_attention_problem *problem, int32_t threads);

#endif
