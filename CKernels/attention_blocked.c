// The driver of the blocked kernel. One task is a block of query rows of one head: S = Q K^T by the
// packed GEMM, softmax by rows, O = P V by the packed GEMM. A task's scores, rows x seqlen_k, stay in
// its worker's workspace, and so do f32 copies of the operands that are stored in 16 bits or pages.
#include "attention_rows.h"
#include "parallel.h"

typedef struct {
    float *scores;       // [rows][seqlen_k]
    float *lse;          // [rows]
    float *key_factors;  // [seqlen_k], null unless normalize_qk
    // Null where the operand is read in place: [rows][head_dim], [seqlen_k][head_dim], [seqlen_k][value_dim],
    // [rows][value_dim].
    float *q, *k, *v, *o;
    ck_gemm_serial score_gemm, value_gemm;
} blocked_scratch;

typedef struct {
    const ck_attention_call *call;
    int64_t rows, row_blocks;
    int32_t threads;
    bool values;
    blocked_scratch *scratch;  // [threads]
} blocked_run;

static int64_t scratch_stride(const ck_operand *const x, const int64_t columns) {
    return x->dtype == CK_F32 ? x->row_stride : columns;
}

// O = P V of some rows and keys; A and C are still to be set.
static ck_gemm_operation value_product(const ck_attention_problem *const p, const int64_t rows,
                                       const int64_t keys, const ck_f32_rows v, const int64_t o_stride) {
    return (ck_gemm_operation){.shape = {.batch = 1,
                                         .m = rows,
                                         .n = p->value_dim,
                                         .k = keys,
                                         .a_row_stride = p->seqlen_k,
                                         .a_k_stride = 1,
                                         .b_k_stride = v.stride,
                                         .b_column_stride = 1,
                                         .c_row_stride = o_stride,
                                         .c_column_stride = 1,
                                         .plain = true},
                               .b = v.rows,
                               .alpha = 1};
}

static blocked_run layout(const ck_attention_call *const call, ck_arena *const arena) {
    const ck_attention_problem *const p = call->problem;
    blocked_run run = {.call = call, .rows = ck_plan_blocked_rows(call->ops, p, call->threads)};
    run.row_blocks = ck_ceil_div(p->seqlen_q, run.rows);
    run.threads = (int32_t)ck_min(call->threads, ck_max(1, p->batch * p->heads * run.row_blocks));
    run.scratch = ck_arena_take(arena, run.threads, sizeof *run.scratch);
    for (int32_t worker = 0; worker < run.threads; ++worker) {
        blocked_scratch scratch = {.scores = ck_arena_take(arena, run.rows * p->seqlen_k, sizeof(float)),
                                   .lse = ck_arena_take(arena, run.rows, sizeof(float)),
                                   .q = ck_take_widened(arena, &p->q, run.rows, p->head_dim),
                                   .k = ck_take_keys(arena, p, &p->k, p->seqlen_k, p->head_dim),
                                   .v = ck_take_keys(arena, p, &p->v, p->seqlen_k, p->value_dim),
                                   .o = ck_take_widened(arena, &p->o, run.rows, p->value_dim)};
        if (p->scores.normalize_qk) scratch.key_factors = ck_arena_take(arena, p->seqlen_k, sizeof(float));
        // The two products take turns in the same packing buffers.
        ck_arena scores = *arena, values = *arena;
        const ck_f32_rows q = {.stride = scratch_stride(&p->q, p->head_dim)};
        const ck_f32_rows k = {.stride = ck_keys_in_place(p, &p->k) ? p->k.row_stride : p->head_dim};
        const ck_f32_rows v = {.stride = ck_keys_in_place(p, &p->v) ? p->v.row_stride : p->value_dim};
        const ck_gemm_operation score_sizes = ck_score_product(p, run.rows, p->seqlen_k, q, k, p->seqlen_k);
        const ck_gemm_operation value_sizes =
            value_product(p, run.rows, p->seqlen_k, v, scratch_stride(&p->o, p->value_dim));
        scratch.score_gemm = ck_gemm_serial_take(&scores, call->ops, &score_sizes);
        scratch.value_gemm = ck_gemm_serial_take(&values, call->ops, &value_sizes);
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
    t.masks = first.high < t.end_key || t.first_key < last.low || ck_adds_to_scores(p) || p->scores.function;
    return t;
}

static void compute_scores(const blocked_run *const run, const blocked_task *const t,
                           const blocked_scratch *const scratch) {
    const ck_attention_problem *const p = run->call->problem;
    const ck_f32_rows q = ck_query_rows(run->call, t->batch, t->head, t->row, t->rows, scratch->q);
    const ck_f32_rows k =
        ck_key_rows(run->call, &p->k, t->batch, t->head, t->first_key, t->end_key, p->head_dim, scratch->k);
    ck_gemm_operation product = ck_score_product(p, t->rows, t->end_key - t->first_key, q, k, p->seqlen_k);
    product.c = scratch->scores + t->first_key;
    ck_gemm_serial_run(run->call->ops, &scratch->score_gemm, &product);
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
    const int64_t keys = t->end_key - t->first_key;
    const float *const weights = scratch->scores + t->first_key;
    const ck_f32_rows v =
        ck_key_rows(run->call, &p->v, t->batch, t->head, t->first_key, t->end_key, p->value_dim, scratch->v);
    void *const target = ck_row(&p->o, t->batch, t->head, t->row);
    float *const o = scratch->o ? scratch->o : target;
    const int64_t o_stride = scratch->o ? p->value_dim : p->o.row_stride;
    // NaN or Inf in a key that some row must not see: the GEMM would multiply it by 0 and let it through.
    if (keys == 0 || (t->masks && has_nonfinite(v.rows, v.stride, keys, p->value_dim))) {
        const ck_careful_values values = {.rows = t->rows,
                                          .keys = keys,
                                          .value_dim = p->value_dim,
                                          .weights = weights,
                                          .weights_stride = p->seqlen_k,
                                          .v = v.rows,
                                          .v_stride = v.stride,
                                          .o = o,
                                          .o_stride = o_stride};
        run->call->ops->careful_values(&values);
    } else {
        ck_gemm_operation product = value_product(p, t->rows, keys, v, o_stride);
        product.a = weights;
        product.c = o;
        ck_gemm_serial_run(run->call->ops, &scratch->value_gemm, &product);
    }
    if (!scratch->o) return;
    const ck_narrow_rows narrow = {.dtype = p->o.dtype,
                                   .source = o,
                                   .rows = t->rows,
                                   .columns = p->value_dim,
                                   .target = target,
                                   .stride = p->o.row_stride};
    run->call->ops->narrow_rows(&narrow);
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
