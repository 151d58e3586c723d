// The only place that says no. A problem that passes here cannot make a kernel read or write outside
// its operands, overflow an index, or write one element twice. Called by every entry point.
#include "problem.h"

#include <math.h>

#include "dispatch.h"

// Lengths stay below 2^31 so that lanes can hold key positions as int32; their products may not.
#define MAX_LENGTH ((int64_t)INT32_MAX - 65536)

// An operand of any kind, as validation sees it: up to four axes, batch first, columns last.
typedef struct {
    ck_argument argument;
    const void *data;
    int64_t count, offset;
    int64_t sizes[4], strides[4];
    ck_dtype dtype;
    bool takes_16_bits;  // bf16 and f16 too, not only f32
    size_t element_bytes;
    bool is_output;
    bool is_score;                   // mask or bias: all strides free
    uintptr_t first_byte, end_byte;  // filled by check_layout; equal if the operand is empty
} layout;

static ck_status report(ck_diagnosis *const diagnosis, const ck_status status, const ck_argument argument,
                        const int32_t dimension, const int64_t actual, const int64_t expected) {
    *diagnosis = (ck_diagnosis){.argument = argument,
                                .other = CK_ARG_NONE,
                                .dimension = dimension,
                                .actual = actual,
                                .expected = expected};
    return status;
}

static ck_status check_sizes(const ck_argument *const arguments, const int64_t *const sizes, const int count,
                             ck_diagnosis *const diagnosis) {
    for (int i = 0; i < count; ++i) {
        if (sizes[i] < 0) return report(diagnosis, CK_NEGATIVE_SIZE, arguments[i], -1, sizes[i], 0);
        if (sizes[i] > MAX_LENGTH)
            return report(diagnosis, CK_SIZE_OVERFLOW, arguments[i], -1, sizes[i], MAX_LENGTH);
    }
    return CK_OK;
}

static int64_t magnitude(const int64_t stride) { return stride < 0 ? -stride : stride; }

// Lowest and highest element index relative to data; false on overflow.
static bool extent(const layout *const x, int64_t *const low, int64_t *const high) {
    *low = *high = x->offset;
    for (int axis = 0; axis < 4; ++axis) {
        int64_t reach;
        if (__builtin_mul_overflow(x->sizes[axis] - 1, x->strides[axis], &reach)) return false;
        if (__builtin_add_overflow(reach < 0 ? *low : *high, reach, reach < 0 ? low : high)) return false;
    }
    return true;
}

// Whether no two elements share memory: with the axes sorted by stride, each must step over all that
// the smaller ones reach. Sufficient, and exact for every layout made of slices of one array.
static bool is_injective(const layout *const x, int32_t *const bad_axis, int64_t *const needed) {
    int order[4] = {3, 2, 1, 0};
    for (int i = 1; i < 4; ++i) {
        for (int j = i; j > 0 && magnitude(x->strides[order[j]]) < magnitude(x->strides[order[j - 1]]); --j) {
            const int swapped = order[j];
            order[j] = order[j - 1];
            order[j - 1] = swapped;
        }
    }
    int64_t reached = 1;
    for (int i = 0; i < 4; ++i) {
        const int axis = order[i];
        if (x->sizes[axis] <= 1) continue;
        if (magnitude(x->strides[axis]) < reached) {
            *bad_axis = axis;
            *needed = reached;
            return false;
        }
        reached += (x->sizes[axis] - 1) * magnitude(x->strides[axis]);
    }
    return true;
}

static ck_status check_layout(layout *const x, const ck_check check, ck_diagnosis *const diagnosis) {
    if (x->takes_16_bits ? !ck_is_float(x->dtype) : x->dtype != CK_F32)
        return report(diagnosis, CK_BAD_DTYPE, x->argument, -1, x->dtype, x->takes_16_bits ? CK_F16 : CK_F32);
    for (int axis = 0; axis < 4; ++axis)
        if (x->sizes[axis] == 0) return CK_OK;
    for (int axis = 0; axis < 4; ++axis)
        if (x->strides[axis] == INT64_MIN)
            return report(diagnosis, CK_SIZE_OVERFLOW, x->argument, axis, x->strides[axis], INT64_MAX);
    int64_t low, high;
    if (!extent(x, &low, &high) || high > INT64_MAX / 64)
        return report(diagnosis, CK_SIZE_OVERFLOW, x->argument, -1, x->count, INT64_MAX / 64);
    int32_t axis = 2;
    int64_t needed = x->sizes[3];
    if (x->is_output ? !is_injective(x, &axis, &needed)
                     : !x->is_score && x->sizes[2] > 1 && magnitude(x->strides[2]) < needed)
        return report(diagnosis, CK_SMALL_STRIDE, x->argument, axis, x->strides[axis], needed);
    if (low < 0) return report(diagnosis, CK_SHORT_SPAN, x->argument, -1, low, 0);
    if (high >= x->count) return report(diagnosis, CK_SHORT_SPAN, x->argument, -1, x->count, high + 1);
    if (check == CK_CHECK_LAYOUT) return CK_OK;
    if (!x->data) return report(diagnosis, CK_NULL_POINTER, x->argument, -1, 0, high + 1);
    x->first_byte = (uintptr_t)x->data + (size_t)low * x->element_bytes;
    x->end_byte = (uintptr_t)x->data + (size_t)(high + 1) * x->element_bytes;
    return CK_OK;
}

