// The specification: attention in three plain passes with the scores materialised, and the triple loop
// of a GEMM. f32, no SIMD, no blocking, libm's expf; parallel over heads or rows only. 16-bit inputs are
// widened where they are read, and O is rounded once. The other kernels are compared with this, and this
// with the oracle.
#include "reference.h"

#include <math.h>

#include "attention.h"
#include "gemm_packed.h"
#include "kv_cache.h"
#include "parallel.h"
#include "problem.h"

// --- Attention: one task is one (batch, head) -------------------------------------------------

typedef struct {
    const ck_attention_problem *problem;
    float *scores;  // [threads][seqlen_q][seqlen_k]
    float *sums;    // [threads][value_dim]
    // [threads][head_dim] and [threads][the wider of K and V]; null where all that is read is f32
    float *query, *key;
} naive_run;

// A row in f32: where it lies, or widened into `scratch`. One look at the type a row, not one an element.
static const float *f32_row(const ck_dtype dtype, const void *const row, const int64_t columns,
                            float *const scratch) {
    if (dtype == CK_F32) return row;
    for (int64_t c = 0; c < columns; ++c) scratch[c] = ck_load(dtype, row, c);
    return scratch;
}

// The same of a key of K or V, which may be of 8 bits.
static const float *key_row(const ck_attention_problem *const p, const ck_operand *const x, const int64_t b,
                            const int64_t kv_head, const int64_t key, const int64_t columns,
                            float *const scratch) {
    const float *const row = f32_row(x->dtype, ck_key_row(p, x, b, kv_head, key), columns, scratch);
    if (x->dtype == CK_I8) ck_scale_rows(p, x, b, kv_head, key, key + 1, columns, scratch);
    return row;
}

// Masked slots hold -0 in the weights: they add nothing, and pass 3 leaves their V alone.
#define MASKED_WEIGHT (-0.0f)

// Besides position: segments, block mask, mask, bias.
static bool is_visible(const ck_attention_problem *const p, const int64_t b, const int64_t h, const int64_t i,
                       const int64_t j) {
    const int32_t *const q_ids = ck_segments_at(&p->q_segments, b);
    const int32_t *const k_ids = ck_segments_at(&p->k_segments, b);
    if (q_ids && q_ids[i] != k_ids[j]) return false;
    const uint8_t *const blocks = p->block_mask.blocks.data;
    if (ck_has_block_mask(p) && blocks[ck_block_index(&p->block_mask, b, h, i, j)] == 0) return false;
    if (p->mask_kind != CK_MASK_NONE) {
        const uint8_t *const mask = p->mask.data;
        const bool set = mask[ck_score_index(&p->mask, b, h, i) + j * p->mask.column_stride] != 0;
        if (set != (p->mask_kind == CK_MASK_KEEP)) return false;
    }
    return !p->bias.data || ck_bias_at(p, b, h, i, j) != -INFINITY;
}

static float inverse_norm(const float *const row, const int64_t d) {
    float sum = 0;
    for (int64_t c = 0; c < d; ++c) sum += row[c] * row[c];
    return 1.0f / fmaxf(sqrtf(sum), 1e-12f);
}

// The score of one visible key, in the order that CKernels.h gives.
static float score_of(const ck_attention_problem *const p, const float *const q, const float *const k,
                      const int64_t b, const int64_t h, const int64_t i, const int64_t j) {
    const ck_score_options *const x = &p->scores;
    float dot = 0;
    for (int64_t c = 0; c < p->head_dim; ++c) dot += q[c] * k[c];
    if (x->normalize_qk) dot *= inverse_norm(q, p->head_dim) * inverse_norm(k, p->head_dim);
    float score = p->scale * dot * ck_head_value(&x->head_scales, h, 1);
    if (x->softcap > 0) score = x->softcap * tanhf(score / x->softcap);
    if (x->function) {
        const ck_score_tile tile = {.scores = &score,
                                    .query_stride = 1,
                                    .key_stride = 1,
                                    .first_query = i,
                                    .queries = 1,
                                    .first_key = j,
                                    .keys = 1,
                                    .batch = b,
                                    .head = h};
        x->function(&tile, x->context);
        if (score == -INFINITY) return score;
    }
    if (x->alibi_slopes.count != 0) {
        const int64_t distance = i + ck_position_offset(p, b) - j;
        score -= ck_head_value(&x->alibi_slopes, h, 0) * (float)(distance < 0 ? -distance : distance);
    }
    return p->bias.data ? score + ck_bias_at(p, b, h, i, j) : score;
}

