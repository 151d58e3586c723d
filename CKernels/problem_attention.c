// Validation of attention: the only place that says no to a forward call, a merge of states or maps. A
// problem that passes here cannot make a kernel read or write outside its operands, overflow an index, or
// write one element twice.
#include <math.h>

#include "attention_maps.h"
#include "layout.h"
#include "numerics.h"

static layout operand_layout(const ck_argument argument, const ck_operand *const x, const int64_t batch,
                             const int64_t heads, const int64_t rows, const int64_t columns,
                             const bool is_output) {
    return (layout){.argument = argument,
                    .data = x->data,
                    .count = x->count,
                    .offset = x->offset,
                    .sizes = {batch, heads, rows, columns},
                    .strides = {x->batch_stride, x->head_stride, x->row_stride, 1},
                    .dtype = x->dtype,
                    .types = argument != CK_ARG_LSE && argument != CK_ARG_WEIGHTS ? TYPES_FLOAT : TYPES_F32,
                    .element_bytes = (size_t)ck_element_bytes(x->dtype),
                    .is_output = is_output};
}

static layout score_layout(const ck_argument argument, const ck_score_operand *const x,
                           const ck_attention_problem *const p, const size_t element_bytes) {
    return (layout){.argument = argument,
                    .data = x->data,
                    .count = x->count,
                    .offset = x->offset,
                    .sizes = {p->batch, p->heads, p->seqlen_q, p->seqlen_k},
                    .strides = {x->batch_stride, x->head_stride, x->row_stride, x->column_stride},
                    .element_bytes = element_bytes,
                    .is_score = true};
}

static layout bias_layout(const ck_attention_problem *const p) {
    layout bias = score_layout(CK_ARG_BIAS, &p->bias, p, (size_t)ck_element_bytes(p->bias_dtype));
    bias.dtype = p->bias_dtype;
    bias.types = TYPES_FLOAT;
    return bias;
}

static layout segment_layout(const ck_argument argument, const ck_segment_ids *const x, const int64_t batch,
                             const int64_t length) {
    return (layout){.argument = argument,
                    .data = x->data,
                    .count = x->count,
                    .sizes = {1, 1, batch, length},
                    .strides = {0, 0, x->batch_stride, 1},
                    .element_bytes = sizeof(int32_t),
                    .is_score = true};
}

// Lengths are needed to plan, so they are read in either kind of check.
static ck_status check_lengths(const ck_argument argument, const ck_status status, const ck_lengths *const x,
                               const int64_t batch, const int64_t largest, ck_diagnosis *const diagnosis) {
    if (!is_given(x->data, x->count)) return CK_OK;
    if (x->count != batch) return report(diagnosis, CK_SHORT_SPAN, argument, -1, x->count, batch);
    if (!x->data && batch > 0) return report(diagnosis, CK_NULL_POINTER, argument, -1, 0, batch);
    for (int64_t b = 0; b < batch; ++b)
        if (x->data[b] < 0 || x->data[b] > largest)
            return report(diagnosis, status, argument, (int32_t)b, x->data[b], largest);
    return CK_OK;
}

static ck_status check_head_values(const ck_argument argument, const ck_head_values *const x,
                                   const int64_t heads, const bool may_be_minus_infinity,
                                   const ck_check check, ck_diagnosis *const diagnosis) {
    if (!is_given(x->data, x->count) || heads == 0) return CK_OK;
    if (x->count != 1 && x->count != heads)
        return report(diagnosis, CK_SHORT_SPAN, argument, -1, x->count, heads);
    if (!x->data && check == CK_CHECK_LAYOUT) return CK_OK;
    if (!x->data) return report(diagnosis, CK_NULL_POINTER, argument, -1, 0, heads);
    for (int64_t h = 0; h < x->count; ++h)
        if (!isfinite(x->data[h]) && !(may_be_minus_infinity && x->data[h] == -INFINITY))
            return report(diagnosis, CK_NOT_FINITE, argument, (int32_t)h, 0, 0);
    return CK_OK;
}

