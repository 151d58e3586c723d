// ck_attention_explain: the plan of a call and what its masks let it skip, without running it. Counts tiles
// as the kernels do: `fused` by panel, group of keys and block of keys, `blocked` by task, `naive` by pair.
#include "attention.h"
#include "numerics.h"
#include "problem.h"

// Whether no id of queries first ..< end of the rows is one of keys from ..< stop, by their ranges.
static bool segments_hide(const ck_attention_problem *const p, const int64_t batch, const int64_t first,
                          const int64_t end, const int64_t from, const int64_t stop) {
    const int32_t *const own = ck_segments_at(&p->q_segments, batch);
    const int32_t *const ids = ck_segments_at(&p->k_segments, batch);
    if (!own || !ids) return false;
    int64_t own_min = own[first], own_max = own_min, key_min = ids[from], key_max = key_min;
    for (int64_t i = first; i < end; ++i) {
        own_min = ck_min(own_min, own[i]);
        own_max = ck_max(own_max, own[i]);
    }
    for (int64_t j = from; j < stop; ++j) {
        key_min = ck_min(key_min, ids[j]);
        key_max = ck_max(key_max, ids[j]);
    }
    return key_max < own_min || own_max < key_min;
}

// Whether the block mask hides keys from ..< stop of every query first ..< end of heads head ..< last_head.
static bool blocks_hide(const ck_attention_problem *const p, const int64_t batch, const int64_t head,
                        const int64_t last_head, const int64_t first, const int64_t end, const int64_t from,
                        const int64_t stop) {
    const ck_block_mask *const x = &p->block_mask;
    const uint8_t *const blocks = x->blocks.data;
    if (!ck_has_block_mask(p) || !blocks) return false;
    for (int64_t h = head; h < last_head; ++h)
        for (int64_t i = first; i < end; i = (i / x->query_block + 1) * x->query_block)
            for (int64_t j = from; j < stop; j = (j / x->key_block + 1) * x->key_block)
                if (blocks[ck_block_index(x, batch, h, i, j)] != 0) return false;
    return true;
}

// Pairs that one panel of the fused kernel computes: rows first ..< end of a KV head's group.
static double fused_panel_pairs(const ck_attention_problem *const p, const ck_key_rule *const rule,
                                const int64_t batch, const int64_t kv_head, const int64_t first,
                                const int64_t end, const int64_t lanes) {
    const int64_t group = p->heads / p->kv_heads, head = kv_head * group;
    const int64_t first_query = first / group, end_query = (end - 1) / group + 1;
    const ck_key_interval top = ck_keys_seen(rule, first_query), last = ck_keys_seen(rule, end_query - 1);
    double pairs = 0;
    for (int64_t key = top.low / CK_KEY_BLOCK * CK_KEY_BLOCK; key < last.high; key += CK_KEY_BLOCK) {
        const int64_t from = ck_max(key, top.low), stop = ck_min(key + CK_KEY_BLOCK, last.high);
        if (segments_hide(p, batch, first_query, end_query, from, stop)) continue;
        if (blocks_hide(p, batch, head, head + group, first_query, end_query, from, stop)) continue;
        for (int64_t row = first; row < end; row += lanes) {
            const int64_t last_row = ck_min(row + lanes, end) - 1;
            const int64_t low = ck_keys_seen(rule, row / group).low / CK_KEY_GROUP * CK_KEY_GROUP;
            const int64_t high = ck_keys_seen(rule, last_row / group).high;
            const int64_t keys = ck_round_up(ck_min(stop, high), CK_KEY_GROUP) - ck_max(key, low);
            pairs += (double)ck_max(0, keys) * (double)(last_row - row + 1);
        }
    }
    return pairs;
}

static double fused_pairs(const ck_attention_problem *const p, const ck_ops *const ops) {
    const int64_t rows = p->heads / p->kv_heads * p->seqlen_q, panel = ops->attention_panel;
    // Heads differ only in their block masks.
    const bool heads_differ = ck_has_block_mask(p) && p->block_mask.blocks.head_stride != 0;
    const int64_t heads = heads_differ ? p->kv_heads : 1;
    double pairs = 0;
    for (int64_t b = 0; b < p->batch; ++b) {
        const ck_key_rule rule = ck_key_rule_of(p, b);
        for (int64_t h = 0; h < heads; ++h)
            for (int64_t row = 0; row < rows; row += panel)
                pairs +=
                    fused_panel_pairs(p, &rule, b, h, row, ck_min(row + panel, rows), ops->attention_lanes);
    }
    return pairs * (double)(p->kv_heads / heads);
}