// Pass 1: S, -inf where masked.
static void compute_scores(const naive_run *const run, const int64_t b, const int64_t h, const int32_t worker,
                           float *const scores) {
    const ck_attention_problem *const p = run->problem;
    float *const query = run->query ? run->query + worker * p->head_dim : NULL;
    float *const key = run->key ? run->key + worker * ck_max(p->head_dim, p->value_dim) : NULL;
    const int64_t kv_head = h / (p->heads / p->kv_heads);
    const ck_key_rule rule = ck_key_rule_of(p, b);
    for (int64_t i = 0; i < p->seqlen_q; ++i) {
        const ck_key_interval seen = ck_keys_seen(&rule, i);
        const float *const q = f32_row(p->q.dtype, ck_row(&p->q, b, h, i), p->head_dim, query);
        for (int64_t j = 0; j < p->seqlen_k; ++j) {
            float *const score = &scores[i * p->seqlen_k + j];
            *score = -INFINITY;
            if (j < seen.low || j >= seen.high || !is_visible(p, b, h, i, j)) continue;
            const float *const k = key_row(p, &p->k, b, kv_head, j, p->head_dim, key);
            *score = score_of(p, q, k, b, h, i, j);
        }
    }
}

// Pass 2: P = exp(S - max) / sum, row by row in place, and lse = max + ln(sum); the sum takes in the sink.
static void compute_softmax(const ck_attention_problem *const p, const int64_t b, const int64_t h,
                            float *const scores) {
    for (int64_t i = 0; i < p->seqlen_q; ++i) {
        float *const row = &scores[i * p->seqlen_k];
        const bool is_padding = i >= ck_query_count(p, b);
        const float sink = is_padding ? -INFINITY : ck_head_value(&p->scores.sinks, h, -INFINITY);
        float largest = sink;
        for (int64_t j = 0; j < p->seqlen_k; ++j)
            if (row[j] > largest || row[j] != row[j]) largest = row[j];
        float sum = sink == -INFINITY ? 0 : expf(sink - largest);
        for (int64_t j = 0; j < p->seqlen_k; ++j) {
            row[j] = row[j] == -INFINITY ? MASKED_WEIGHT : expf(row[j] - largest);
            sum += row[j];
        }
        for (int64_t j = 0; sum != 0 && j < p->seqlen_k; ++j) row[j] /= sum;
        if (p->lse.data) *ck_at(&p->lse, b, h, i) = largest == -INFINITY ? largest : largest + logf(sum);
        for (int64_t j = 0; p->weights.data && j < p->seqlen_k; ++j)
            ck_at(&p->weights, b, h, i)[j] = row[j] == 0 ? 0 : row[j];
    }
}

// Pass 3: O = P V over the visible keys.
static void compute_values(const naive_run *const run, const int64_t b, const int64_t h, const int32_t worker,
                           const float *const weights) {
    const ck_attention_problem *const p = run->problem;
    const int64_t kv_head = h / (p->heads / p->kv_heads);
    float *const sums = run->sums + worker * p->value_dim;
    float *const value = run->key ? run->key + worker * ck_max(p->head_dim, p->value_dim) : NULL;
    for (int64_t i = 0; i < p->seqlen_q; ++i) {
        for (int64_t c = 0; c < p->value_dim; ++c) sums[c] = 0;
        for (int64_t j = 0; j < p->seqlen_k; ++j) {
            const float weight = weights[i * p->seqlen_k + j];
            if (weight == 0 && signbit(weight)) continue;
            const float *const v = key_row(p, &p->v, b, kv_head, j, p->value_dim, value);
            for (int64_t c = 0; c < p->value_dim; ++c) sums[c] += weight * v[c];
        }
        void *const o = ck_row(&p->o, b, h, i);
        for (int64_t c = 0; c < p->value_dim; ++c) ck_store(p->o.dtype, o, c, sums[c]);
    }
}