static ck_status check_visibility(const ck_attention_problem *const p, ck_diagnosis *const diagnosis) {
    const ck_window *const w = &p->window;
    const ck_block_mask *const blocks = &p->block_mask;
    if (w->bounds_left && w->left < 0)
        return report(diagnosis, CK_NEGATIVE_SIZE, CK_ARG_WINDOW_LEFT, -1, w->left, 0);
    if (w->bounds_right && w->right < 0)
        return report(diagnosis, CK_NEGATIVE_SIZE, CK_ARG_WINDOW_RIGHT, -1, w->right, 0);
    const int64_t smaller_block = ck_min(blocks->query_block, blocks->key_block);
    if (smaller_block < 0 || (smaller_block == 0 && blocks->query_block != blocks->key_block))
        return report(diagnosis, CK_BAD_VALUE, CK_ARG_BLOCK_MASK, -1, smaller_block, 1);
    const ck_lengths keys = {p->kv_lengths, p->kv_lengths_count};
    ck_status status =
        check_lengths(CK_ARG_KV_LENGTHS, CK_BAD_KEY_LENGTH, &keys, p->batch, p->seqlen_k, diagnosis);
    if (status == CK_OK)
        status = check_lengths(CK_ARG_QUERY_LENGTHS, CK_BAD_LENGTH, &p->query_lengths, p->batch, p->seqlen_q,
                               diagnosis);
    if (status == CK_OK)
        status =
            check_lengths(CK_ARG_KV_STARTS, CK_BAD_LENGTH, &p->kv_starts, p->batch, p->seqlen_k, diagnosis);
    for (int64_t b = 0; status == CK_OK && p->kv_starts.data && b < p->batch; ++b)
        if (p->kv_starts.data[b] > ck_key_count(p, b))
            return report(diagnosis, CK_BAD_LENGTH, CK_ARG_KV_STARTS, (int32_t)b, p->kv_starts.data[b],
                          ck_key_count(p, b));
    if (status == CK_OK)
        status = check_lengths(CK_ARG_PREFIX_LENGTHS, CK_BAD_LENGTH, &p->prefix_lengths, p->batch,
                               p->seqlen_k, diagnosis);
    return status;
}

// ALiBi's distances are int32: positions and keys stay within 2^30.
#define MAX_POSITION ((int64_t)1 << 30)

static ck_status check_alibi(const ck_attention_problem *const p, ck_diagnosis *const diagnosis) {
    if (p->scores.alibi_slopes.count == 0) return CK_OK;
    const int64_t longest = ck_max(p->seqlen_q, p->seqlen_k);
    if (longest > MAX_POSITION)
        return report(diagnosis, CK_SIZE_OVERFLOW, CK_ARG_ALIBI_SLOPES, -1, longest, MAX_POSITION);
    if (p->query_offset > MAX_POSITION || p->query_offset < -MAX_POSITION)
        return report(diagnosis, CK_BAD_VALUE, CK_ARG_QUERY_OFFSET, -1, p->query_offset, MAX_POSITION);
    return CK_OK;
}

static ck_status check_scores(const ck_attention_problem *const p, const ck_check check,
                              ck_diagnosis *const diagnosis) {
    const ck_score_options *const x = &p->scores;
    if (!isfinite(p->scale)) return report(diagnosis, CK_NOT_FINITE, CK_ARG_SCALE, -1, 0, 0);
    if (!isfinite(x->softcap)) return report(diagnosis, CK_NOT_FINITE, CK_ARG_SOFTCAP, -1, 0, 0);
    if (x->softcap < 0) return report(diagnosis, CK_BAD_VALUE, CK_ARG_SOFTCAP, -1, -1, 0);
    ck_status status =
        check_head_values(CK_ARG_HEAD_SCALES, &x->head_scales, p->heads, false, check, diagnosis);
    if (status == CK_OK)
        status = check_head_values(CK_ARG_ALIBI_SLOPES, &x->alibi_slopes, p->heads, false, check, diagnosis);
    if (status == CK_OK)
        status = check_head_values(CK_ARG_SINKS, &x->sinks, p->heads, true, check, diagnosis);
    if (status == CK_OK) status = check_alibi(p, diagnosis);
    return status;
}

