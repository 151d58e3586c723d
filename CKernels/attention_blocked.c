// The driver of the blocked kernel. One task is a block of query rows of one head: S = Q K^T by the
// packed GEMM, softmax by rows, O = P V by the packed GEMM. A task's scores, rows x seqlen_k, stay in
// its worker's workspace.
#include "attention.h"
#include "gemm.h"
#include "numerics.h"
#include "parallel.h"
#include "problem.h"

typedef struct {
    float *scores;       // [rows][seqlen_k]
    float *lse;          // [rows]
    float *key_factors;  // [seqlen_k], null unless normalize_qk
    ck_gemm_scratch score_gemm, value_gemm;
} blocked_scratch;

typedef struct {
    const ck_attention_call *call;
    int64_t rows, row_blocks;
    int32_t threads;
    bool values;
    blocked_scratch *scratch;  // [threads]
} blocked_run;

static blocked_run layout(const ck_attention_call *const call, ck_arena *const arena) {
    const ck_attention_problem *const p = call->problem;
    blocked_run run = {.call = call, .rows = ck_plan_blocked_rows(call->ops, p, call->threads)};
    run.row_blocks = ck_ceil_div(p->seqlen_q, run.rows);
    run.threads = (int32_t)ck_min(call->threads, ck_max(1, p->batch * p->heads * run.row_blocks));
    run.scratch = ck_arena_take(arena, run.threads, sizeof *run.scratch);
    for (int32_t worker = 0; worker < run.threads; ++worker) {
        blocked_scratch scratch = {.scores = ck_arena_take(arena, run.rows * p->seqlen_k, sizeof(float)),
                                   .lse = ck_arena_take(arena, run.rows, sizeof(float))};
        if (p->scores.normalize_qk) scratch.key_factors = ck_arena_take(arena, p->seqlen_k, sizeof(float));
        // The two products take turns in the same packing buffers.
        ck_arena scores = *arena, values = *arena;
        scratch.score_gemm = ck_gemm_scratch_take(&scores, call->ops, run.rows, p->seqlen_k, p->head_dim, 1);
        scratch.value_gemm = ck_gemm_scratch_take(&values, call->ops, run.rows, p->value_dim, p->seqlen_k, 1);
        *arena = scores.used > values.used ? scores : values;
        arena->overflow |= scores.overflow | values.overflow;
        if (run.scratch) run.scratch[worker] = scratch;
    }
    return run;
}

typedef struct {
    int64_t batch, head, row, rows;
    int64_t first_key, end_key;  // keys that any of these rows may see, and those before to a multiple of KC
    bool masks;                  // some of those keys may be masked for some row
} blocked_task;

// The second product's chains stay where they are when a window or the task's rows move its first key.
_Static_assert(CK_GEMM_KC % 16 == 0, "softmax_rows sums columns modulo 16");

static blocked_task task_of(const blocked_run *const run, const int64_t index) {
    const ck_attention_problem *const p = run->call->problem;
    const int64_t heads = p->batch * p->heads, block = run->row_blocks - 1 - index / heads;
    blocked_task t = {.batch = index % heads / p->heads, .head = index % p->heads, .row = block * run->rows};
    t.rows = ck_min(run->rows, p->seqlen_q - t.row);
    const ck_key_rule rule = ck_key_rule_of(p, t.batch);
    const ck_key_interval first = ck_keys_seen(&rule, t.row), last = ck_keys_seen(&rule, t.row + t.rows - 1);
    t.first_key = first.low / CK_GEMM_KC * CK_GEMM_KC;
    t.end_key = last.high;
    t.masks = first.high < t.end_key || t.first_key < last.low || ck_adds_to_scores(p);
    return t;
}

static void compute_scores(const blocked_run *const run, const blocked_task *const t,
                           const blocked_scratch *const scratch) {
    const ck_attention_problem *const p = run->call->problem;
    const int64_t kv_head = t->head / (p->heads / p->kv_heads);
    const float scale_log2 = (float)((double)p->scale * CK_LOG2E);
    if (p->head_dim == 0)
        for (int64_t i = 0; i < t->rows * p->seqlen_k; ++i) scratch->scores[i] = 0;
    const ck_gemm_operation product = {.m = t->rows,
                                       .n = t->end_key - t->first_key,
                                       .k = p->head_dim,
                                       .a = ck_at(&p->q, t->batch, t->head, t->row),
                                       .b = ck_at(&p->k, t->batch, kv_head, t->first_key),
                                       .c = scratch->scores + t->first_key,
                                       .a_stride = p->q.row_stride,
                                       .b_stride = p->k.row_stride,
                                       .c_stride = p->seqlen_k,
                                       .transpose_b = true,
                                       .alpha = ck_transforms_scores(p) ? 1 : scale_log2};
    ck_gemm_run(run->call->ops, &scratch->score_gemm, &product);
}

