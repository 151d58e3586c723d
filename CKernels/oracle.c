// The oracle: the same problems in double precision, one row at a time, by the textbook formula and
// with its own reading of masks, so that a mistake shared by the kernels shows. For tests and the
// harness; no kernel calls it.
#include <math.h>

#include "gemm_packed.h"
#include "problem.h"
#include "kv_cache.h"

// The layouts of inputs are checked as for any call; outputs are not touched and may be absent.
static ck_status check(const ck_attention_problem *const problem, ck_diagnosis *const diagnosis) {
    ck_attention_problem inputs = *problem;
    inputs.lse = inputs.weights = (ck_operand){0};
    const ck_status status = ck_attention_validate(CK_NAIVE, &inputs, CK_CHECK_LAYOUT, diagnosis);
    return status;
}

// Query i's position relative to key j, without overflow for any offset.
static __int128 distance_of(const ck_attention_problem *const p, const int64_t b, const int64_t i,
                            const int64_t j) {
    const int64_t keys = p->kv_lengths ? p->kv_lengths[b] : p->seqlen_k;
    const int64_t queries = p->query_lengths.data ? p->query_lengths.data[b] : p->seqlen_q;
    const ck_causal rule = p->causal == CK_CAUSAL_NONE ? p->alignment : p->causal;
    const int64_t offset = rule == CK_CAUSAL_BOTTOM_RIGHT ? keys - queries
                           : rule == CK_CAUSAL_OFFSET     ? p->query_offset
                                                          : 0;
    return (__int128)i + offset - j;
}

static bool is_padding(const ck_attention_problem *const p, const int64_t b, const int64_t i) {
    return p->query_lengths.data && i >= p->query_lengths.data[b];
}

static bool sees_position(const ck_attention_problem *const p, const int64_t b, const int64_t i,
                          const int64_t j) {
    const __int128 distance = distance_of(p, b, i, j);
    if (p->kv_starts.data && j < p->kv_starts.data[b]) return false;
    if (is_padding(p, b, i) || j >= (p->kv_lengths ? p->kv_lengths[b] : p->seqlen_k)) return false;
    const bool in_prefix = p->prefix_lengths.data && j < p->prefix_lengths.data[b];
    if (p->causal != CK_CAUSAL_NONE && distance < 0 && !in_prefix) return false;
    if (p->window.bounds_left && distance > p->window.left) return false;
    return !(p->window.bounds_right && -distance > p->window.right);
}

static bool sees(const ck_attention_problem *const p, const int64_t b, const int64_t h, const int64_t i,
                 const int64_t j) {
    if (!sees_position(p, b, i, j)) return false;
    if (p->q_segments.data && p->q_segments.data[b * p->q_segments.batch_stride + i] !=
                                  p->k_segments.data[b * p->k_segments.batch_stride + j])
        return false;
    if (p->block_mask.query_block > 0) {
        const ck_score_operand *const m = &p->block_mask.blocks;
        const int64_t row = i / p->block_mask.query_block, column = j / p->block_mask.key_block;
        if (!((const uint8_t *)m->data)[m->offset + b * m->batch_stride + h * m->head_stride +
                                        row * m->row_stride + column * m->column_stride])
            return false;
    }
    if (p->mask_kind != CK_MASK_NONE) {
        const ck_score_operand *const m = &p->mask;
        const uint8_t byte = ((const uint8_t *)m->data)[m->offset + b * m->batch_stride + h * m->head_stride +
                                                        i * m->row_stride + j * m->column_stride];
        if ((p->mask_kind == CK_MASK_DROP) == (byte != 0)) return false;
    }
    return true;
}

static double bias_of(const ck_attention_problem *const p, const int64_t b, const int64_t h, const int64_t i,
                      const int64_t j) {
    const ck_score_operand *const x = &p->bias;
    if (!x->data) return 0;
    const int64_t index =
        x->offset + b * x->batch_stride + h * x->head_stride + i * x->row_stride + j * x->column_stride;
    return ck_load(p->bias_dtype, x->data, index);
}

static double head_value(const ck_head_values *const x, const int64_t h, const double none) {
    return x->data ? (double)x->data[h % x->count] : none;
}

// Element c of key j of K or V.
static double element_of(const ck_attention_problem *const p, const ck_operand *const x,
                         const ck_kv_scales *const s, const int64_t b, const int64_t kv_head, const int64_t j,
                         const int64_t c) {
    const double stored = ck_load(x->dtype, ck_key_row(p, x, b, kv_head, j), c);
    if (x->dtype != CK_I8) return stored;
    if (s->kind == CK_SCALES_BY_KEY)
        return stored * (double)*(const float *)ck_key_row(p, &s->values, b, kv_head, j);
    return stored * (double)((const float *)ck_row(&s->values, b, kv_head, 0))[c];
}

static double score_of(const ck_attention_problem *const p, const int64_t b, const int64_t h, const int64_t i,
                       const int64_t j) {
    const void *const q = ck_row(&p->q, b, h, i);
    const int64_t kv_head = h / (p->heads / p->kv_heads);
    double dot = 0, q_norm = 0, k_norm = 0;
    for (int64_t c = 0; c < p->head_dim; ++c) {
        const double x = ck_load(p->q.dtype, q, c), y = element_of(p, &p->k, &p->k_scales, b, kv_head, j, c);
        dot += x * y;
        q_norm += x * x;
        k_norm += y * y;
    }
    if (p->scores.normalize_qk) dot /= fmax(sqrt(q_norm), 1e-12) * fmax(sqrt(k_norm), 1e-12);
    double score = (double)p->scale * head_value(&p->scores.head_scales, h, 1) * dot;
    const double cap = p->scores.softcap;
    if (cap > 0) score = cap * tanh(score / cap);
    if (p->scores.function) {
        // A caller's function takes and gives floats.
        float given = (float)score;
        const ck_score_tile tile = {&given, 1, 1, i, 1, j, 1, b, h};
        p->scores.function(&tile, p->scores.context);
        if (given == -INFINITY) return -INFINITY;
        score = (double)given;
    }
    const double distance = (double)distance_of(p, b, i, j);
    return score - head_value(&p->scores.alibi_slopes, h, 0) * fabs(distance) + bias_of(p, b, h, i, j);
}