static void naive_head(void *const context, const int64_t index, const int32_t worker) {
    const naive_run *const run = context;
    const ck_attention_problem *const p = run->problem;
    const int64_t b = index / p->heads, h = index % p->heads;
    float *const scores = run->scores + worker * p->seqlen_q * p->seqlen_k;
    compute_scores(run, b, h, worker, scores);
    compute_softmax(p, b, h, scores);
    compute_values(run, b, h, worker, scores);
}

static int32_t naive_threads(const ck_attention_call *const call) {
    return (int32_t)ck_min(call->threads, call->problem->batch * call->problem->heads);
}

static naive_run layout(const ck_attention_call *const call, ck_arena *const arena) {
    const ck_attention_problem *const p = call->problem;
    int64_t floats;
    if (__builtin_mul_overflow(p->seqlen_q * p->seqlen_k, (int64_t)naive_threads(call), &floats)) floats = -1;
    const int32_t threads = naive_threads(call);
    naive_run run = {.problem = p,
                     .scores = ck_arena_take(arena, floats, sizeof(float)),
                     .sums = ck_arena_take(arena, p->value_dim * threads, sizeof(float))};
    if (p->q.dtype != CK_F32) run.query = ck_arena_take(arena, p->head_dim * threads, sizeof(float));
    if (p->k.dtype != CK_F32 || p->v.dtype != CK_F32)
        run.key = ck_arena_take(arena, ck_max(p->head_dim, p->value_dim) * threads, sizeof(float));
    return run;
}

void ck_attention_naive_measure(const ck_attention_call *const call, ck_arena *const arena) {
    layout(call, arena);
}

void ck_attention_naive_run(const ck_attention_call *const call, ck_arena *const arena) {
    naive_run run = layout(call, arena);
    ck_parallel_for(call->problem->batch * call->problem->heads, naive_threads(call), naive_head, &run);
}

// --- GEMM: one task is one row of C -------------------------------------------------------------

static float activated(const ck_activation activation, const float y) {
    if (y == -INFINITY && activation != CK_ACTIVATION_NONE) return -0.0f;  // the limit, not -inf * 0
    switch (activation) {
        case CK_ACTIVATION_NONE: return y;
        case CK_ACTIVATION_RELU: return y < 0 ? 0 : y;
        case CK_ACTIVATION_GELU: return y * (erfcf(y * -0.70710678f) * 0.5f);
        // y (1 + tanh u) / 2 = y / (1 + e^-2u), without the cancellation at large -u.
        case CK_ACTIVATION_GELU_TANH: return y / (1 + expf(-1.5957691f * (y + 0.044715f * y * y * y)));
        case CK_ACTIVATION_SILU: return y / (1 + expf(-y));
    }
    return y;
}

typedef struct {
    float value;
    uint32_t integer;  // modulo 2^32, of int8 only
} naive_sum;

