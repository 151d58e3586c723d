// Validation of problems and options, and the visibility rule every kernel shares.
#ifndef CK_PROBLEM_H
#define CK_PROBLEM_H

#include "element.h"
#include "quantised.h"

typedef enum { CK_CHECK_LAYOUT, CK_CHECK_LAYOUT_AND_POINTERS } ck_check;

// CK_OK, or the first thing wrong with the problem, told in `diagnosis` (not null).
ck_status ck_attention_validate(ck_kernel kernel, const ck_attention_problem *problem, ck_check check,
                                ck_diagnosis *diagnosis);
ck_status ck_gemm_validate(ck_kernel kernel, const ck_gemm_problem *problem, ck_check check,
                           ck_diagnosis *diagnosis);
// Replaces CK_ALL_THREADS and CK_ISA_AUTO by what they stand for here.
ck_status ck_options_resolve(const ck_options *options, ck_options *resolved, ck_diagnosis *diagnosis);

// Keys 0 ..< limit are visible to query `row` of `batch` as far as positions decide: key lengths and
// causality, before mask and bias.
static inline int64_t ck_key_limit(const ck_attention_problem *const p, const int64_t batch,
                                   const int64_t row) {
    const int64_t keys = p->kv_lengths ? p->kv_lengths[batch] : p->seqlen_k;
    int64_t offset;
    switch (p->causal) {
        case CK_CAUSAL_NONE: return keys;
        case CK_CAUSAL_TOP_LEFT: offset = 0; break;
        case CK_CAUSAL_BOTTOM_RIGHT: offset = keys - p->seqlen_q; break;
        default: offset = p->query_offset; break;
    }
    // Beyond these bounds nothing changes, and inside them nothing overflows.
    if (offset > keys) offset = keys;
    if (offset < -p->seqlen_q) offset = -p->seqlen_q;
    const int64_t limit = offset + row + 1;
    return limit < 0 ? 0 : limit < keys ? limit : keys;
}

static inline int64_t ck_min(const int64_t a, const int64_t b) { return a < b ? a : b; }
static inline int64_t ck_max(const int64_t a, const int64_t b) { return a > b ? a : b; }
static inline int64_t ck_ceil_div(const int64_t a, const int64_t b) { return (a + b - 1) / b; }

// The first element of a row of an operand of any float type, and of one that is f32.
static inline void *ck_row(const ck_operand *const x, const int64_t batch, const int64_t head,
                           const int64_t row) {
    const int64_t index = x->offset + batch * x->batch_stride + head * x->head_stride + row * x->row_stride;
    return (char *)x->data + index * ck_element_bytes(x->dtype);
}

static inline float *ck_at(const ck_operand *const x, const int64_t batch, const int64_t head,
                           const int64_t row) {
    return (float *)x->data + x->offset + batch * x->batch_stride + head * x->head_stride +
           row * x->row_stride;
}

// Element `index` of elements of any type from `base` on.
static inline void *ck_element_at(const void *const base, const ck_dtype dtype, const int64_t index) {
    return (char *)base + index * ck_element_bytes(dtype);
}

// Element (0, 0) of matrix n of a batch; null if there is none.
static inline void *ck_matrix_at(const ck_matrix *const x, const int64_t n) {
    const void *const base = x->pointers ? x->pointers[n] : x->data;
    const int64_t index = x->offset + (x->pointers ? 0 : n * x->batch_stride);
    return base ? ck_element_at(base, x->dtype, index) : NULL;
}

// Element (row, column) of a matrix whose element (0, 0) is at `base`, as a float: exact but for CK_I32. Rows
// of quantised weights are blocks.
static inline float ck_matrix_value(const ck_matrix *const x, const void *const base, const int64_t row,
                                    const int64_t column) {
    if (!ck_is_quantised(x->dtype))
        return ck_load(x->dtype, base, row * x->row_stride + column * x->column_stride);
    const int64_t index = row / CK_QUANT_BLOCK * x->row_stride + column * x->column_stride;
    return ck_quant_weight(x->dtype, ck_element_at(base, x->dtype, index), row % CK_QUANT_BLOCK);
}

// The index of element (batch, head, row, 0) of a mask or bias.
static inline int64_t ck_score_index(const ck_score_operand *const x, const int64_t batch, const int64_t head,
                                     const int64_t row) {
    return x->offset + batch * x->batch_stride + head * x->head_stride + row * x->row_stride;
}

#endif