static ck_status check_attention_values(const ck_kernel kernel, const ck_attention_problem *const p,
                                        const ck_check check, ck_diagnosis *const diagnosis) {
    if ((uint32_t)kernel > CK_FUSED)
        return report(diagnosis, CK_BAD_VALUE, CK_ARG_KERNEL, -1, kernel, CK_FUSED);
    if ((uint32_t)p->causal > CK_CAUSAL_OFFSET)
        return report(diagnosis, CK_BAD_VALUE, CK_ARG_CAUSAL, -1, p->causal, CK_CAUSAL_OFFSET);
    if ((uint32_t)p->alignment > CK_CAUSAL_OFFSET)
        return report(diagnosis, CK_BAD_VALUE, CK_ARG_ALIGNMENT, -1, p->alignment, CK_CAUSAL_OFFSET);
    if ((uint32_t)p->mask_kind > CK_MASK_DROP)
        return report(diagnosis, CK_BAD_VALUE, CK_ARG_MASK, -1, p->mask_kind, CK_MASK_DROP);
    if (p->kv_heads == 0 ? p->heads != 0 : p->heads % p->kv_heads != 0)
        return report(diagnosis, CK_HEADS_NOT_MULTIPLE, CK_ARG_HEADS, -1, p->heads, p->kv_heads);
    const ck_status status = check_scores(p, check, diagnosis);
    return status == CK_OK ? check_visibility(p, diagnosis) : status;
}

// Mask, bias, segment ids and block mask; returns how many layouts were added.
static int score_layouts(const ck_attention_problem *const p, layout *const layouts) {
    int count = 0;
    if (p->mask_kind != CK_MASK_NONE) layouts[count++] = score_layout(CK_ARG_MASK, &p->mask, p, 1);
    if (is_given(p->bias.data, p->bias.count)) layouts[count++] = bias_layout(p);
    if (is_given(p->q_segments.data, p->q_segments.count) ||
        is_given(p->k_segments.data, p->k_segments.count)) {
        layouts[count++] = segment_layout(CK_ARG_QUERY_SEGMENTS, &p->q_segments, p->batch, p->seqlen_q);
        layouts[count++] = segment_layout(CK_ARG_KEY_SEGMENTS, &p->k_segments, p->batch, p->seqlen_k);
    }
    if (ck_has_block_mask(p)) {
        const ck_block_mask *const x = &p->block_mask;
        layout blocks = score_layout(CK_ARG_BLOCK_MASK, &x->blocks, p, 1);
        blocks.sizes[2] = p->seqlen_q / x->query_block + (p->seqlen_q % x->query_block != 0);
        blocks.sizes[3] = p->seqlen_k / x->key_block + (p->seqlen_k % x->key_block != 0);
        layouts[count++] = blocks;
    }
    return count;
}

// Pages that hold keys of sequence `batch`.
static int64_t used_pages(const ck_attention_problem *const p, const int64_t batch) {
    return ck_ceil_div(ck_key_count(p, batch), p->pages.page_keys);
}