// Every layout alone, then every output against all the others. Ranges are compared, so an output
// that interleaves with an input inside one buffer is refused too.
static ck_status check_layouts(layout *const layouts, const int count, const ck_check check,
                               ck_diagnosis *const diagnosis) {
    for (int i = 0; i < count; ++i) {
        const ck_status status = check_layout(&layouts[i], check, diagnosis);
        if (status != CK_OK) return status;
    }
    for (int i = 0; i < count; ++i) {
        for (int j = 0; j < count; ++j) {
            const layout *const x = &layouts[i], *const y = &layouts[j];
            if (i == j || !x->is_output) continue;
            if (x->first_byte < y->end_byte && y->first_byte < x->end_byte) {
                const ck_status status = report(diagnosis, CK_OVERLAP, x->argument, -1, 0, 0);
                diagnosis->other = y->argument;
                return status;
            }
        }
    }
    return CK_OK;
}

static ck_status check_products(const int64_t *const sizes, const int count, const ck_argument argument,
                                ck_diagnosis *const diagnosis) {
    int64_t product = 1;
    for (int i = 0; i < count; ++i)
        if (__builtin_mul_overflow(product, ck_max(sizes[i], 1), &product) || product > INT64_MAX / 64)
            return report(diagnosis, CK_SIZE_OVERFLOW, argument, -1, sizes[i], INT64_MAX / 64);
    return CK_OK;
}

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
                    .takes_16_bits = argument != CK_ARG_LSE && argument != CK_ARG_WEIGHTS,
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

// An optional operand counts as given when it has a pointer or claims elements.
static bool is_given(const void *const data, const int64_t count) { return data || count != 0; }

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
    if (is_given(p->bias.data, p->bias.count))
        layouts[count++] = score_layout(CK_ARG_BIAS, &p->bias, p, sizeof(float));
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

// Whether `page` stands in a table at another place than page `place` of sequence `batch`.
static bool is_shared(const ck_attention_problem *const p, const int64_t batch, const int64_t place) {
    const ck_kv_pages *const x = &p->pages;
    const int32_t page = x->table[batch * x->table_stride + place];
    for (int64_t b = 0; b < p->batch; ++b)
        for (int64_t i = 0; i < used_pages(p, b); ++i)
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
    return operand_layout(argument, x, paged ? p->pages.pool_pages : p->batch, p->kv_heads,
                          paged ? p->pages.page_keys : p->seqlen_k, columns, p->append.count > 0);
}

ck_status ck_attention_validate(const ck_kernel kernel, const ck_attention_problem *const p,
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
    if (status == CK_OK) status = check_append(p, diagnosis);
    if (status != CK_OK) return status;

    layout layouts[13];
    int count = 0;
    layouts[count++] = operand_layout(CK_ARG_Q, &p->q, p->batch, p->heads, p->seqlen_q, p->head_dim, false);
    layouts[count++] = key_layout(CK_ARG_K, &p->k, p, p->head_dim);
    layouts[count++] = key_layout(CK_ARG_V, &p->v, p, p->value_dim);
    if (p->append.count > 0) {
        const ck_kv_append *const x = &p->append;
        layouts[count++] =
            operand_layout(CK_ARG_NEW_K, &x->k, p->batch, p->kv_heads, x->count, p->head_dim, false);
        layouts[count++] =
            operand_layout(CK_ARG_NEW_V, &x->v, p->batch, p->kv_heads, x->count, p->value_dim, false);
    }
    layouts[count++] = operand_layout(CK_ARG_O, &p->o, p->batch, p->heads, p->seqlen_q, p->value_dim, true);
    if (is_given(p->lse.data, p->lse.count))
        layouts[count++] = operand_layout(CK_ARG_LSE, &p->lse, p->batch, p->heads, p->seqlen_q, 1, true);
    if (is_given(p->weights.data, p->weights.count))
        layouts[count++] =
            operand_layout(CK_ARG_WEIGHTS, &p->weights, p->batch, p->heads, p->seqlen_q, p->seqlen_k, true);
    count += score_layouts(p, layouts + count);
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
        for (int i = 0; i < count; ++i) layouts[i].takes_16_bits = false;
        status = check_layouts(layouts, count, CK_CHECK_LAYOUT_AND_POINTERS, diagnosis);
        if (status != CK_OK && diagnosis->dimension < 0) diagnosis->dimension = (int32_t)s;
    }
    return status;
}

