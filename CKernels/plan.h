// How a call is cut into blocks, chunks and tasks, and how much memory that takes. Pure: a plan
// depends on sizes, the ISA's tile shapes and the caches, never on pointers, and never decides a
// result's bits. Called by the drivers.
#ifndef CK_PLAN_H
#define CK_PLAN_H

#include "CKernels.h"
#include "workspace.h"

struct ck_ops;

static inline int64_t ck_round_up(const int64_t value, const int64_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

typedef struct {
    int32_t threads;
    int64_t mc, nc;  // rows of A and columns of B packed at a time
    int64_t mb, nb;  // rows and columns of C a task
} ck_gemm_plan;

ck_gemm_plan ck_plan_gemm(const struct ck_ops *ops, int64_t m, int64_t n, int64_t k, int32_t threads);

// Scratch of one worker of the fused kernel; PQ is the panel's width in query rows.
typedef struct {
    float *q;            // Q^T                [panels][head_dim][PQ]
    float *o;            // O^T of the chunk   [panels][value_dim][PQ]
    float *o_total;      // O^T of the chunks before, null if there is one chunk only
    float *state;        // [panels][CK_STATE_FIELDS][PQ]
    float *block_o;      // the sum of a block of keys that takes several runs [value_dim][PQ]
    float *p;            // P^T of a block     [KEY_BLOCK][PQ]
    float *added;        // bias and mask of a block [KEY_BLOCK][PQ], null if there are none
    float *key_factors;  // inverse norms of a block's keys [KEY_BLOCK], null unless normalize_qk
} ck_fused_scratch;

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
} ck_attention_plan;

ck_attention_plan ck_plan_fused(const struct ck_ops *ops, const ck_attention_problem *problem,
                                int32_t threads);

// Takes one worker's scratch from the arena.
ck_fused_scratch ck_fused_scratch_take(ck_arena *arena, const struct ck_ops *ops,
                                       const ck_attention_plan *plan, const ck_attention_problem *problem);

// A partial state, for each row: m in its two parts, l, then O[value_dim], unnormalised.
#define CK_PARTIAL_HEAD 3
static inline int64_t ck_partial_floats(const ck_attention_problem *const problem) {
    return CK_PARTIAL_HEAD + problem->value_dim;
}

// Query rows a task of the blocked kernel: their scores against all keys stay in its workspace.
int64_t ck_plan_blocked_rows(const struct ck_ops *ops, const ck_attention_problem *problem, int32_t threads);

#endif
