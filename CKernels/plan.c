// Block sizes, with their derivation. Nothing here may change a result's bits (README.md, Numerics):
// that is why KC and the KV chunk are constants in numerics.h and not choices of the plan.
#include "plan.h"

#include "attention_maps.h"
#include "kv_cache.h"
#include "numerics.h"
#include "ops.h"
#include "problem.h"

// Below this many floating-point operations a task is not worth a second thread: a parallel region
// costs about 1 us, in which one core does a few hundred thousand.
#define MIN_FLOPS_PER_THREAD 400000.0

static int32_t worthwhile_threads(const double flops, const int32_t threads) {
    const double worth = flops / MIN_FLOPS_PER_THREAD;
    return worth < 2 ? 1 : worth < threads ? (int32_t)worth : threads;
}

// Cuts `length` into equal parts of at most `largest`, each a multiple of `unit`.
static int64_t balanced(const int64_t length, const int64_t largest, const int64_t unit) {
    const int64_t parts = ck_max(1, ck_ceil_div(length, largest));
    return ck_max(unit, ck_round_up(ck_ceil_div(length, parts), unit));
}

// Br: each K and V row fetched from L3 or beyond is used for up to 512 query rows, which costs less than
// 1 % of the time of the FMAs it feeds. Their Q^T, O^T and the O^T of the chunks before fill 3/8 of L2 at
// most, beside the block of K and V under way and the next one on its way in: 512 rows instead of 256 at
// d = 128 (768 KB of 1 MB) cost 1.5 % of peak.
#define TASK_ROWS 512
static int64_t largest_task_rows(const ck_attention_problem *const p, const int64_t panel) {
    const int64_t row_bytes = (p->head_dim + 2 * p->value_dim) * (int64_t)sizeof(float);
    const int64_t fitting = ck_machine_info()->l2_bytes / 8 * 3 / ck_max(row_bytes, 1);
    return ck_max(panel, ck_round_down(ck_min(TASK_ROWS, fitting), panel));
}

// Decode: a task is all rows of a KV head, and one chunk of keys while that makes at most this many tasks a
// thread; the memory rate decides, and the last task to finish should be a small share of the whole.
#define DECODE_TASKS_PER_THREAD 16
static ck_attention_plan plan_decode(ck_attention_plan plan, const int64_t kv_tasks) {
    plan.task_rows = ck_max(plan.group_rows, 1);
    plan.row_blocks = plan.group_rows > 0;
    plan.split = plan.threads > 1 && plan.chunks > 1 && kv_tasks < DECODE_TASKS_PER_THREAD * plan.threads;
    plan.tasks = kv_tasks * plan.row_blocks * (plan.split ? plan.chunks : 1);
    return plan;
}

// Few rows, and more than a few keys: a tile of keys in lanes costs nearly the same for one of them as for all,
// once for each row.
#define DECODE_KEYS_A_ROW 6
#define DECODE_FREE_ROWS 4
static bool suits_decode(const ck_ops *const ops, const int64_t rows, const int64_t keys) {
    return rows <= ops->decode_rows && keys > DECODE_KEYS_A_ROW * (rows - DECODE_FREE_ROWS);
}

ck_attention_plan ck_plan_fused(const ck_ops *const ops, const ck_attention_problem *const p,
                                const int32_t threads) {
    ck_attention_plan plan = {0};
    const int64_t panel = ops->attention_panel, kv_tasks = p->batch * p->kv_heads;
    const double flops = 2.0 * (double)p->batch * (double)p->heads * (double)p->seqlen_q *
                         (double)p->seqlen_k * (double)(p->head_dim + p->value_dim);
    plan.threads = worthwhile_threads(flops, threads);
    plan.group = p->kv_heads > 0 ? p->heads / p->kv_heads : 0;
    plan.group_rows = plan.group * p->seqlen_q;
    plan.chunks = ck_max(1, ck_ceil_div(p->seqlen_k, CK_KV_CHUNK));
    plan.decodes = suits_decode(ops, plan.group_rows, p->seqlen_k);
    if (plan.decodes) return plan_decode(plan, kv_tasks);

    // As many rows a task as keeps at least four tasks a thread, so that the tail is short.
    const int64_t wanted = plan.threads == 1 ? 1 : 4 * (int64_t)plan.threads;
    const int64_t blocks_wanted = ck_ceil_div(wanted, ck_max(kv_tasks, 1));
    int64_t rows = largest_task_rows(p, panel);
    rows = ck_min(rows, ck_round_up(ck_ceil_div(ck_max(plan.group_rows, 1), blocks_wanted), panel));
    plan.task_rows = ck_max(panel, rows);
    plan.row_blocks = ck_ceil_div(plan.group_rows, plan.task_rows);

    // Too few rows to employ everyone: the chunks become tasks as well (decode, batch and heads of 1).
    plan.split = plan.threads > 1 && plan.chunks > 1 && kv_tasks * plan.row_blocks < 2 * plan.threads;
    plan.tasks = kv_tasks * plan.row_blocks * (plan.split ? plan.chunks : 1);
    return plan;
}