static ck_status check_pages(const ck_attention_problem *const p, const ck_check check,
                             ck_diagnosis *const diagnosis) {
    const ck_kv_pages *const x = &p->pages;
    if (x->page_keys == 0 && x->pool_pages == 0 && x->table_pages == 0 && x->table_count == 0) return CK_OK;
    const int64_t sizes[] = {x->page_keys, x->pool_pages, x->table_pages, x->table_count};
    const ck_argument names[] = {CK_ARG_PAGES, CK_ARG_PAGES, CK_ARG_PAGES, CK_ARG_PAGES};
    const ck_status status = check_sizes(names, sizes, 4, diagnosis);
    if (status != CK_OK) return status;
    if (x->page_keys == 0) return report(diagnosis, CK_BAD_VALUE, CK_ARG_PAGES, -1, 0, 1);
    const int64_t needed = ck_ceil_div(p->seqlen_k, x->page_keys);
    if (x->table_pages < needed)
        return report(diagnosis, CK_BAD_PAGE, CK_ARG_PAGES, -1, x->table_pages, needed);
    const int64_t last_row = ck_max(p->batch - 1, 0);
    int64_t end;
    if (x->table_stride < 0) return report(diagnosis, CK_SMALL_STRIDE, CK_ARG_PAGES, 0, x->table_stride, 0);
    if (__builtin_mul_overflow(last_row, x->table_stride, &end) ||
        __builtin_add_overflow(end, x->table_pages, &end))
        return report(diagnosis, CK_SIZE_OVERFLOW, CK_ARG_PAGES, 0, x->table_stride, INT64_MAX);
    if (p->batch > 0 && end > x->table_count)
        return report(diagnosis, CK_SHORT_SPAN, CK_ARG_PAGES, -1, x->table_count, end);
    if (!x->table && (check == CK_CHECK_LAYOUT || end == 0)) return CK_OK;
    if (!x->table) return report(diagnosis, CK_NULL_POINTER, CK_ARG_PAGES, -1, 0, end);
    for (int64_t b = 0; b < p->batch; ++b)
        for (int64_t i = 0; i < used_pages(p, b); ++i) {
            const int64_t page = x->table[b * x->table_stride + i];
            if (page < 0 || page >= x->pool_pages)
                return report(diagnosis, CK_BAD_PAGE, CK_ARG_PAGES, (int32_t)b, page, x->pool_pages);
        }
    return CK_OK;
}

// The first page of a sequence that a query of the call sees a key in: those before may have been given to
// later keys.
static int64_t first_seen_page(const ck_attention_problem *const p, const int64_t batch) {
    const ck_key_rule rule = ck_key_rule_of(p, batch);
    const ck_key_interval seen = ck_keys_seen(&rule, 0);
    const bool none = p->seqlen_q == 0 || p->heads == 0;
    // Without queries, only what the call itself appends must stay.
    const int64_t first = ck_key_count(p, batch) - p->append.count;
    return (none ? first : ck_min(seen.low, first)) / p->pages.page_keys;
}

// Whether a page that rows are appended to stands in a table for other keys that are still seen.
static bool is_shared(const ck_attention_problem *const p, const int64_t batch, const int64_t place) {
    const ck_kv_pages *const x = &p->pages;
    const int32_t page = x->table[batch * x->table_stride + place];
    for (int64_t b = 0; b < p->batch; ++b)
        for (int64_t i = first_seen_page(p, b); i < used_pages(p, b); ++i)
            if (x->table[b * x->table_stride + i] == page && (b != batch || i != place)) return true;
    return false;
}

// Each sequence has room for the rows it is to take in, and no row is written where another one lies.
static ck_status check_append(const ck_attention_problem *const p, ck_diagnosis *const diagnosis) {
    const int64_t count = p->append.count;
    if (count == 0) return CK_OK;
    const ck_argument name[] = {CK_ARG_NEW_K};
    const ck_status status = check_sizes(name, &count, 1, diagnosis);
    if (status != CK_OK) return status;
    for (int64_t b = 0; b < p->batch; ++b) {
        const int64_t keys = ck_key_count(p, b);
        if (keys < count) return report(diagnosis, CK_BAD_KEY_LENGTH, CK_ARG_NEW_K, (int32_t)b, keys, count);
        if (p->pages.page_keys == 0 || !p->pages.table) continue;
        for (int64_t i = (keys - count) / p->pages.page_keys; i < used_pages(p, b); ++i)
            if (is_shared(p, b, i))
                return report(diagnosis, CK_SHARED_PAGE, CK_ARG_PAGES, (int32_t)b,
                              p->pages.table[b * p->pages.table_stride + i], 1);
    }
    return CK_OK;
}

// K or V: sequences, or a pool of pages; written to if rows are appended.
static layout key_layout(const ck_argument argument, const ck_operand *const x,
                         const ck_attention_problem *const p, const int64_t columns) {
    const bool paged = p->pages.page_keys > 0;
    layout keys = operand_layout(argument, x, paged ? p->pages.pool_pages : p->batch, p->kv_heads,
                                 paged ? p->pages.page_keys : p->seqlen_k, columns, p->append.count > 0);
    keys.types = TYPES_CACHE;
    return keys;
}