ck_status ck_oracle_attention_row(const ck_attention_problem *const p, const int64_t b, const int64_t h,
                                  const int64_t i, double *const o, double *const lse, double *const weights,
                                  ck_diagnosis *const diagnosis) {
    ck_diagnosis unused;
    const ck_status status = check(p, diagnosis ? diagnosis : &unused);
    if (status != CK_OK) return status;
    const int64_t kv_head = h / (p->heads / p->kv_heads);
    const double sink = is_padding(p, b, i) ? -INFINITY : head_value(&p->scores.sinks, h, -INFINITY);
    double largest = sink;
    for (int64_t j = 0; j < p->seqlen_k; ++j) {
        weights[j] = -INFINITY;
        if (!sees(p, b, h, i, j) || bias_of(p, b, h, i, j) == -INFINITY) continue;
        weights[j] = score_of(p, b, h, i, j);
        if (weights[j] > largest || isnan(weights[j])) largest = weights[j];
    }
    double sum = sink == -INFINITY ? 0 : exp(sink - largest);
    for (int64_t c = 0; o && c < p->value_dim; ++c) o[c] = 0;
    for (int64_t j = 0; j < p->seqlen_k; ++j) {
        const bool visible = weights[j] != -INFINITY;
        weights[j] = visible ? exp(weights[j] - largest) : 0;
        sum += weights[j];
        for (int64_t c = 0; visible && o && c < p->value_dim; ++c)
            o[c] += weights[j] * element_of(p, &p->v, &p->v_scales, b, kv_head, j, c);
    }
    if (lse) *lse = largest == -INFINITY ? largest : largest + log(sum);
    if (largest == -INFINITY) return CK_OK;
    for (int64_t c = 0; o && c < p->value_dim; ++c) o[c] /= sum;
    for (int64_t j = 0; j < p->seqlen_k; ++j) weights[j] /= sum;
    return CK_OK;
}

static double activated(const ck_activation activation, const double y) {
    if (y == -INFINITY && activation != CK_ACTIVATION_NONE) return -0.0;  // the limit, not -inf * 0
    switch (activation) {
        case CK_ACTIVATION_NONE: return y;
        case CK_ACTIVATION_RELU: return y < 0 ? 0 : y;
        case CK_ACTIVATION_GELU: return y * erfc(-y * sqrt(0.5)) / 2;
        case CK_ACTIVATION_GELU_TANH: {
            // y (1 + tanh u) / 2 = y / (1 + exp(-2u)), without the cancellation at large -u.
            const double u = 0.79788456080286536 * (y + 0.044715 * y * y * y);
            return y / (1 + exp(-2 * u));
        }
        case CK_ACTIVATION_SILU: return y / (1 + exp(-y));
    }
    return y;
}

// An element of C; an int32 may not fit a float.
static double old_value(const ck_matrix *const c, const void *const base, const int64_t i, const int64_t j) {
    if (c->dtype == CK_I32) return ((const int32_t *)base)[i * c->row_stride + j * c->column_stride];
    return ck_matrix_value(c, base, i, j);
}

ck_status ck_oracle_gemm_row(const ck_gemm_problem *const p, const int64_t n, const int64_t i,
                             double *const c, double *const magnitude, ck_diagnosis *const diagnosis) {
    ck_diagnosis unused;
    const ck_status status = ck_gemm_validate(CK_NAIVE, p, CK_CHECK_LAYOUT, diagnosis ? diagnosis : &unused);
    if (status != CK_OK) return status;
    const ck_epilogue *const e = &p->epilogue;
    const void *const a = ck_matrix_at(&p->a, n), *const b = ck_matrix_at(&p->b, n);
    const void *const old = p->beta == 0 ? NULL : ck_matrix_at(&p->c, n);
    const void *const residual = ck_matrix_at(&e->residual, n);
    for (int64_t j = 0; j < p->n; ++j) {
        double sum = 0, size = 0, factor = p->alpha;
        for (int64_t k = 0; p->alpha != 0 && k < p->k; ++k) {
            const double product =
                (double)ck_matrix_value(&p->a, a, i, k) *
                (p->packed_b ? ck_packed_at(p->packed_b, k, j) : ck_matrix_value(&p->b, b, k, j));
            sum += product;
            size += fabs(product);
        }
        if (e->row_scale.data) factor *= e->row_scale.data[i];
        if (e->column_scale.data) factor *= e->column_scale.data[j];
        const double kept = old ? (double)p->beta * old_value(&p->c, old, i, j) : 0;
        const double bias = e->bias.data ? e->bias.data[j] : 0;
        const double added = residual ? ck_matrix_value(&e->residual, residual, i, j) : 0;
        c[j] = activated(e->activation, factor * sum + kept + bias) + added;
        if (magnitude) magnitude[j] = fabs(factor) * size + fabs(kept) + fabs(bias) + fabs(added);
    }
    return CK_OK;
}