// With pointers, each matrix of the batch has the layout of one; where they lie is checked apart.
static layout matrix_layout(const ck_argument argument, const ck_matrix *const x, const int64_t batch,
                            const int64_t rows, const int64_t columns, const bool is_output) {
    return (layout){.argument = argument,
                    .data = x->pointers ? (batch > 0 ? x->pointers[0] : NULL) : x->data,
                    .count = x->count,
                    .offset = x->offset,
                    .sizes = {x->pointers ? ck_min(batch, 1) : batch, 1, rows, columns},
                    .strides = {x->pointers ? 0 : x->batch_stride, 0, x->row_stride, x->column_stride},
                    .element_bytes = (size_t)ck_element_bytes(x->dtype),
                    .is_output = is_output,
                    .is_score = !is_output};
}

typedef struct {
    ck_argument argument;
    const ck_matrix *matrix;
    int64_t rows, columns;
    bool is_output;
} gemm_operand;

static bool is_given_matrix(const ck_matrix *const x) { return x->data || x->pointers || x->count != 0; }

// A, B (unless packed), C and the residual.
static int gemm_operands(const ck_gemm_problem *const p, gemm_operand operands[4]) {
    int count = 0;
    operands[count++] = (gemm_operand){CK_ARG_A, &p->a, p->m, p->k, false};
    const int64_t b_rows = ck_is_quantised(p->b.dtype) ? p->k / CK_QUANT_BLOCK : p->k;
    if (!p->packed_b) operands[count++] = (gemm_operand){CK_ARG_B, &p->b, b_rows, p->n, false};
    operands[count++] = (gemm_operand){CK_ARG_C, &p->c, p->m, p->n, true};
    if (is_given_matrix(&p->epilogue.residual))
        operands[count++] = (gemm_operand){CK_ARG_RESIDUAL, &p->epilogue.residual, p->m, p->n, false};
    return count;
}

static layout array_layout(const ck_argument argument, const void *const data, const int64_t count,
                           const size_t element_bytes) {
    return (layout){.argument = argument,
                    .data = data,
                    .count = count,
                    .sizes = {1, 1, 1, count},
                    .strides = {0, 0, 0, 1},
                    .element_bytes = element_bytes,
                    .is_score = true};
}

// The vectors and packed B that are given: C may not lie over them either.
static int gemm_arrays(const ck_gemm_problem *const p, layout arrays[4]) {
    const ck_epilogue *const e = &p->epilogue;
    int count = 0;
    if (e->row_scale.data)
        arrays[count++] =
            array_layout(CK_ARG_ROW_SCALE, e->row_scale.data, e->row_scale.count, sizeof(float));
    if (e->column_scale.data)
        arrays[count++] =
            array_layout(CK_ARG_COLUMN_SCALE, e->column_scale.data, e->column_scale.count, sizeof(float));
    if (e->bias.data)
        arrays[count++] = array_layout(CK_ARG_EPILOGUE_BIAS, e->bias.data, e->bias.count, sizeof(float));
    if (p->packed_b)
        arrays[count++] = array_layout(CK_ARG_PACKED_B, p->packed_b, (int64_t)p->packed_b_bytes, 1);
    return count;
}

// Matrices of one index are held against each other; that the outputs of a batch given by pointers do
// not overlap each other is the caller's word.
static ck_status check_matrices(const ck_gemm_problem *const p, const ck_check check,
                                ck_diagnosis *const diagnosis) {
    gemm_operand operands[4];
    const int count = gemm_operands(p, operands);
    bool has_pointers = false;
    for (int i = 0; i < count; ++i) has_pointers |= operands[i].matrix->pointers != NULL;
    const int64_t rounds = has_pointers && check == CK_CHECK_LAYOUT_AND_POINTERS ? p->batch : 1;
    for (int64_t n = 0; n < rounds; ++n) {
        layout layouts[8];
        for (int i = 0; i < count; ++i) {
            const gemm_operand *const o = &operands[i];
            layouts[i] = matrix_layout(o->argument, o->matrix, p->batch, o->rows, o->columns, o->is_output);
            if (o->matrix->pointers && p->batch > 0) layouts[i].data = o->matrix->pointers[n];
        }
        const int arrays = gemm_arrays(p, layouts + count);
        const ck_status status = check_layouts(layouts, count + arrays, check, diagnosis);
        if (status != CK_OK) return status;
    }
    return CK_OK;
}

