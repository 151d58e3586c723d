// Block sizes, with their derivation. Nothing here may change a result's bits (README.md, Numerics):
// that is why KC and the KV chunk are constants in numerics.h and not choices of the plan.
#include "plan.h"

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

// Cuts `length` into equal parts of at most `largest`, each a multiple of `unit`: equal parts, because
// one small remainder part leaves the other cores waiting (10 % at 1024^3).
static int64_t balanced(const int64_t length, const int64_t largest, const int64_t unit) {
    const int64_t parts = ck_max(1, ck_ceil_div(length, largest));
    return ck_max(unit, ck_round_up(ck_ceil_div(length, parts), unit));
}

// NC: the packed KC x NC block of B is shared by all cores and should fill at most half of L3.
// mb x KC of A stays in a quarter of a core's L2 while it meets every micro-panel of B (KC x NR, in L1).
// MC bounds the packed copy of A; it also lives in L3 and is read once per task.
ck_gemm_plan ck_plan_gemm(const ck_ops *const ops, const int64_t m, const int64_t n, const int64_t k,
                          const int32_t threads) {
    const ck_machine *const machine = ck_machine_info();
    const int64_t mr = ops->gemm_mr, nr = ops->gemm_nr, column_bytes = CK_GEMM_KC * sizeof(float);
    const int64_t shared = machine->l3_bytes > 0 ? machine->l3_bytes : machine->l2_bytes;
    const int64_t nc_limit = ck_max(nr, ck_min(4096, shared / 2 / column_bytes) / nr * nr);
    const int64_t mb_limit = ck_max(mr, machine->l2_bytes / 4 / column_bytes / mr * mr);

    ck_gemm_plan plan;
    plan.threads = worthwhile_threads(2.0 * (double)m * (double)n * (double)k, threads);
    plan.nc = balanced(n, nc_limit, nr);
    plan.mc = balanced(m, ck_max(mr, nc_limit / mr * mr), mr);
    // Tasks are rows x columns of the C block: row parts that fit L2, a multiple of the threads where
    // there are rows enough; then columns until every thread has about four tasks, whose number is
    // again a multiple of the threads (9 tasks on 2 threads left one waiting at 1024^3). A task keeps at
    // least 4 micro-panels of B, so that reading A from L2 is paid back.
    const int64_t rows = ck_min(m, plan.mc), columns = ck_min(n, plan.nc), t = plan.threads;
    int64_t row_parts = ck_max(1, ck_ceil_div(rows, mb_limit));
    if (t > 1 && rows >= 4 * t * mr) row_parts = ck_round_up(row_parts, t);
    plan.mb = balanced(rows, ck_ceil_div(ck_max(rows, 1), row_parts), mr);
    int64_t column_parts = t == 1 ? 1 : ck_ceil_div(4 * t, row_parts);
    while (row_parts * column_parts % t != 0) ++column_parts;
    plan.nb = balanced(columns, ck_max(4 * nr, ck_ceil_div(ck_max(columns, 1), column_parts)), nr);
    return plan;
}

// Br: each K and V row fetched from L2 or beyond is used for 512 query rows, which costs less than
// 1 % of the time of the FMAs it feeds; their Q^T and O^T (0.25 to 0.5 MB at d = 64 to 128) fit L2.
#define TASK_ROWS 512
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

    // As many rows a task as keeps at least four tasks a thread, so that the tail is short.
    const int64_t wanted = plan.threads == 1 ? 1 : 4 * (int64_t)plan.threads;
    const int64_t blocks_wanted = ck_ceil_div(wanted, ck_max(kv_tasks, 1));
    int64_t rows = ck_max(panel, TASK_ROWS / panel * panel);
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
    scratch.q = ck_arena_take(arena, rows * p->head_dim, sizeof(float));
    scratch.o = ck_arena_take(arena, rows * p->value_dim, sizeof(float));
    if (plan->chunks > 1 && !plan->split)
        scratch.o_total = ck_arena_take(arena, rows * p->value_dim, sizeof(float));
    scratch.state = ck_arena_take(arena, rows * CK_STATE_FIELDS, sizeof(float));
    scratch.block_o = ck_arena_take(arena, panel * p->value_dim, sizeof(float));
    scratch.p = ck_arena_take(arena, CK_KEY_BLOCK * panel, sizeof(float));
    if (ck_adds_to_scores(p)) scratch.added = ck_arena_take(arena, CK_KEY_BLOCK * panel, sizeof(float));
    if (p->scores.normalize_qk) scratch.key_factors = ck_arena_take(arena, CK_KEY_BLOCK, sizeof(float));
    return scratch;
}

// A block of the GEMM's mb rows (its A panels then fill half of L2), fewer if that leaves threads
// idle. Their scores, rows * seqlen_k floats, stream through L3.
int64_t ck_plan_blocked_rows(const ck_ops *const ops, const ck_attention_problem *const p,
                             const int32_t threads) {
    const int64_t mr = ops->gemm_mr, heads = p->batch * p->heads;
    const int64_t wanted = threads == 1 ? 1 : ck_ceil_div(4 * (int64_t)threads, ck_max(heads, 1));
    return balanced(p->seqlen_q, ck_min(240, ck_max(mr, ck_ceil_div(p->seqlen_q, wanted))), mr);
}