ck_fused_scratch ck_fused_scratch_take(ck_arena *const arena, const ck_ops *const ops,
                                       const ck_attention_plan *const plan,
                                       const ck_attention_problem *const p) {
    const int64_t panel = ops->attention_panel, rows = ck_round_up(plan->task_rows, panel);
    ck_fused_scratch scratch = {0};
    // head_dim and value_dim may be 0; a panel's slices still need distinct, aligned places.
    scratch.q = ck_arena_take(arena, rows * p->head_dim * ck_query_parts(p), sizeof(float));
    scratch.o = ck_arena_take(arena, rows * p->value_dim, sizeof(float));
    if (plan->chunks > 1 && !plan->split)
        scratch.o_total = ck_arena_take(arena, rows * p->value_dim, sizeof(float));
    scratch.state = ck_arena_take(arena, rows * CK_STATE_FIELDS, sizeof(float));
    scratch.block_o = ck_arena_take(arena, panel * p->value_dim, sizeof(float));
    scratch.p = ck_arena_take(arena, CK_KEY_BLOCK * panel, sizeof(float));
    if (ck_adds_to_scores(p)) scratch.added = ck_arena_take(arena, CK_KEY_BLOCK * panel, sizeof(float));
    if (p->k.dtype == CK_I8) {
        scratch.query_row = ck_arena_take(arena, p->head_dim, sizeof(int32_t));
        scratch.query_halves = ck_arena_take(arena, CK_VECTOR_MAX * 2 * p->head_dim, sizeof(float));
    }
    if (p->scores.normalize_qk || ck_scales_keys(&p->k, &p->k_scales))
        scratch.key_factors = ck_arena_take(arena, CK_KEY_BLOCK, sizeof(float));
    if (ck_scales_keys(&p->v, &p->v_scales))
        scratch.value_factors = ck_arena_take(arena, CK_KEY_BLOCK, sizeof(float));
    const bool gathers = ck_is_paged(p) && p->pages.page_keys % CK_KEY_BLOCK != 0;
    if (gathers || p->k.dtype != CK_F32)
        scratch.k = ck_arena_take(arena, CK_KEY_BLOCK * p->head_dim, sizeof(float));
    if (gathers || p->v.dtype != CK_F32)
        scratch.v = ck_arena_take(arena, CK_KEY_BLOCK * p->value_dim, sizeof(float));
    return scratch;
}

ck_decode_scratch ck_decode_scratch_take(ck_arena *const arena, const ck_attention_plan *const plan,
                                         const ck_attention_problem *const p) {
    const int64_t rows = plan->task_rows, tile = rows * CK_DECODE_KEYS_MAX;
    ck_decode_scratch scratch = {0};
    const bool bytes = p->k.dtype == CK_I8;
    if (p->q.dtype != CK_F32 || bytes)
        scratch.q = ck_arena_take(arena, rows * ck_query_floats(p), sizeof(float));
    if (bytes) scratch.query_row = ck_arena_take(arena, p->head_dim, sizeof(int32_t));
    scratch.dots = ck_arena_take(arena, tile, sizeof(float));
    scratch.chains = ck_arena_take(arena, tile, sizeof(float));
    scratch.block_o = ck_arena_take(arena, rows * ck_round_up(p->value_dim, CK_VECTOR_MAX), sizeof(float));
    if (!plan->split) scratch.partial = ck_arena_take(arena, 2 * rows * ck_partial_floats(p), sizeof(float));
    return scratch;
}

// A block of the GEMM's mb rows (its A panels then fill half of L2), fewer if that leaves threads
// idle. Their scores, rows * seqlen_k floats, stream through L3.
int64_t ck_plan_blocked_rows(const ck_ops *const ops, const ck_attention_problem *const p,
                             const int32_t threads) {
    const int64_t mr = ops->gemm_rows, heads = p->batch * p->heads;
    const int64_t wanted = threads == 1 ? 1 : ck_ceil_div(4 * (int64_t)threads, ck_max(heads, 1));
    return balanced(p->seqlen_q, ck_min(240, ck_max(mr, ck_ceil_div(p->seqlen_q, wanted))), mr);
}

// Maps: 96 rows serve every packed strip of K, a multiple of the rows of every tile; with CK_MAP_KEYS their
// weights take 96 KB of L2.
#define MAP_ROWS 96

ck_map_plan ck_plan_maps(const ck_attention_problem *const p, const ck_attention_maps *const m,
                         const int32_t threads) {
    ck_map_plan plan = {.tile_rows = ck_max(1, ck_min(MAP_ROWS, m->queries)),
                        .finds_top = ck_wants(&m->top_weights) || ck_wants(&m->top_keys)};
    const bool rows = plan.finds_top || ck_wants(&m->entropy) || (ck_wants(&m->weights) && !m->head_mean);
    const bool columns =
        ck_wants(&m->column_mass) || ck_wants(&m->pooled) || (ck_wants(&m->weights) && m->head_mean);
    const int64_t heads = p->batch * p->heads;
    plan.row_blocks = ck_ceil_div(m->queries, plan.tile_rows);
    plan.row_tasks = rows ? heads * plan.row_blocks : 0;
    plan.band_rows = plan.tile_rows;
    plan.strip_keys = CK_MAP_KEYS;
    if (ck_wants(&m->pooled)) {
        plan.band_rows = ck_max(m->pool_queries, ck_round_down(plan.tile_rows, m->pool_queries));
        plan.strip_keys = ck_max(m->pool_keys, ck_round_down(CK_MAP_KEYS, m->pool_keys));
        plan.cells = plan.band_rows / m->pool_queries * (plan.strip_keys / m->pool_keys);
    }
    plan.strips = ck_ceil_div(m->keys, plan.strip_keys);
    plan.column_tasks = columns ? (m->head_mean ? ck_min(p->heads, 1) * p->batch : heads) * plan.strips : 0;
    const double flops = 2.0 * (double)heads * (double)m->queries * (double)m->keys * (double)p->head_dim;
    const int64_t tasks = ck_max(1, ck_max(plan.row_tasks, plan.column_tasks));
    plan.threads = (int32_t)ck_min(worthwhile_threads(flops, threads), tasks);
    return plan;
}
