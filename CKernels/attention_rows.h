// Rows of Q, K and V in f32, and the product of Q and K, for the drivers that multiply by the packed GEMM:
// attention_blocked.c and attention_maps.c.
#ifndef CK_ATTENTION_ROWS_H
#define CK_ATTENTION_ROWS_H

#include "attention.h"
#include "gemm.h"
#include "kv_cache.h"
#include "numerics.h"
#include "problem.h"

// Rows in f32: where they lie, or widened into scratch.
typedef struct {
    const float *rows;
    int64_t stride;
} ck_f32_rows;

static inline bool ck_keys_in_place(const ck_attention_problem *const p, const ck_operand *const x) {
    return x->dtype == CK_F32 && !ck_is_paged(p);
}

// Scratch for so many keys' rows, null where they are read in place; and for rows of Q or O.
static inline float *ck_take_keys(ck_arena *const arena, const ck_attention_problem *const p,
                                  const ck_operand *const x, const int64_t keys, const int64_t columns) {
    return ck_keys_in_place(p, x) ? NULL : ck_arena_take(arena, keys * columns, sizeof(float));
}

static inline float *ck_take_widened(ck_arena *const arena, const ck_operand *const x, const int64_t rows,
                                     const int64_t columns) {
    return x->dtype == CK_F32 ? NULL : ck_arena_take(arena, rows * columns, sizeof(float));
}

// S = scale_log2 Q K^T of some rows and keys, or Q K^T where more is to come; C is still to be set.
static inline ck_gemm_operation ck_score_product(const ck_attention_problem *const p, const int64_t rows,
                                                 const int64_t keys, const ck_f32_rows q, const ck_f32_rows k,
                                                 const int64_t stride) {
    return (ck_gemm_operation){.shape = {.batch = 1,
                                         .m = rows,
                                         .n = keys,
                                         .k = p->head_dim,
                                         .a_row_stride = q.stride,
                                         .a_k_stride = 1,
                                         .b_k_stride = 1,
                                         .b_column_stride = k.stride,
                                         .c_row_stride = stride,
                                         .c_column_stride = 1,
                                         .plain = true},
                               .a = q.rows,
                               .b = k.rows,
                               .alpha = ck_transforms_scores(p) ? 1 : (float)((double)p->scale * CK_LOG2E)};
}

static inline ck_f32_rows ck_query_rows(const ck_attention_call *const call, const int64_t batch,
                                        const int64_t head, const int64_t row, const int64_t rows,
                                        float *const scratch) {
    const ck_attention_problem *const p = call->problem;
    const void *const first = ck_row(&p->q, batch, head, row);
    if (!scratch) return (ck_f32_rows){first, p->q.row_stride};
    const ck_widen_rows widen = {.dtype = p->q.dtype,
                                 .source = first,
                                 .stride = p->q.row_stride,
                                 .rows = rows,
                                 .columns = p->head_dim,
                                 .target = scratch};
    call->ops->widen_rows(&widen);
    return (ck_f32_rows){scratch, p->head_dim};
}

// K or V of keys first ..< end, for query head `head`.
static inline ck_f32_rows ck_key_rows(const ck_attention_call *const call, const ck_operand *const x,
                                      const int64_t batch, const int64_t head, const int64_t first,
                                      const int64_t end, const int64_t columns, float *const scratch) {
    const ck_attention_problem *const p = call->problem;
    const int64_t kv_head = head / (p->heads / p->kv_heads);
    if (!scratch) return (ck_f32_rows){ck_row(x, batch, kv_head, first), x->row_stride};
    for (int64_t key = first, stop; key < end; key = stop) {
        stop = ck_key_run(p, key, end);
        const ck_widen_rows widen = {.dtype = x->dtype,
                                     .source = ck_key_row(p, x, batch, kv_head, key),
                                     .stride = x->row_stride,
                                     .rows = stop - key,
                                     .columns = columns,
                                     .target = scratch + (key - first) * columns};
        call->ops->widen_rows(&widen);
    }
    ck_scale_rows(p, x, batch, kv_head, first, end, columns, scratch);
    return (ck_f32_rows){scratch, columns};
}

#endif
