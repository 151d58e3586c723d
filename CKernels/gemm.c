// C = epilogue(alpha A B + beta C): tasks of strips x parts (plan_gemm.c), in each the loop over blocks of
// K; the loops jr, ir and the microkernel are in kernels/gemm.inc, after Goto and van de Geijn (2008).
//
// An element of C is the sum, over blocks of KC in ascending order, of one ascending chain of FMAs
// each: its bits do not depend on M, N, the batch, strides, packing, the threads or the FMA ISA.
#include "gemm.h"

#include "driver.h"
#include "gemm_packed.h"
#include "numerics.h"
#include "parallel.h"
#include "problem.h"
#include "reference.h"

static const ck_epilogue no_epilogue;

static bool is_plain(const ck_epilogue *const e) {
    return !e || (!e->row_scale.data && !e->column_scale.data && !e->bias.data &&
                  e->activation == CK_ACTIVATION_NONE && !e->residual.data && !e->residual.pointers);
}

static ck_gemm_shape shape_of(const ck_gemm_operation *const op, const int64_t batch) {
    return (ck_gemm_shape){.batch = batch,
                           .m = op->m,
                           .n = op->n,
                           .k = op->k,
                           .a_row_stride = op->a_row_stride,
                           .a_k_stride = op->a_k_stride,
                           .b_k_stride = op->b_k_stride,
                           .b_column_stride = op->b_column_stride,
                           .packed_b = op->packed_b != NULL};
}

static ck_gemm_operation exchanged(const ck_gemm_operation *const op) {
    ck_gemm_operation t = *op;
    const ck_gemm_shape shape = shape_of(op, 1), other = ck_gemm_exchange(&shape);
    t.m = other.m;
    t.n = other.n;
    t.a = op->b;
    t.b = op->a;
    t.a_row_stride = other.a_row_stride;
    t.a_k_stride = other.a_k_stride;
    t.b_k_stride = other.b_k_stride;
    t.b_column_stride = other.b_column_stride;
    return t;
}

// One task: rows x columns of the (possibly exchanged) product.
typedef struct {
    const ck_ops *ops;
    const ck_gemm_plan *plan;
    const ck_gemm_scratch *scratch;
    ck_gemm_operation op;  // as computed: exchanged if the plan says so; C's strides are never exchanged
    ck_gemm_target target;
    int64_t row, rows, column, columns;
} gemm_task;

static ck_gemm_target target_of(const ck_gemm_operation *const op, const bool is_exchanged) {
    ck_gemm_target target = {.c = op->c,
                             .c_row_stride = op->c_row_stride,
                             .c_column_stride = op->c_column_stride,
                             .exchanged = is_exchanged,
                             .alpha = op->alpha,
                             .beta = op->beta,
                             .epilogue = op->epilogue ? op->epilogue : &no_epilogue,
                             .residual = op->residual};
    const int64_t along_tile = is_exchanged ? op->c_row_stride : op->c_column_stride;
    target.direct = is_plain(op->epilogue) && along_tile == 1;
    if (target.direct && is_exchanged) {  // C is stored by columns: to the tile it is C^T by rows
        target.c_row_stride = op->c_column_stride;
        target.c_column_stride = 1;
        target.exchanged = false;
    }
    return target;
}