static ck_status check_scales(const ck_argument argument, const ck_operand *const x,
                              const ck_kv_scales *const scales, ck_diagnosis *const diagnosis) {
    if (x->dtype != CK_I8 && is_given(scales->values.data, scales->values.count))
        return report(diagnosis, CK_BAD_VALUE, argument, -1, x->dtype, CK_I8);
    if ((uint32_t)scales->kind > CK_SCALES_BY_COLUMN)
        return report(diagnosis, CK_BAD_VALUE, argument, -1, scales->kind, CK_SCALES_BY_COLUMN);
    return CK_OK;
}

static ck_status check_quantised(const ck_attention_problem *const p, ck_diagnosis *const diagnosis) {
    ck_status status = check_scales(CK_ARG_K_SCALES, &p->k, &p->k_scales, diagnosis);
    if (status == CK_OK) status = check_scales(CK_ARG_V_SCALES, &p->v, &p->v_scales, diagnosis);
    if (status == CK_OK && p->k.dtype == CK_I8 && p->head_dim > CK_QUANTISED_DIM_MAX)
        return report(diagnosis, CK_BAD_VALUE, CK_ARG_HEAD_DIM, -1, p->head_dim, CK_QUANTISED_DIM_MAX);
    // Norms are taken of what lies in memory.
    if (status == CK_OK && p->k.dtype == CK_I8 && p->scores.normalize_qk)
        return report(diagnosis, CK_BAD_DTYPE, CK_ARG_K, -1, CK_I8, CK_F16);
    return status;
}

// The scales of K or V of 8 bits; returns how many layouts were added.
static int scale_layout(const ck_argument argument, const ck_operand *const x,
                        const ck_kv_scales *const scales, const ck_attention_problem *const p,
                        const int64_t columns, layout *const target) {
    if (x->dtype != CK_I8) return 0;
    if (scales->kind == CK_SCALES_BY_KEY)
        *target = key_layout(argument, &scales->values, p, 1);
    else
        *target = operand_layout(argument, &scales->values, p->batch, p->kv_heads, 1, columns, false);
    target->types = TYPES_F32;
    return 1;
}

// All but the layouts.
static ck_status check_attention(const ck_kernel kernel, const ck_attention_problem *const p,
                                 const ck_check check, ck_diagnosis *const diagnosis) {
    const ck_argument names[] = {CK_ARG_BATCH,    CK_ARG_HEADS,    CK_ARG_KV_HEADS, CK_ARG_SEQLEN_Q,
                                 CK_ARG_SEQLEN_K, CK_ARG_HEAD_DIM, CK_ARG_VALUE_DIM};
    const int64_t sizes[] = {p->batch,    p->heads,    p->kv_heads, p->seqlen_q,
                             p->seqlen_k, p->head_dim, p->value_dim};
    ck_status status = check_sizes(names, sizes, 7, diagnosis);
    if (status == CK_OK) status = check_attention_values(kernel, p, check, diagnosis);
    const int64_t query_sizes[] = {p->batch, p->heads, p->seqlen_q, ck_max(p->head_dim, p->value_dim)};
    const int64_t key_sizes[] = {p->batch, p->heads, p->seqlen_k, ck_max(p->head_dim, p->value_dim)};
    const int64_t score_sizes[] = {p->seqlen_q, p->seqlen_k};
    if (status == CK_OK) status = check_products(query_sizes, 4, CK_ARG_SEQLEN_Q, diagnosis);
    if (status == CK_OK) status = check_products(key_sizes, 4, CK_ARG_SEQLEN_K, diagnosis);
    if (status == CK_OK) status = check_products(score_sizes, 2, CK_ARG_SEQLEN_K, diagnosis);
    if (status == CK_OK) status = check_pages(p, check, diagnosis);
    if (status == CK_OK) status = check_quantised(p, diagnosis);
    return status == CK_OK ? check_append(p, diagnosis) : status;
}

