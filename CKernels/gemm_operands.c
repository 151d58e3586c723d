// The operands of a GEMM task as its kernels read them: rows of A where they lie or packed, B in panels.
// Called by gemm_task.c.
#include "gemm_stored.h"
#include "gemm_task.h"
#include "numerics.h"
#include "problem.h"

// A packed copy of `rows` rows of A: rows of words where k is contiguous, else panels.
static ck_rows_of_a pack_a(const ck_gemm_work *const t, const void *const a, const int64_t rows,
                           const int64_t kc) {
    const ck_gemm_operation *const op = &t->op;
    const ck_gemm_kind kind = t->plan->kind;
    const int64_t lanes = t->ops->lanes, words = ck_gemm_words(kind, kc);
    if (op->shape.a_k_stride == 1) {
        const ck_gemm_copy_args copy = {.kind = kind,
                                        .dtype = op->shape.a_dtype,
                                        .source = a,
                                        .row_stride = op->shape.a_row_stride,
                                        .kc = kc,
                                        .count = rows,
                                        .packed = t->scratch->a,
                                        .stride = ck_round_up(words, lanes)};
        t->ops->gemm_copy(&copy);
        return (ck_rows_of_a){t->scratch->a, copy.stride * (int64_t)sizeof(float), sizeof(float)};
    }
    const int64_t width = ck_min(CK_GEMM_A_ROWS, ck_round_up(rows, lanes));
    const ck_gemm_pack_args pack = {.kind = kind,
                                    .dtype = op->shape.a_dtype,
                                    .source = a,
                                    .k_stride = op->shape.a_k_stride,
                                    .column_stride = op->shape.a_row_stride,
                                    .kc = kc,
                                    .count = rows,
                                    .width = width,
                                    .is_a = true,
                                    .packed = t->scratch->a,
                                    .panel_stride = words * width};
    t->ops->gemm_pack(&pack);
    return (ck_rows_of_a){t->scratch->a, sizeof(float), width * (int64_t)sizeof(float)};
}

bool ck_work_reads_a(const ck_gemm_work *const t, const ck_k_block k) {
    return k.count == 0 || ck_gemm_reads_a(t->plan, t->op.shape.a_dtype, t->op.shape.a_k_stride, k.count);
}

ck_rows_of_a ck_work_take_a(const ck_gemm_work *const t, const int64_t row, const int64_t rows,
                            const ck_k_block k) {
    const ck_gemm_operation *const op = &t->op;
    if (t->plan->kind == CK_GEMM_SCALED) {
        const ck_scaled_block *const blocks = op->a;
        const int64_t count = op->shape.k / CK_QUANT_BLOCK, bytes = (int64_t)sizeof *blocks;
        return (ck_rows_of_a){blocks + row * count + k.first / CK_QUANT_BLOCK, count * bytes, bytes};
    }
    const int64_t bytes = ck_element_bytes(op->shape.a_dtype);
    const void *const a = ck_element_at(op->a, op->shape.a_dtype,
                                        row * op->shape.a_row_stride + k.first * op->shape.a_k_stride);
    if (!ck_work_reads_a(t, k)) return pack_a(t, a, rows, k.count);
    return (ck_rows_of_a){a, op->shape.a_row_stride * bytes,
                          op->shape.a_k_stride * bytes * ck_gemm_depth(t->plan->kind)};
}

void ck_work_pack_b(const ck_gemm_work *const t, const int64_t first, const int64_t n, const ck_k_block k) {
    const ck_gemm_operation *const op = &t->op;
    const int64_t width = t->ops->gemm_panel, kc = ck_gemm_kc(t->plan->kind);
    for (int64_t i = 0; i < k.count; i += kc) {
        const int64_t from =
            (k.first + i) * op->shape.b_k_stride + (t->column + first) * op->shape.b_column_stride;
        const ck_gemm_pack_args pack = {.kind = t->plan->kind,
                                        .dtype = op->shape.b_dtype,
                                        .source = ck_element_at(op->b, op->shape.b_dtype, from),
                                        .k_stride = op->shape.b_k_stride,
                                        .column_stride = op->shape.b_column_stride,
                                        .kc = ck_min(kc, k.count - i),
                                        .count = n,
                                        .width = width,
                                        .packed = t->scratch->b + ck_work_lines(t, i) * width,
                                        .panel_stride = ck_work_lines(t, k.count) * width};
        t->ops->gemm_pack(&pack);
    }
}

const void *ck_work_stored(const ck_gemm_work *const t, const int64_t column, const ck_k_block k) {
    const ck_gemm_operation *const op = &t->op;
    const int64_t width = t->ops->gemm_panel, panel = (t->column + column) / width;
    if (op->packed_b)
        return (const char *)op->packed_b + panel * ck_stored_bytes(op->shape.b_dtype, width, op->shape.k) +
               ck_stored_bytes(op->shape.b_dtype, width, k.first);
    const int64_t from =
        k.first / CK_QUANT_BLOCK * op->shape.b_k_stride + (t->column + column) * op->shape.b_column_stride;
    const ck_stored_pack_args pack = {.dtype = op->shape.b_dtype,
                                      .source = ck_element_at(op->b, op->shape.b_dtype, from),
                                      .k_stride = op->shape.b_k_stride,
                                      .column_stride = op->shape.b_column_stride,
                                      .kc = k.count,
                                      .count = ck_min(width, t->columns - column),
                                      .width = width,
                                      .panel = t->scratch->stored};
    ck_stored_pack(&pack);
    return t->scratch->stored;
}

void ck_work_expand_b(const ck_gemm_work *const t, const ck_k_block k) {
    const int64_t width = t->ops->gemm_panel, kc = ck_gemm_kc(t->plan->kind);
    for (int64_t column = 0; column < t->columns; column += width)
        for (int64_t i = 0; i < k.count; i += kc) {
            const ck_k_block part = {.first = k.first + i, .count = ck_min(kc, k.count - i)};
            const int64_t line = column * ck_work_lines(t, k.count) + ck_work_lines(t, i) * width;
            const ck_stored_expand expand = {.kind = t->plan->kind,
                                             .dtype = t->op.shape.b_dtype,
                                             .kc = part.count,
                                             .panel = ck_work_stored(t, column, part),
                                             .packed = t->scratch->b + line};
            t->ops->gemm_expand(&expand);
        }
}