// CK_ARITHMETIC_INT16 by its definition, one block of 32 k after the other.
static float naive_scaled_dot(const ck_gemm_problem *const p, const int64_t n, const int64_t i,
                              const int64_t j) {
    const void *const a = ck_matrix_at(&p->a, n);
    const ck_dtype dtype = p->b.dtype;
    float total = 0;
    for (int64_t first = 0; p->alpha != 0 && first < p->k; first += CK_QUANT_BLOCK) {
        unsigned char block[CK_QUANT_BYTES_MAX];
        if (p->packed_b)
            ck_packed_block_at(p->packed_b, first, j, block);
        else
            memcpy(block,
                   ck_element_at(ck_matrix_at(&p->b, n), dtype,
                                 first / CK_QUANT_BLOCK * p->b.row_stride + j * p->b.column_stride),
                   (size_t)ck_element_bytes(dtype));
        float size = 0;
        bool finite = true;
        for (int64_t k = 0; k < CK_QUANT_BLOCK; ++k) {
            const float x = fabsf(ck_matrix_value(&p->a, a, i, first + k));
            finite = finite && x < INFINITY;
            size = x > size ? x : size;
        }
        const bool tiny = size < CK_SCALED_SMALLEST;
        const float scale = !finite ? NAN : tiny ? 0 : size / CK_SCALED_LARGEST;
        int32_t sum = 0, products = 0;
        for (int64_t k = 0; finite && !tiny && k < CK_QUANT_BLOCK; ++k) {
            const float x = ck_matrix_value(&p->a, a, i, first + k);
            const int32_t integer = (int32_t)rintf(x * (CK_SCALED_LARGEST / size));
            sum += integer;
            products += integer * ck_quant_integer(dtype, block, k);
        }
        if (dtype == CK_Q4_1) total += scale * (float)sum * ck_load(CK_F16, block, 1);
        total += (float)products * (scale * ck_load(CK_F16, block, 0));
    }
    return total;
}

static naive_sum naive_dot(const ck_gemm_problem *const p, const int64_t n, const int64_t i,
                           const int64_t j) {
    const void *const a = ck_matrix_at(&p->a, n), *const b = ck_matrix_at(&p->b, n);
    if (p->arithmetic == CK_ARITHMETIC_INT16) return (naive_sum){.value = naive_scaled_dot(p, n, i, j)};
    naive_sum sum = {0};
    for (int64_t k = 0; p->alpha != 0 && k < p->k; ++k) {
        const float product =
            ck_matrix_value(&p->a, a, i, k) *
            (p->packed_b ? ck_packed_at(p->packed_b, k, j) : ck_matrix_value(&p->b, b, k, j));
        if (p->a.dtype == CK_I8)
            sum.integer += (uint32_t)(int32_t)product;
        else
            sum.value += product;
    }
    if (p->a.dtype == CK_I8) sum.value = (float)(int32_t)sum.integer;
    return sum;
}

static void naive_row(void *const context, const int64_t index, const int32_t worker) {
    (void)worker;
    const ck_gemm_problem *const p = context;
    const ck_epilogue *const e = &p->epilogue;
    const int64_t n = index / p->m, i = index % p->m;
    const void *const residual = ck_matrix_at(&e->residual, n);
    void *const c = ck_matrix_at(&p->c, n);
    for (int64_t j = 0; j < p->n; ++j) {
        const naive_sum sum = naive_dot(p, n, i, j);
        const int64_t target = i * p->c.row_stride + j * p->c.column_stride;
        if (p->c.dtype == CK_I32) {
            uint32_t *const integers = c;
            integers[target] = sum.integer + (p->beta != 0 ? integers[target] : 0);
            continue;
        }
        float y = p->alpha * sum.value;
        if (e->row_scale.data) y *= e->row_scale.data[i];
        if (e->column_scale.data) y *= e->column_scale.data[j];
        if (p->beta != 0) y += p->beta * ck_load(p->c.dtype, c, target);
        if (e->bias.data) y += e->bias.data[j];
        y = activated(e->activation, y);
        if (residual) y += ck_matrix_value(&e->residual, residual, i, j);
        ck_store(p->c.dtype, c, target, y);
    }
}

void ck_gemm_naive(const ck_gemm_problem *const problem, const int32_t threads) {
    ck_gemm_problem context = *problem;
    ck_parallel_for(problem->batch * problem->m, threads, naive_row, &context);
}