// The rows of the task on n columns of B from `column` of the strip on. A whose rows are not contiguous
// is packed as it comes, so many rows that L1 and L2 hold them.
static void multiply_panels(const gemm_task *const t, const float *const b, const int64_t b_k_stride,
                            const int64_t b_panel_stride, const int64_t column, const int64_t n, const int64_t pc,
                            const int64_t kc) {
    const ck_gemm_operation *const op = &t->op;
    ck_gemm_block block = {.n = n,
                           .kc = kc,
                           .b = b,
                           .b_k_stride = b_k_stride,
                           .b_panel_stride = b_panel_stride,
                           .column = t->column + column,
                           .target = &t->target};
    const int64_t step = t->plan->packs_a ? CK_GEMM_A_ROWS : ck_max(t->rows, 1);
    for (int64_t i = 0; i < t->rows; i += step) {
        block.row = t->row + i;
        block.m = ck_min(step, t->rows - i);
        const float *const a = op->a + block.row * op->a_row_stride + pc * op->a_k_stride;
        if (t->plan->packs_a) {
            const ck_gemm_pack_args pack = {.source = a,
                                            .k_stride = op->a_k_stride,
                                            .column_stride = op->a_row_stride,
                                            .kc = kc,
                                            .count = block.m,
                                            .width = CK_GEMM_A_ROWS,
                                            .packed = t->scratch->a,
                                            .panel_stride = kc * CK_GEMM_A_ROWS};
            t->ops->gemm_pack(&pack);
            block.a = t->scratch->a;
            block.a_row_stride = 1;
            block.a_k_stride = CK_GEMM_A_ROWS;
        } else {
            block.a = a;
            block.a_row_stride = op->a_row_stride;
            block.a_k_stride = op->a_k_stride;
        }
        t->ops->gemm_block(&block);
    }
}

// Columns first ..< first + n of the strip from a packed copy of them.
static void multiply_packing(const gemm_task *const t, const int64_t first, const int64_t n, const int64_t pc,
                             const int64_t kc) {
    const ck_gemm_operation *const op = &t->op;
    const int64_t width = t->ops->gemm_panel;
    const ck_gemm_pack_args pack = {
        .source = op->b + pc * op->b_k_stride + (t->column + first) * op->b_column_stride,
        .k_stride = op->b_k_stride,
        .column_stride = op->b_column_stride,
        .kc = kc,
        .count = n,
        .width = width,
        .packed = t->scratch->b,
        .panel_stride = kc * width};
    t->ops->gemm_pack(&pack);
    multiply_panels(t, t->scratch->b, width, kc * width, first, n, pc, kc);
}

static void multiply_block(const gemm_task *const t, const int64_t pc, const int64_t kc) {
    const ck_gemm_operation *const op = &t->op;
    const int64_t width = t->ops->gemm_panel, lanes = t->ops->lanes;
    if (t->plan->path == CK_GEMM_GEMV) {
        const ck_gemv_block block = {.m = op->m,
                                     .n = t->columns,
                                     .kc = kc,
                                     .a = op->a + pc * op->a_k_stride,
                                     .a_row_stride = op->a_row_stride,
                                     .a_k_stride = op->a_k_stride,
                                     .b = op->b + pc * op->b_k_stride + t->column * op->b_column_stride,
                                     .b_k_stride = op->b_k_stride,
                                     .b_column_stride = op->b_column_stride,
                                     .sums = t->scratch->b,
                                     .sums_stride = ck_round_up(t->columns, lanes),
                                     .column = t->column,
                                     .target = &t->target};
        t->ops->gemv_block(&block);
    } else if (op->packed_b) {
        multiply_panels(t, op->packed_b + t->column * op->k + pc * width, width, op->k * width, 0, t->columns,
                        pc, kc);
    } else if (t->plan->packs_b) {
        multiply_packing(t, 0, t->columns, pc, kc);
    } else {
        // Where B lies; the last vector, if it is not whole, through a packed copy, for nothing may be
        // read beyond B.
        const int64_t whole = t->columns / lanes * lanes;
        if (whole > 0)
            multiply_panels(t, op->b + pc * op->b_k_stride + t->column, op->b_k_stride, width, 0, whole, pc, kc);
        if (whole < t->columns) multiply_packing(t, whole, t->columns - whole, pc, kc);
    }
}