static ck_status check_vector(const ck_vector *const x, const ck_argument argument, const int64_t count,
                              const ck_check check, ck_diagnosis *const diagnosis) {
    if (!is_given(x->data, x->count)) return CK_OK;
    if (x->count != count) return report(diagnosis, CK_SHORT_SPAN, argument, -1, x->count, count);
    if (!x->data && count > 0 && check == CK_CHECK_LAYOUT_AND_POINTERS)
        return report(diagnosis, CK_NULL_POINTER, argument, -1, 0, count);
    return CK_OK;
}

static ck_status check_epilogue(const ck_gemm_problem *const p, const ck_check check,
                                ck_diagnosis *const diagnosis) {
    const ck_epilogue *const e = &p->epilogue;
    if ((uint32_t)e->activation > CK_ACTIVATION_SILU)
        return report(diagnosis, CK_BAD_VALUE, CK_ARG_ACTIVATION, -1, e->activation, CK_ACTIVATION_SILU);
    ck_status status = check_vector(&e->row_scale, CK_ARG_ROW_SCALE, p->m, check, diagnosis);
    if (status == CK_OK) status = check_vector(&e->column_scale, CK_ARG_COLUMN_SCALE, p->n, check, diagnosis);
    if (status == CK_OK) status = check_vector(&e->bias, CK_ARG_EPILOGUE_BIAS, p->n, check, diagnosis);
    return status;
}

// int8 sums are added to C as they are.
static ck_status check_integer_c(const ck_gemm_problem *const p, ck_diagnosis *const diagnosis) {
    const ck_epilogue *const e = &p->epilogue;
    if (p->alpha != 0 && p->alpha != 1)
        return report(diagnosis, CK_BAD_VALUE, CK_ARG_ALPHA, -1, (int64_t)p->alpha, 1);
    if (p->beta != 0 && p->beta != 1)
        return report(diagnosis, CK_BAD_VALUE, CK_ARG_BETA, -1, (int64_t)p->beta, 1);
    const struct {
        ck_argument argument;
        bool is_given;
    } parts[] = {{CK_ARG_ROW_SCALE, is_given(e->row_scale.data, e->row_scale.count)},
                 {CK_ARG_COLUMN_SCALE, is_given(e->column_scale.data, e->column_scale.count)},
                 {CK_ARG_EPILOGUE_BIAS, is_given(e->bias.data, e->bias.count)},
                 {CK_ARG_ACTIVATION, e->activation != CK_ACTIVATION_NONE},
                 {CK_ARG_RESIDUAL, is_given_matrix(&e->residual)}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; ++i)
        if (parts[i].is_given) return report(diagnosis, CK_BAD_VALUE, parts[i].argument, -1, 1, 0);
    return CK_OK;
}

static ck_status check_dtypes(const ck_gemm_problem *const p, ck_diagnosis *const diagnosis) {
    const ck_dtype a = p->a.dtype, b = p->b.dtype, c = p->c.dtype;
    if (!ck_is_float(a) && a != CK_I8) return report(diagnosis, CK_BAD_DTYPE, CK_ARG_A, -1, a, CK_F32);
    if (a == CK_I8 && b != CK_I8) return report(diagnosis, CK_BAD_DTYPE, CK_ARG_B, -1, b, CK_I8);
    if (a != CK_I8 && !ck_is_float(b) && !ck_is_quantised(b))
        return report(diagnosis, CK_BAD_DTYPE, CK_ARG_B, -1, b, CK_F32);
    if (!ck_is_float(c) && !(a == CK_I8 && c == CK_I32))
        return report(diagnosis, CK_BAD_DTYPE, CK_ARG_C, -1, c, a == CK_I8 ? CK_I32 : CK_F32);
    const ck_matrix *const residual = &p->epilogue.residual;
    if (is_given_matrix(residual) && !ck_is_float(residual->dtype))
        return report(diagnosis, CK_BAD_DTYPE, CK_ARG_RESIDUAL, -1, residual->dtype, CK_F32);
    if (ck_is_quantised(b) && p->k % CK_QUANT_BLOCK != 0)
        return report(diagnosis, CK_BAD_VALUE, CK_ARG_K_SIZE, -1, p->k, CK_QUANT_BLOCK);
    return c == CK_I32 ? check_integer_c(p, diagnosis) : CK_OK;
}

