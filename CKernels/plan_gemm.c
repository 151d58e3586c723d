// How a GEMM is cut. A task owns a part of C's rows and a strip of its columns, packs the strip of B it
// needs for itself, one block of K at a time, and shares nothing: there is no barrier, and packing twice
// costs 4 cycles a vector beside half a cycle for each row it then serves.
//
// KC is no choice of the plan: it decides bits (numerics.h).
#include "plan.h"

#include "numerics.h"
#include "ops.h"
#include "problem.h"

// Below this a second thread is not worth waking: 0.25 million operations are 1 us of one core.
#define MIN_FLOPS_PER_THREAD 250000.0
// Rows from which packing a strip of B pays: 16 floats cost 2 cycles to copy and then half a cycle a row.
#define MIN_ROWS_TO_PACK 24
// Columns of a GEMV's strip: its sums (8 KB a row) stay in L1.
#define GEMV_STRIP 2048
// Rows of A packed at a time, a multiple of every tile's rows.
#define PACKED_ROWS CK_GEMM_A_ROWS

static int64_t lanes_of(const ck_ops *const ops, const int64_t columns) {
    return ck_round_up(ck_max(columns, 1), ops->lanes);
}

// Cycles, to compare A B with (B^T A^T)^T: FMAs on whole vectors, transposing what does not lie along
// the lanes (5 cycles a vector, for the operand in panels and for an exchanged C).
static double cost_of(const ck_ops *const ops, const ck_gemm_shape *const s, const bool exchanged) {
    const double vectors = 1.0 / ops->lanes, m = (double)s->m, n = (double)s->n, k = (double)s->k;
    double cost = m * k * (double)lanes_of(ops, s->n) * vectors / 2;
    cost += k * n * vectors * (s->b_column_stride == 1 ? 1 : 5);
    if (s->a_k_stride != 1) cost += m * k * vectors * 2;
    return exchanged ? cost + m * n * vectors * 5 * (double)ck_ceil_div(ck_max(s->k, 1), CK_GEMM_KC) : cost;
}

static bool better_exchanged(const ck_ops *const ops, const ck_gemm_shape *const s) {
    if (s->packed_b) return false;
    const ck_gemm_shape other = ck_gemm_exchange(s);
    if (s->m <= CK_GEMV_ROWS || s->n <= CK_GEMV_ROWS) return s->n < s->m;
    return cost_of(ops, &other, true) < cost_of(ops, s, false);
}

typedef struct {
    int64_t tasks, strips, parts;
} grid;

// Strips as wide as L2 likes; then as many strips and parts as employ all threads equally: exactly one
// task a thread where the work is short, else about four, so that a disturbed thread can be helped.
static grid grid_of(const ck_ops *const ops, const ck_gemm_shape *const s, const ck_gemm_plan *const plan,
                    const int64_t columns_limit, const double flops) {
    const int64_t unit = plan->path == CK_GEMM_GEMV ? ops->lanes : ops->gemm_panel, threads = plan->threads;
    const int64_t panels = ck_max(1, ck_ceil_div(s->n, unit));
    const int64_t least = ck_ceil_div(panels, ck_max(1, columns_limit / unit));
    const int64_t rows = plan->path == CK_GEMM_GEMV ? 1 : ck_ceil_div(s->m, ops->gemm_rows);
    const int64_t goal = threads == 1 ? 1 : flops < 2e7 * (double)threads ? threads : 4 * threads;
    grid best = {0};
    double best_cost = 0;
    for (int64_t strips = least; strips <= ck_min(panels, least + 2 * threads); ++strips) {
        int64_t parts = ck_max(1, ck_ceil_div(goal, strips * s->batch));
        while (parts < rows && strips * parts * s->batch % threads != 0 && parts * strips < 2 * goal) ++parts;
        parts = ck_min(parts, ck_max(1, rows));
        const double width = (double)ck_min(s->n, ck_ceil_div(panels, strips) * unit);
        const double height = (double)ck_min(s->m, ck_ceil_div(ck_max(rows, 1), parts) * ops->gemm_rows);
        const double rounds = (double)ck_ceil_div(strips * parts * s->batch, threads);
        // The last two terms: packing B anew in each task, and fetching A for each strip.
        const double cost = rounds * width * height * (1 + 4 / (height + 1) + 8 / (width + 1));
        if (best.tasks == 0 || cost < 0.99 * best_cost) {
            best = (grid){.tasks = strips * parts, .strips = strips, .parts = parts};
            best_cost = cost;
        }
    }
    return best;
}

ck_gemm_plan ck_plan_gemm(const ck_ops *const ops, const ck_gemm_shape *const shape, const int32_t threads) {
    const ck_gemm_shape exchanged = ck_gemm_exchange(shape);
    ck_gemm_plan plan = {.exchanged = better_exchanged(ops, shape)};
    const ck_gemm_shape *const s = plan.exchanged ? &exchanged : shape;
    const double flops = 2.0 * (double)s->batch * (double)s->m * (double)s->n * (double)s->k;
    const double worth = flops / MIN_FLOPS_PER_THREAD;
    plan.threads = worth < 2 ? 1 : worth < threads ? (int32_t)worth : threads;

    const bool b_streams = s->b_column_stride == 1 || s->b_k_stride == 1;
    const bool is_gemv = s->m <= CK_GEMV_ROWS && !s->packed_b && b_streams && s->k > 0;
    plan.path = is_gemv ? CK_GEMM_GEMV : CK_GEMM_TILES;

    // A strip of B takes 3/8 of L2; A and C stream through the rest.
    const int64_t kc = ck_max(1, ck_min(s->k, CK_GEMM_KC));
    const int64_t l2_columns = ck_machine_info()->l2_bytes * 3 / 8 / (CK_GEMM_KC * (int64_t)sizeof(float));
    const int64_t limit = is_gemv ? GEMV_STRIP : ck_max(ops->gemm_panel, l2_columns);
    const grid cut = grid_of(ops, s, &plan, limit, flops);
    plan.strips = cut.strips;
    plan.parts = cut.parts;
    const int64_t unit = is_gemv ? ops->lanes : ops->gemm_panel;
    plan.strip_columns = ck_ceil_div(ck_max(1, ck_ceil_div(s->n, unit)), plan.strips) * unit;
    plan.part_rows = ck_min(s->m, ck_ceil_div(ck_ceil_div(s->m, ops->gemm_rows), plan.parts) * ops->gemm_rows);

    plan.packs_b = !is_gemv && !s->packed_b &&
                   (s->b_column_stride != 1 || plan.part_rows >= MIN_ROWS_TO_PACK);
    plan.packs_a = !is_gemv && s->a_k_stride != 1 && s->k > 1;
    plan.scratch_a = plan.packs_a ? kc * PACKED_ROWS : 0;
    if (is_gemv)
        plan.scratch_b = s->m * plan.strip_columns;
    else if (!s->packed_b)  // the edge of B is packed even where the rest is read in place
        plan.scratch_b = kc * (plan.packs_b ? plan.strip_columns : ops->gemm_panel);
    return plan;
}