static void run_task(const ck_ops *const ops, const ck_gemm_plan *const plan,
                     const ck_gemm_scratch *const scratch, const ck_gemm_operation *const operation,
                     const int64_t strip, const int64_t part) {
    gemm_task t = {.ops = ops,
                   .plan = plan,
                   .scratch = scratch,
                   .op = plan->exchanged ? exchanged(operation) : *operation,
                   .target = target_of(operation, plan->exchanged)};
    const int64_t unit = plan->path == CK_GEMM_GEMV ? ops->lanes : ops->gemm_panel;
    const int64_t panels = ck_ceil_div(t.op.n, unit), heights = ck_ceil_div(t.op.m, ops->gemm_rows);
    t.column = ck_part_start(panels, plan->strips, strip) * unit;
    t.columns = ck_min(t.op.n, ck_part_start(panels, plan->strips, strip + 1) * unit) - t.column;
    t.row = ck_part_start(heights, plan->parts, part) * ops->gemm_rows;
    t.rows = ck_min(t.op.m, ck_part_start(heights, plan->parts, part + 1) * ops->gemm_rows) - t.row;
    int64_t pc = 0;
    do {
        const int64_t kc = ck_min(CK_GEMM_KC, t.op.k - pc);
        t.target.first = pc == 0;
        t.target.last = pc + kc >= t.op.k;
        multiply_block(&t, pc, kc);
        pc += kc;
    } while (pc < t.op.k);
}

// --- Inside a task of another driver ----------------------------------------------------------------

static ck_gemm_scratch scratch_take(ck_arena *const arena, const ck_gemm_plan *const plan) {
    return (ck_gemm_scratch){.b = ck_arena_take(arena, plan->scratch_b, sizeof(float)),
                             .a = ck_arena_take(arena, plan->scratch_a, sizeof(float))};
}

ck_gemm_serial ck_gemm_serial_take(ck_arena *const arena, const ck_ops *const ops,
                                   const ck_gemm_operation *const largest) {
    const ck_gemm_shape shape = shape_of(largest, 1);
    ck_gemm_serial serial = {.plan = ck_plan_gemm(ops, &shape, 1)};
    serial.scratch = scratch_take(arena, &serial.plan);
    return serial;
}

void ck_gemm_serial_run(const ck_ops *const ops, const ck_gemm_serial *const serial,
                        const ck_gemm_operation *const operation) {
    // The plan is that of the largest operation; a smaller one has at most as many strips and parts.
    ck_gemm_plan plan = serial->plan;
    const int64_t unit = plan.path == CK_GEMM_GEMV ? ops->lanes : ops->gemm_panel;
    const int64_t n = plan.exchanged ? operation->m : operation->n;
    plan.strips = ck_max(1, ck_ceil_div(n, plan.strip_columns / unit * unit));
    for (int64_t strip = 0; strip < plan.strips; ++strip)
        run_task(ops, &plan, &serial->scratch, operation, strip, 0);
}

// --- ck_gemm --------------------------------------------------------------------------------------

typedef struct {
    const ck_gemm_problem *problem;
    const ck_ops *ops;
    ck_gemm_plan plan;
    ck_gemm_scratch *scratch;  // [threads]
} gemm_run;

static ck_gemm_operation operation_of(const ck_gemm_problem *const p, const int64_t index) {
    const bool reads = p->alpha != 0;
    return (ck_gemm_operation){.m = p->m,
                               .n = p->n,
                               .k = reads ? p->k : 0,
                               .a = ck_matrix_at(&p->a, index),
                               .b = p->packed_b ? NULL : ck_matrix_at(&p->b, index),
                               .c = ck_matrix_at(&p->c, index),
                               .a_row_stride = p->a.row_stride,
                               .a_k_stride = p->a.column_stride,
                               .b_k_stride = p->b.row_stride,
                               .b_column_stride = p->b.column_stride,
                               .c_row_stride = p->c.row_stride,
                               .c_column_stride = p->c.column_stride,
                               .alpha = p->alpha,
                               .beta = p->beta,
                               .epilogue = &p->epilogue,
                               .residual = ck_matrix_at(&p->epilogue.residual, index),
                               .packed_b = p->packed_b ? ck_packed_panels(p->packed_b) : NULL};
}