// Whether any row of a KV head sees one of keys from ..< stop, by position, segments and block mask.
static bool any_row_sees(const ck_attention_problem *const p, const ck_key_rule *const rule,
                         const int64_t batch, const int64_t kv_head, const int64_t from, const int64_t stop) {
    const int64_t group = p->heads / p->kv_heads, head = kv_head * group;
    for (int64_t i = 0; i < p->seqlen_q; ++i) {
        const ck_key_interval seen = ck_keys_seen(rule, i);
        for (int64_t j = ck_max(from, seen.low); j < ck_min(stop, seen.high); ++j)
            if (!segments_hide(p, batch, i, i + 1, j, j + 1) &&
                !blocks_hide(p, batch, head, head + group, i, i + 1, j, j + 1))
                return true;
    }
    return false;
}

// The decode kernel takes all rows of a KV head against the tiles of keys that one of them sees.
static double decode_pairs(const ck_attention_problem *const p, const ck_ops *const ops) {
    const bool hides = p->q_segments.count != 0 || ck_has_block_mask(p);
    const bool heads_differ = ck_has_block_mask(p) && p->block_mask.blocks.head_stride != 0;
    const int64_t heads = heads_differ ? p->kv_heads : 1, tile = ops->decode_keys;
    double keys = 0;
    for (int64_t b = 0; b < p->batch; ++b) {
        const ck_key_rule rule = ck_key_rule_of(p, b);
        int64_t low = INT64_MAX, high = 0;
        for (int64_t i = 0; i < p->seqlen_q; ++i) {
            const ck_key_interval seen = ck_keys_seen(&rule, i);
            if (seen.low >= seen.high) continue;
            low = ck_min(low, seen.low);
            high = ck_max(high, seen.high);
        }
        const int64_t first = ck_min(low, high) / tile * tile;
        for (int64_t h = 0; h < heads; ++h) {
            if (!hides) keys += (double)(high - first);
            for (int64_t key = first; hides && key < high; key += tile)
                if (any_row_sees(p, &rule, b, h, key, ck_min(key + tile, high)))
                    keys += (double)(ck_min(key + tile, high) - key);
        }
    }
    return keys * (double)(p->heads / heads) * (double)p->seqlen_q;
}

// Rows `block` at a time, each against all keys that one of them sees.
static double row_pairs(const ck_attention_problem *const p, const int64_t block, const int64_t anchor) {
    double pairs = 0;
    for (int64_t b = 0; b < p->batch; ++b) {
        const ck_key_rule rule = ck_key_rule_of(p, b);
        for (int64_t row = 0; row < p->seqlen_q; row += block) {
            const int64_t rows = ck_min(block, p->seqlen_q - row);
            const int64_t low = ck_keys_seen(&rule, row).low / anchor * anchor;
            pairs += (double)rows * (double)(ck_keys_seen(&rule, row + rows - 1).high - low);
        }
    }
    return pairs * (double)p->heads;
}

static double scale_bytes(const ck_attention_problem *const p, const ck_kv_scales *const scales,
                          const int64_t columns) {
    const int64_t heads = p->batch * p->kv_heads,
                  row = scales->kind == CK_SCALES_BY_KEY ? p->seqlen_k : columns;
    return (double)heads * (double)row * sizeof(float);
}