// At most INPUT_LAYOUTS; returns how many.
enum { INPUT_LAYOUTS = 12 };
static int input_layouts(const ck_attention_problem *const p, layout *const layouts) {
    int count = 0;
    layouts[count++] = operand_layout(CK_ARG_Q, &p->q, p->batch, p->heads, p->seqlen_q, p->head_dim, false);
    layouts[count++] = key_layout(CK_ARG_K, &p->k, p, p->head_dim);
    layouts[count++] = key_layout(CK_ARG_V, &p->v, p, p->value_dim);
    count += scale_layout(CK_ARG_K_SCALES, &p->k, &p->k_scales, p, p->head_dim, layouts + count);
    count += scale_layout(CK_ARG_V_SCALES, &p->v, &p->v_scales, p, p->value_dim, layouts + count);
    if (p->append.count > 0) {
        const ck_kv_append *const x = &p->append;
        layouts[count++] =
            operand_layout(CK_ARG_NEW_K, &x->k, p->batch, p->kv_heads, x->count, p->head_dim, false);
        layouts[count++] =
            operand_layout(CK_ARG_NEW_V, &x->v, p->batch, p->kv_heads, x->count, p->value_dim, false);
    }
    return count + score_layouts(p, layouts + count);
}

ck_status ck_attention_validate(const ck_kernel kernel, const ck_attention_problem *const p,
                                const ck_check check, ck_diagnosis *const diagnosis) {
    const ck_status status = check_attention(kernel, p, check, diagnosis);
    if (status != CK_OK) return status;
    layout layouts[INPUT_LAYOUTS + 3];
    int count = input_layouts(p, layouts);
    layouts[count++] = operand_layout(CK_ARG_O, &p->o, p->batch, p->heads, p->seqlen_q, p->value_dim, true);
    if (is_given(p->lse.data, p->lse.count))
        layouts[count++] = operand_layout(CK_ARG_LSE, &p->lse, p->batch, p->heads, p->seqlen_q, 1, true);
    if (is_given(p->weights.data, p->weights.count))
        layouts[count++] =
            operand_layout(CK_ARG_WEIGHTS, &p->weights, p->batch, p->heads, p->seqlen_q, p->seqlen_k, true);
    return check_layouts(layouts, count, check, diagnosis);
}

// Whether first ..< first + count lies inside 0 ..< length.
static ck_status check_range(const ck_argument argument, const int64_t first, const int64_t count,
                             const int64_t length, ck_diagnosis *const diagnosis) {
    if (first < 0 || first > length) return report(diagnosis, CK_BAD_VALUE, argument, 0, first, length);
    if (count < 0 || count > length - first)
        return report(diagnosis, CK_BAD_VALUE, argument, 1, count, length);
    return CK_OK;
}

static ck_status check_map_sizes(const ck_attention_problem *const p, const ck_attention_maps *const m,
                                 ck_diagnosis *const diagnosis) {
    ck_status status = check_range(CK_ARG_MAP_QUERIES, m->first_query, m->queries, p->seqlen_q, diagnosis);
    if (status == CK_OK) status = check_range(CK_ARG_MAP_KEYS, m->first_key, m->keys, p->seqlen_k, diagnosis);
    if (status != CK_OK) return status;
    const bool finds_top = ck_wants(&m->top_weights) || ck_wants(&m->top_keys);
    if (finds_top && (m->top_count < 1 || m->top_count > MAX_LENGTH))
        return report(diagnosis, CK_BAD_VALUE, CK_ARG_TOP_COUNT, -1, m->top_count, 1);
    const int64_t smaller = ck_min(m->pool_queries, m->pool_keys),
                  larger = ck_max(m->pool_queries, m->pool_keys);
    if (ck_wants(&m->pooled) && (smaller < 1 || larger > MAX_LENGTH))
        return report(diagnosis, CK_BAD_VALUE, CK_ARG_POOL, -1, smaller < 1 ? smaller : larger, 1);
    return CK_OK;
}