static bool has_nonfinite(const float *const rows, const int64_t stride, const int64_t count,
                          const int64_t width) {
    for (int64_t i = 0; i < count; ++i) {
        // x - x is 0 for finite x and NaN otherwise; the sum of them vectorises.
        float sum = 0;
        for (int64_t c = 0; c < width; ++c) {
            const float x = rows[i * stride + c];
            sum = x - x == 0 ? sum : 1;
        }
        if (sum != 0) return true;
    }
    return false;
}

static void compute_values(const blocked_run *const run, const blocked_task *const t,
                           const blocked_scratch *const scratch) {
    const ck_attention_problem *const p = run->call->problem;
    const int64_t kv_head = t->head / (p->heads / p->kv_heads), keys = t->end_key - t->first_key;
    const float *const v = ck_at(&p->v, t->batch, kv_head, t->first_key);
    const float *const weights = scratch->scores + t->first_key;
    // NaN or Inf in a key that some row must not see: the GEMM would multiply it by 0 and let it through.
    if (keys == 0 || (t->masks && has_nonfinite(v, p->v.row_stride, keys, p->value_dim))) {
        const ck_careful_values values = {.rows = t->rows,
                                          .keys = keys,
                                          .value_dim = p->value_dim,
                                          .weights = weights,
                                          .weights_stride = p->seqlen_k,
                                          .v = v,
                                          .v_stride = p->v.row_stride,
                                          .o = ck_at(&p->o, t->batch, t->head, t->row),
                                          .o_stride = p->o.row_stride};
        run->call->ops->careful_values(&values);
        return;
    }
    const ck_gemm_operation product = {.m = t->rows,
                                       .n = p->value_dim,
                                       .k = keys,
                                       .a = weights,
                                       .b = v,
                                       .c = ck_at(&p->o, t->batch, t->head, t->row),
                                       .a_stride = p->seqlen_k,
                                       .b_stride = p->v.row_stride,
                                       .c_stride = p->o.row_stride,
                                       .alpha = 1};
    ck_gemm_run(run->call->ops, &scratch->value_gemm, &product);
}

static void store_weights(const ck_attention_problem *const p, const blocked_task *const t,
                          const float *const weights) {
    for (int64_t i = 0; i < t->rows; ++i) {
        float *const target = ck_at(&p->weights, t->batch, t->head, t->row + i);
        // + 0 turns the -0 of masked slots into 0.
        for (int64_t j = 0; j < p->seqlen_k; ++j)
            target[j] = j >= t->first_key && j < t->end_key ? weights[i * p->seqlen_k + j] + 0.0f : 0;
    }
}

static void blocked_rows(void *const context, const int64_t index, const int32_t worker) {
    const blocked_run *const run = context;
    const ck_attention_problem *const p = run->call->problem;
    const blocked_scratch *const scratch = &run->scratch[worker];
    const blocked_task t = task_of(run, index);
    if (t.end_key > t.first_key) compute_scores(run, &t, scratch);
    const ck_softmax_rows softmax = {.problem = p,
                                     .batch = t.batch,
                                     .head = t.head,
                                     .row = t.row,
                                     .rows = t.rows,
                                     .scores = scratch->scores,
                                     .stride = p->seqlen_k,
                                     .first_key = t.first_key,
                                     .end_key = t.end_key,
                                     .key_factors = scratch->key_factors,
                                     .lse = scratch->lse};
    run->call->ops->softmax_rows(&softmax);
    if (p->weights.data) store_weights(p, &t, scratch->scores);
    if (!run->values) return;
    for (int64_t i = 0; p->lse.data && i < t.rows; ++i)
        *ck_at(&p->lse, t.batch, t.head, t.row + i) = scratch->lse[i];
    compute_values(run, &t, scratch);
}

void ck_attention_blocked_measure(const ck_attention_call *const call, ck_arena *const arena) {
    layout(call, arena);
}

void ck_attention_blocked_run(const ck_attention_call *const call, ck_arena *const arena, const bool values) {
    blocked_run run = layout(call, arena);
    run.values = values;
    ck_parallel_for(call->problem->batch * call->problem->heads * run.row_blocks, run.threads, blocked_rows,
                    &run);
}
