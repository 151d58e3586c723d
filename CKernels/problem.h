// Validation of problems and options, and the visibility rule every kernel shares.
#ifndef CK_PROBLEM_H
#define CK_PROBLEM_H

#include "element.h"
#include "quantised.h"

typedef enum { CK_CHECK_LAYOUT, CK_CHECK_LAYOUT_AND_POINTERS } ck_check;

// CK_OK, or the first thing wrong with the problem, told in `diagnosis` (not null).
ck_status ck_attention_validate(ck_kernel kernel, const ck_attention_problem *problem, ck_check check,
                                ck_diagnosis *diagnosis);
// A diagnosis of one state has its index in `dimension` where that is not about an axis.
ck_status ck_merge_validate(const ck_merge_problem *problem, ck_diagnosis *diagnosis);
ck_status ck_maps_validate(const ck_attention_problem *problem, const ck_attention_maps *maps, ck_check check,
                           ck_diagnosis *diagnosis);
ck_status ck_gemm_validate(ck_kernel kernel, const ck_gemm_problem *problem, ck_check check,
                           ck_diagnosis *diagnosis);
// Of a sound product, its usual form, which is all that a small one has time to be asked for: one matrix of
// f32 each, of any place in memory, no epilogue. No says nothing.
bool ck_gemm_is_usual(const ck_gemm_problem *problem);
// Replaces CK_ALL_THREADS and CK_ISA_AUTO by what they stand for here.
ck_status ck_options_resolve(const ck_options *options, ck_options *resolved, ck_diagnosis *diagnosis);

static inline int64_t ck_min(const int64_t a, const int64_t b) { return a < b ? a : b; }
static inline int64_t ck_max(const int64_t a, const int64_t b) { return a > b ? a : b; }
static inline int64_t ck_ceil_div(const int64_t a, const int64_t b) { return (a + b - 1) / b; }

// The first element of a row of an operand of any float type, and of one that is f32.
static inline void *ck_row(const ck_operand *const x, const int64_t batch, const int64_t head,
                           const int64_t row) {
    const int64_t index = x->offset + batch * x->batch_stride + head * x->head_stride + row * x->row_stride;
    return (char *)x->data + index * ck_element_bytes(x->dtype);
}

// The lengths that sequence `batch` really has.
static inline int64_t ck_key_count(const ck_attention_problem *const p, const int64_t batch) {
    return p->kv_lengths ? p->kv_lengths[batch] : p->seqlen_k;
}
static inline int64_t ck_query_count(const ck_attention_problem *const p, const int64_t batch) {
    return p->query_lengths.data ? p->query_lengths.data[batch] : p->seqlen_q;
}

// Query i stands at position i + offset among the keys.
static inline int64_t ck_position_offset(const ck_attention_problem *const p, const int64_t batch) {
    switch (p->causal != CK_CAUSAL_NONE ? p->causal : p->alignment) {
        case CK_CAUSAL_BOTTOM_RIGHT: return ck_key_count(p, batch) - ck_query_count(p, batch);
        case CK_CAUSAL_OFFSET: return p->query_offset;
        default: return 0;
    }
}

// Keys low ..< high, as far as positions decide: lengths, causality, prefix and window, before segments,
// blocks, mask and bias. From row to row neither end falls. Padding rows get an empty interval at the
// end of the last real row's.
typedef struct {
    int64_t low, high;
} ck_key_interval;

// The rule of one sequence: row i's interval ends at i + causal and i + right and begins at i + left.
typedef struct {
    int64_t start, keys, queries, prefix;
    int64_t causal, right, left;
} ck_key_rule;

// Offsets and windows may be any int64_t; beyond 2^40 nothing changes, and inside nothing overflows.
static inline int64_t ck_near(const __int128 x) {
    const int64_t far = (int64_t)1 << 40;
    return x < -far ? -far : x > far ? far : (int64_t)x;
}