static gemm_run layout(const ck_gemm_problem *const p, const ck_ops *const ops, const int32_t threads,
                       ck_arena *const arena) {
    ck_gemm_problem sizes = *p;  // what the plan looks at, without pointers
    const ck_gemm_shape shape = {.batch = p->batch,
                                 .m = p->m,
                                 .n = p->n,
                                 .k = sizes.alpha != 0 ? p->k : 0,
                                 .a_row_stride = p->a.row_stride,
                                 .a_k_stride = p->a.column_stride,
                                 .b_k_stride = p->b.row_stride,
                                 .b_column_stride = p->b.column_stride,
                                 .packed_b = p->packed_b != NULL};
    gemm_run run = {.problem = p, .ops = ops, .plan = ck_plan_gemm(ops, &shape, threads)};
    run.scratch = ck_arena_take(arena, run.plan.threads, sizeof *run.scratch);
    for (int32_t worker = 0; worker < run.plan.threads; ++worker) {
        const ck_gemm_scratch scratch = scratch_take(arena, &run.plan);
        if (run.scratch) run.scratch[worker] = scratch;
    }
    return run;
}

static void gemm_index(void *const context, const int64_t index, const int32_t worker) {
    const gemm_run *const run = context;
    const int64_t grid = run->plan.strips * run->plan.parts, rest = index % grid;
    const ck_gemm_operation operation = operation_of(run->problem, index / grid);
    run_task(run->ops, &run->plan, &run->scratch[worker], &operation, rest / run->plan.parts,
             rest % run->plan.parts);
}

static ck_status prepare(const ck_kernel kernel, const ck_gemm_problem *const problem,
                         const ck_options *const options, const ck_check check, ck_options *const resolved,
                         size_t *const bytes, ck_diagnosis *const diagnosis) {
    ck_status status = ck_gemm_validate(kernel, problem, check, diagnosis);
    if (status == CK_OK) status = ck_options_resolve(options, resolved, diagnosis);
    if (status == CK_OK && problem->packed_b)
        status = ck_packed_check(problem, ck_ops_for(resolved->isa), diagnosis);
    if (status != CK_OK) return status;
    *bytes = 0;
    if (kernel == CK_NAIVE || problem->batch == 0 || problem->m == 0 || problem->n == 0) return CK_OK;
    ck_arena arena = {0};
    layout(problem, ck_ops_for(resolved->isa), resolved->threads, &arena);
    *bytes = arena.used;
    if (!arena.overflow) return CK_OK;
    *diagnosis = (ck_diagnosis){.argument = CK_ARG_WORKSPACE, .dimension = -1, .expected = INT64_MAX};
    return CK_SIZE_OVERFLOW;
}

ck_status ck_gemm_workspace(const ck_kernel kernel, const ck_gemm_problem *const problem,
                            const ck_options *const options, size_t *const bytes,
                            ck_diagnosis *const diagnosis) {
    ck_diagnosis unused;
    ck_options resolved;
    return prepare(kernel, problem, options, CK_CHECK_LAYOUT, &resolved, bytes,
                   diagnosis ? diagnosis : &unused);
}

ck_status ck_gemm(const ck_kernel kernel, const ck_gemm_problem *const problem,
                  const ck_options *const options, ck_diagnosis *const diagnosis) {
    ck_diagnosis unused, *const told = diagnosis ? diagnosis : &unused;
    ck_options resolved;
    size_t bytes;
    ck_status status =
        prepare(kernel, problem, options, CK_CHECK_LAYOUT_AND_POINTERS, &resolved, &bytes, told);
    if (status != CK_OK || problem->batch == 0 || problem->m == 0 || problem->n == 0) return status;
    if (kernel == CK_NAIVE) {
        ck_gemm_naive(problem, resolved.threads);
        return CK_OK;
    }
    ck_arena arena;
    void *owned;
    status = ck_workspace_open(&resolved, bytes, &arena, &owned, told);
    if (status != CK_OK) return status;
    gemm_run run = layout(problem, ck_ops_for(resolved.isa), resolved.threads, &arena);
    ck_parallel_for(problem->batch * run.plan.strips * run.plan.parts, run.plan.threads, gemm_index, &run);
    free(owned);
    return CK_OK;
}