ck_status ck_gemm_validate(const ck_kernel kernel, const ck_gemm_problem *const p, const ck_check check,
                           ck_diagnosis *const diagnosis) {
    if ((uint32_t)kernel > CK_FUSED)
        return report(diagnosis, CK_BAD_VALUE, CK_ARG_KERNEL, -1, kernel, CK_FUSED);
    const ck_argument names[] = {CK_ARG_BATCH, CK_ARG_M, CK_ARG_N, CK_ARG_K_SIZE};
    const int64_t sizes[] = {p->batch, p->m, p->n, p->k};
    ck_status status = check_sizes(names, sizes, 4, diagnosis);
    const int64_t output_sizes[] = {p->batch, p->m, p->n}, a_sizes[] = {p->batch, p->m, p->k},
                  b_sizes[] = {p->batch, p->k, p->n};
    if (status == CK_OK) status = check_products(output_sizes, 3, CK_ARG_C, diagnosis);
    if (status == CK_OK) status = check_products(a_sizes, 3, CK_ARG_A, diagnosis);
    if (status == CK_OK) status = check_products(b_sizes, 3, CK_ARG_B, diagnosis);
    if (status != CK_OK) return status;
    if (!isfinite(p->alpha)) return report(diagnosis, CK_NOT_FINITE, CK_ARG_ALPHA, -1, 0, 0);
    if (!isfinite(p->beta)) return report(diagnosis, CK_NOT_FINITE, CK_ARG_BETA, -1, 0, 0);
    status = check_dtypes(p, diagnosis);
    if (status == CK_OK) status = check_epilogue(p, check, diagnosis);
    return status == CK_OK ? check_matrices(p, check, diagnosis) : status;
}

ck_options ck_options_default(void) { return (ck_options){.threads = CK_ALL_THREADS, .isa = CK_ISA_AUTO}; }

ck_status ck_options_resolve(const ck_options *const options, ck_options *const resolved,
                             ck_diagnosis *const diagnosis) {
    *resolved = *options;
    if (options->threads == CK_ALL_THREADS) {
        resolved->threads = ck_machine_info()->usable_cores;
    } else if (options->threads < 1 || options->threads > CK_MAX_THREADS) {
        return report(diagnosis, CK_BAD_THREADS, CK_ARG_THREADS, -1, options->threads, CK_MAX_THREADS);
    }
    if (ck_isa_resolve(options->isa, &resolved->isa) != CK_OK)
        return report(diagnosis, CK_ISA_UNAVAILABLE, CK_ARG_ISA, -1, options->isa, 0);
    return CK_OK;
}

const char *ck_status_text(const ck_status status) {
    switch (status) {
        case CK_OK: return "ok";
        case CK_NULL_POINTER: return "a data pointer is null";
        case CK_NEGATIVE_SIZE: return "a size is negative";
        case CK_HEADS_NOT_MULTIPLE: return "heads is not a multiple of kv_heads";
        case CK_SMALL_STRIDE: return "a stride is too small";
        case CK_SHORT_SPAN: return "an argument has too few elements for its layout";
        case CK_SIZE_OVERFLOW: return "a size is too large";
        case CK_OVERLAP: return "an output overlaps another argument";
        case CK_NOT_FINITE: return "a factor is not finite";
        case CK_BAD_VALUE: return "an option has no such value";
        case CK_BAD_KEY_LENGTH: return "a key length is out of range";
        case CK_BAD_THREADS: return "the thread count is out of range";
        case CK_ISA_UNAVAILABLE: return "the instruction set is not available here";
        case CK_SMALL_WORKSPACE: return "the workspace is too small or not aligned";
        case CK_OUT_OF_MEMORY: return "out of memory";
        case CK_BAD_DTYPE: return "the element type does not fit the operation";
        case CK_BAD_PACKED: return "the packed matrix does not fit the call";
        case CK_BAD_PAGE: return "a page table does not fit the pool or the keys";
        case CK_SHARED_PAGE: return "rows would be appended to a page in use elsewhere";
        case CK_BAD_LENGTH: return "a length is out of range";
        case CK_NOT_FUSED: return "the weights are no output of the fused pass";
    }
    return "unknown status";
}