// Each operand once. A mask or bias is counted as large as its strides make it.
static double operand_bytes(const ck_attention_problem *const p) {
    const double rows = (double)p->batch * (double)p->heads * (double)p->seqlen_q;
    const double keys = (double)p->batch * (double)p->kv_heads * (double)p->seqlen_k;
    double floats = 0;
    if (p->lse.data || p->lse.count != 0) floats += rows;
    if (p->weights.data || p->weights.count != 0) floats += rows * (double)p->seqlen_k;
    const ck_score_operand *const x[] = {&p->mask, &p->bias};
    const double element[] = {1, (double)ck_element_bytes(p->bias_dtype)};
    const bool given[] = {p->mask_kind != CK_MASK_NONE, p->bias.data || p->bias.count != 0};
    double bytes = floats * sizeof(float) +
                   rows * (double)(p->head_dim * ck_element_bytes(p->q.dtype) +
                                   p->value_dim * ck_element_bytes(p->o.dtype)) +
                   keys * (double)(p->head_dim * ck_element_bytes(p->k.dtype) +
                                   p->value_dim * ck_element_bytes(p->v.dtype));
    if (p->k.dtype == CK_I8) bytes += scale_bytes(p, &p->k_scales, p->head_dim);
    if (p->v.dtype == CK_I8) bytes += scale_bytes(p, &p->v_scales, p->value_dim);
    for (int i = 0; i < 2; ++i) {
        if (!given[i]) continue;
        bytes += element[i] * (x[i]->batch_stride ? (double)p->batch : 1) *
                 (x[i]->head_stride ? (double)p->heads : 1) * (x[i]->row_stride ? (double)p->seqlen_q : 1) *
                 (x[i]->column_stride ? (double)p->seqlen_k : 1);
    }
    return bytes;
}

static void explain_fused(const ck_attention_problem *const p, const ck_ops *const ops,
                          ck_attention_explanation *const e) {
    const ck_attention_plan plan = ck_plan_fused(ops, p, e->threads);
    e->threads = plan.threads;
    e->tasks = plan.tasks;
    e->task_rows = plan.task_rows;
    e->tile_rows = plan.decodes ? plan.task_rows : ops->attention_panel;
    e->tile_keys = plan.decodes ? ops->decode_keys : CK_KEY_BLOCK;
    e->chunks = plan.chunks;
    e->splits_keys = plan.split;
    e->weights_by_blocked = p->weights.data || p->weights.count != 0;
    e->pairs_computed = p->heads == 0 ? 0 : plan.decodes ? decode_pairs(p, ops) : fused_pairs(p, ops);
}

static void explain_rows(const ck_attention_problem *const p, const ck_ops *const ops, const ck_kernel kernel,
                         ck_attention_explanation *const e) {
    const int64_t heads = p->batch * p->heads;
    e->task_rows = kernel == CK_NAIVE ? p->seqlen_q : ck_plan_blocked_rows(ops, p, e->threads);
    e->tile_rows = kernel == CK_NAIVE ? 1 : e->task_rows;
    e->tile_keys = p->seqlen_k;
    e->chunks = 1;
    e->tasks = kernel == CK_NAIVE ? heads : heads * ck_ceil_div(p->seqlen_q, e->task_rows);
    e->threads = (int32_t)ck_min(e->threads, ck_max(1, e->tasks));
    e->pairs_computed = row_pairs(p, e->tile_rows, kernel == CK_NAIVE ? 1 : CK_GEMM_KC);
}

ck_status ck_attention_explain(const ck_kernel kernel, const ck_attention_problem *const problem,
                               const ck_options *const options, ck_attention_explanation *const explanation,
                               ck_diagnosis *const diagnosis) {
    ck_diagnosis unused, *const told = diagnosis ? diagnosis : &unused;
    ck_attention_explanation e = {.kernel = kernel};
    ck_status status = ck_attention_workspace(kernel, problem, options, &e.workspace_bytes, told);
    ck_options resolved;
    if (status == CK_OK) status = ck_options_resolve(options, &resolved, told);
    if (status != CK_OK) return status;
    e.isa = resolved.isa;
    e.threads = e.threads_allowed = resolved.threads;
    e.pairs = (double)problem->batch * (double)problem->heads * (double)problem->seqlen_q *
              (double)problem->seqlen_k;
    if (kernel == CK_FUSED)
        explain_fused(problem, ck_ops_for(e.isa), &e);
    else
        explain_rows(problem, ck_ops_for(e.isa), kernel, &e);
    e.flops = 2 * e.pairs_computed * (double)(problem->head_dim + problem->value_dim);
    e.bytes = operand_bytes(problem);
    *explanation = e;
    return CK_OK;
}