ck_status ck_maps_validate(const ck_attention_problem *const problem, const ck_attention_maps *const m,
                           const ck_check check, ck_diagnosis *const diagnosis) {
    ck_attention_problem p = *problem;
    p.v = p.o = p.lse = p.weights = (ck_operand){0};
    p.append = (ck_kv_append){0};
    p.v_scales = (ck_kv_scales){0};
    p.value_dim = 0;
    ck_status status = check_attention(CK_BLOCKED, &p, check, diagnosis);
    if (status == CK_OK) status = check_map_sizes(&p, m, diagnosis);
    if (status != CK_OK) return status;
    const int64_t heads = m->head_mean ? ck_min(p.heads, 1) : p.heads;
    const struct {
        ck_argument argument;
        const ck_operand *x;
        int64_t heads, rows, columns;
    } maps[] = {
        {CK_ARG_WEIGHTS, &m->weights, heads, m->queries, m->keys},
        {CK_ARG_COLUMN_MASS, &m->column_mass, heads, m->keys, 1},
        {CK_ARG_ENTROPY, &m->entropy, p.heads, m->queries, 1},
        {CK_ARG_TOP_WEIGHTS, &m->top_weights, p.heads, m->queries, m->top_count},
        {CK_ARG_TOP_KEYS, &m->top_keys, p.heads, m->queries, m->top_count},
        {CK_ARG_POOLED, &m->pooled, heads, ck_ceil_div(m->queries, ck_max(m->pool_queries, 1)),
         ck_ceil_div(m->keys, ck_max(m->pool_keys, 1))},
    };
    enum { MAPS = sizeof maps / sizeof maps[0] };
    layout layouts[INPUT_LAYOUTS + 1 + MAPS];
    int count = input_layouts(&p, layouts);
    layouts[count++] = operand_layout(CK_ARG_LSE, &problem->lse, p.batch, p.heads, p.seqlen_q, 1, false);
    for (int i = 0; i < MAPS; ++i) {
        if (!ck_wants(maps[i].x)) continue;
        layouts[count] = operand_layout(maps[i].argument, maps[i].x, p.batch, maps[i].heads, maps[i].rows,
                                        maps[i].columns, true);
        layouts[count++].types = maps[i].argument == CK_ARG_TOP_KEYS ? TYPES_I32 : TYPES_F32;
    }
    return check_layouts(layouts, count, check, diagnosis);
}

ck_status ck_merge_validate(const ck_merge_problem *const p, ck_diagnosis *const diagnosis) {
    const ck_argument names[] = {CK_ARG_BATCH, CK_ARG_HEADS, CK_ARG_SEQLEN_Q, CK_ARG_VALUE_DIM,
                                 CK_ARG_STATES};
    const int64_t sizes[] = {p->batch, p->heads, p->seqlen_q, p->value_dim, p->count};
    ck_status status = check_sizes(names, sizes, 5, diagnosis);
    if (status == CK_OK) status = check_products(sizes, 4, CK_ARG_SEQLEN_Q, diagnosis);
    if (status == CK_OK && !p->states && p->count > 0)
        return report(diagnosis, CK_NULL_POINTER, CK_ARG_STATES, -1, 0, p->count);
    for (int64_t s = -1; status == CK_OK && s < p->count; ++s) {
        layout layouts[4];
        int count = 0;
        layouts[count++] =
            operand_layout(CK_ARG_O, &p->o, p->batch, p->heads, p->seqlen_q, p->value_dim, true);
        if (is_given(p->lse.data, p->lse.count))
            layouts[count++] = operand_layout(CK_ARG_LSE, &p->lse, p->batch, p->heads, p->seqlen_q, 1, true);
        if (s >= 0) {
            const ck_attention_state *const x = &p->states[s];
            layouts[count++] =
                operand_layout(CK_ARG_STATE_O, &x->o, p->batch, p->heads, p->seqlen_q, p->value_dim, false);
            layouts[count++] =
                operand_layout(CK_ARG_STATE_LSE, &x->lse, p->batch, p->heads, p->seqlen_q, 1, false);
        }
        for (int i = 0; i < count; ++i) layouts[i].types = TYPES_F32;
        status = check_layouts(layouts, count, CK_CHECK_LAYOUT_AND_POINTERS, diagnosis);
        if (status != CK_OK && diagnosis->dimension < 0) diagnosis->dimension = (int32_t)s;
    }
    return status;
}