static inline ck_key_rule ck_key_rule_of(const ck_attention_problem *const p, const int64_t batch) {
    const __int128 offset = ck_position_offset(p, batch);
    const int64_t far = ck_near((__int128)1 << 100), keys = ck_key_count(p, batch);
    return (ck_key_rule){
        .start = p->kv_starts.data ? p->kv_starts.data[batch] : 0,
        .keys = keys,
        .queries = ck_query_count(p, batch),
        .prefix = p->prefix_lengths.data ? ck_min(p->prefix_lengths.data[batch], keys) : 0,
        .causal = p->causal != CK_CAUSAL_NONE ? ck_near(offset + 1) : far,
        .right = p->window.bounds_right ? ck_near(offset + p->window.right + 1) : far,
        .left = p->window.bounds_left ? ck_near(offset - p->window.left) : -far,
    };
}

static inline ck_key_interval ck_keys_seen(const ck_key_rule *const rule, const int64_t row) {
    const int64_t i = ck_min(row, ck_max(rule->queries - 1, 0));
    const int64_t high = ck_min(ck_max(i + rule->causal, rule->prefix), i + rule->right);
    ck_key_interval seen = {.high = ck_max(0, ck_min(high, rule->keys))};
    seen.low = row >= rule->queries ? seen.high : ck_min(ck_max(i + rule->left, rule->start), seen.high);
    return seen;
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

// The bias of key `key`, whose row begins at ck_score_index.
static inline float ck_bias_at(const ck_attention_problem *const p, const int64_t batch, const int64_t head,
                               const int64_t row, const int64_t key) {
    return ck_load(p->bias_dtype, p->bias.data,
                   ck_score_index(&p->bias, batch, head, row) + key * p->bias.column_stride);
}

// The byte of the block mask that decides for key `key` of (batch, head, row).
static inline int64_t ck_block_index(const ck_block_mask *const x, const int64_t batch, const int64_t head,
                                     const int64_t row, const int64_t key) {
    return ck_score_index(&x->blocks, batch, head, row / x->query_block) +
           key / x->key_block * x->blocks.column_stride;
}

static inline bool ck_has_block_mask(const ck_attention_problem *const p) {
    return p->block_mask.query_block != 0;
}

static inline const int32_t *ck_segments_at(const ck_segment_ids *const x, const int64_t batch) {
    return x->data ? x->data + batch * x->batch_stride : NULL;
}

// The value of a query head; `none` where there are no values.
static inline float ck_head_value(const ck_head_values *const x, const int64_t head, const float none) {
    return x->count == 0 ? none : x->data[x->count == 1 ? 0 : head];
}

// Whether an operand of 8 bits has a scale for each key, or for each column.
static inline bool ck_scales_keys(const ck_operand *const x, const ck_kv_scales *const scales) {
    return x->dtype == CK_I8 && scales->kind == CK_SCALES_BY_KEY;
}
static inline bool ck_scales_columns(const ck_operand *const x, const ck_kv_scales *const scales) {
    return x->dtype == CK_I8 && scales->kind == CK_SCALES_BY_COLUMN;
}

// Whether more happens to a dot product than scale and addition.
static inline bool ck_transforms_scores(const ck_attention_problem *const p) {
    return p->scores.softcap > 0 || p->scores.normalize_qk || p->scores.head_scales.count != 0 ||
           p->scores.function || p->k.dtype == CK_I8;
}

// Whether something besides positions masks a key or adds to a score.
static inline bool ck_adds_to_scores(const ck_attention_problem *const p) {
    return p->mask_kind != CK_MASK_NONE || p->bias.data || p->bias.count != 0 || p->q_segments.count != 0 ||
           p->k_segments.count != 0 || ck_has_block_mask(p) || p->scores.alibi_slopes.count != 0;
}

// Whether the bf16 dot product may compute a call, where the ISA has it. It has no place for the block of
// scores that a caller's function wants.
static inline bool ck_suits_dot(const ck_attention_problem *const p) {
    return !p->f32_probabilities && p->q.dtype == CK_BF16 && p->k.dtype == CK_BF16 && p->v.dtype == CK_BF16 &&
           !p->scores.function;
}

#endif
