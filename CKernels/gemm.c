// C = epilogue(alpha A B + beta C): the plan, its memory, and tasks of strips x parts (gemm_task.c) on the
// threads. A call of a small product costs what its validation and plan cost, so both are written to be
// cheap: no division, no look at the environment, no heap.
#include "gemm.h"

#include "driver.h"
#include "gemm_packed.h"
#include "parallel.h"
#include "problem.h"
#include "reference.h"

static void *take(ck_arena *const arena, const int64_t count, const size_t size) {
    return count == 0 ? NULL : ck_arena_take(arena, count, size);
}

static ck_gemm_scratch scratch_take(ck_arena *const arena, const ck_gemm_plan *const plan) {
    return (ck_gemm_scratch){.b = take(arena, plan->scratch_b, sizeof(float)),
                             .a = take(arena, plan->scratch_a, sizeof(float)),
                             .c = take(arena, plan->scratch_c, sizeof(float)),
                             .sums = take(arena, plan->scratch_sums, sizeof(float)),
                             .stored = take(arena, plan->scratch_stored, 1)};
}

ck_gemm_serial ck_gemm_serial_take(ck_arena *const arena, const ck_ops *const ops,
                                   const ck_gemm_operation *const largest) {
    ck_gemm_shape shape = largest->shape;
    shape.or_smaller = true;
    ck_gemm_serial serial = {.plan = ck_plan_gemm(ops, &shape, 1)};
    serial.scratch = scratch_take(arena, &serial.plan);
    return serial;
}

void ck_gemm_serial_run(const ck_ops *const ops, const ck_gemm_serial *const serial,
                        const ck_gemm_operation *const operation) {
    // The plan is that of the largest operation; a smaller one has at most as many strips and parts.
    ck_gemm_plan plan = serial->plan;
    const int64_t n = plan.exchanged ? operation->shape.m : operation->shape.n;
    plan.strips = ck_max(1, ck_ceil_div(n, plan.strip_columns));
    for (int64_t strip = 0; strip < plan.strips; ++strip)
        ck_gemm_task(ops, &plan, &serial->scratch, operation, strip, 0);
}

typedef struct {
    const ck_gemm_problem *problem;
    const ck_ops *ops;
    ck_gemm_shape shape;
    ck_gemm_plan plan;
    ck_gemm_scratch *scratch;  // [threads]
    ck_scaled_block *scaled;   // of CK_GEMM_SCALED: the rows of A of all matrices, one after the other
} gemm_run;

// B as a block reads it: where it lies, or packed.
typedef struct {
    const float *panels;
    int64_t k_stride, panel_stride;
} block_b;

static block_b natural_b(const ck_ops *const ops, const ck_gemm_problem *const p, const int64_t index) {
    return (block_b){ck_matrix_at(&p->b, index), p->b.row_stride, ops->gemm_panel};
}

// All that a small product comes to, without the steps to it: with a plan, memory and a task, 16 x 16
// matrices took 1.6 times as long.
static void multiply_block(const ck_ops *const ops, const ck_gemm_problem *const p, const int64_t index,
                           const block_b b) {
    const ck_gemm_target target = {.c = ck_matrix_at(&p->c, index),
                                   .c_dtype = CK_F32,
                                   .c_row_stride = p->c.row_stride,
                                   .c_column_stride = 1,
                                   .first = true,
                                   .last = true,
                                   .direct = true,
                                   .alpha = p->alpha,
                                   .beta = p->beta,
                                   .epilogue = &p->epilogue};
    const ck_gemm_block block = {.kind = CK_GEMM_F32,
                                 .m = p->m,
                                 .n = p->n,
                                 .words = p->k,
                                 .a = ck_matrix_at(&p->a, index),
                                 .a_row_bytes = p->a.row_stride * (int64_t)sizeof(float),
                                 .a_k_bytes = sizeof(float),
                                 .b = b.panels,
                                 .b_k_stride = b.k_stride,
                                 .b_panel_stride = b.panel_stride,
                                 .a_comes = ck_gemm_a_comes(ops, p->m, p->n, p->k),
                                 .near = ck_gemm_is_near(p->m, p->k),
                                 .target = &target};
    ops->gemm_block(&block);
}

static ck_gemm_operation operation_of(const gemm_run *const run, const int64_t index) {
    const ck_gemm_problem *const p = run->problem;
    const int64_t blocks = run->shape.m * run->shape.k / CK_QUANT_BLOCK;
    return (ck_gemm_operation){.shape = run->shape,
                               .a = run->scaled ? run->scaled + index * blocks : ck_matrix_at(&p->a, index),
                               .b = p->packed_b ? NULL : ck_matrix_at(&p->b, index),
                               .c = ck_matrix_at(&p->c, index),
                               .alpha = p->alpha,
                               .beta = p->beta,
                               .epilogue = &p->epilogue,
                               .residual = ck_matrix_at(&p->epilogue.residual, index),
                               .packed_b = p->packed_b ? ck_packed_panels(p->packed_b) : NULL};
}

// The scratch of all workers and of each; the array is filled when the arena has memory.
static ck_gemm_scratch *layout(const ck_gemm_plan *const plan, ck_arena *const arena,
                               ck_scaled_block **const scaled) {
    *scaled = take(arena, plan->scaled_blocks, sizeof **scaled);
    ck_gemm_scratch *const scratch = ck_arena_take(arena, plan->threads, sizeof *scratch);
    for (int32_t worker = 0; worker < plan->threads; ++worker) {
        const ck_gemm_scratch one = scratch_take(arena, plan);
        if (scratch) scratch[worker] = one;
    }
    return scratch;
}

static void gemm_index(void *const context, const int64_t index, const int32_t worker) {
    const gemm_run *const run = context;
    if (run->plan.is_block) {
        multiply_block(run->ops, run->problem, index, natural_b(run->ops, run->problem, index));
        return;
    }
    const int64_t strips = run->plan.strips, grid = strips * run->plan.parts;
    const int64_t matrix = grid == 1 ? index : index / grid, rest = index - matrix * grid;
    const int64_t part = rest < strips ? 0 : rest / strips;
    const ck_gemm_operation operation = operation_of(run, matrix);
    ck_gemm_task(run->ops, &run->plan, &run->scratch[worker], &operation, rest - part * strips, part);
}

// Rows of A that become blocks of integers in one task: some 2 us of SmolLM2's.
#define SCALED_ROWS 16

static void scale_rows(void *const context, const int64_t index, const int32_t worker) {
    (void)worker;
    const gemm_run *const run = context;
    const ck_gemm_problem *const p = run->problem;
    const int64_t blocks = p->k / CK_QUANT_BLOCK, end = ck_min((index + 1) * SCALED_ROWS, p->batch * p->m);
    for (int64_t row = index * SCALED_ROWS; row < end; ++row) {
        const int64_t matrix = row / p->m;
        const ck_scale_args args = {
            .dtype = p->a.dtype,
            .source = ck_element_at(ck_matrix_at(&p->a, matrix), p->a.dtype, row % p->m * p->a.row_stride),
            .k_stride = p->a.column_stride,
            .blocks = blocks,
            .target = run->scaled + row * blocks};
        run->ops->gemm_scale(&args);
    }
}

// What the call asks for: the problem is sound, and `resolved` says how it runs.
static ck_status resolve(const ck_kernel kernel, const ck_gemm_problem *const problem,
                         const ck_options *const options, const ck_check check, ck_options *const resolved,
                         ck_diagnosis *const diagnosis) {
    ck_status status = ck_gemm_validate(kernel, problem, check, diagnosis);
    if (status == CK_OK) status = ck_options_resolve(options, resolved, diagnosis);
    if (status == CK_OK && problem->packed_b)
        status = ck_packed_check(problem, ck_ops_for(resolved->isa), diagnosis);
    return status;
}

static bool is_empty(const ck_gemm_problem *const p) { return p->batch == 0 || p->m == 0 || p->n == 0; }

static gemm_run run_of(const ck_gemm_problem *const problem, const ck_options *const resolved) {
    const ck_ops *const ops = ck_ops_for(resolved->isa);
    const ck_gemm_shape shape = ck_gemm_problem_shape(problem);
    return (gemm_run){
        .problem = problem, .ops = ops, .shape = shape, .plan = ck_plan_gemm(ops, &shape, resolved->threads)};
}

static ck_status measure(const gemm_run *const run, size_t *const bytes, ck_diagnosis *const diagnosis) {
    ck_arena arena = {0};
    ck_scaled_block *scaled;
    layout(&run->plan, &arena, &scaled);
    *bytes = arena.used;
    if (!arena.overflow) return CK_OK;
    *diagnosis = (ck_diagnosis){.argument = CK_ARG_WORKSPACE, .dimension = -1, .expected = INT64_MAX};
    return CK_SIZE_OVERFLOW;
}

ck_status ck_gemm_workspace(const ck_kernel kernel, const ck_gemm_problem *const problem,
                            const ck_options *const options, size_t *const bytes,
                            ck_diagnosis *const diagnosis) {
    ck_diagnosis unused, *const told = diagnosis ? diagnosis : &unused;
    ck_options resolved;
    *bytes = 0;
    const ck_status status = resolve(kernel, problem, options, CK_CHECK_LAYOUT, &resolved, told);
    if (status != CK_OK || kernel == CK_NAIVE || is_empty(problem)) return status;
    const gemm_run run = run_of(problem, &resolved);
    return measure(&run, bytes, told);
}

static __attribute__((noinline)) ck_status run_tasks(const ck_gemm_problem *const problem,
                                                     ck_options *const resolved,
                                                     ck_diagnosis *const diagnosis) {
    size_t bytes;
    gemm_run run = run_of(problem, resolved);
    ck_status status = measure(&run, &bytes, diagnosis);
    if (status != CK_OK) return status;
    _Alignas(CK_ALIGNMENT) char stack[CK_GEMM_STACK_BYTES];
    if (!resolved->workspace && bytes <= sizeof stack) {
        resolved->workspace = stack;
        resolved->workspace_bytes = sizeof stack;
    }
    ck_arena arena;
    void *owned;
    status = ck_workspace_open(resolved, bytes, &arena, &owned, diagnosis);
    if (status != CK_OK) return status;
    run.scratch = layout(&run.plan, &arena, &run.scaled);
    // Every task reads all of A's rows: they are made once, before.
    if (run.scaled)
        ck_parallel_for(ck_ceil_div(problem->batch * problem->m, SCALED_ROWS), run.plan.threads, scale_rows,
                        &run);
    ck_parallel_for(problem->batch * run.plan.strips * run.plan.parts, run.plan.threads, gemm_index, &run);
    free(owned);
    return CK_OK;
}

// A block whose B lies along k, packed on the stack.
static __attribute__((noinline)) void pack_block(const ck_ops *const ops, const ck_gemm_problem *const p) {
    _Alignas(CK_ALIGNMENT) float panels[CK_GEMM_STACK_BYTES / sizeof(float)];
    const block_b b = {panels, ops->gemm_panel, p->k * ops->gemm_panel};
    const ck_gemm_pack_args pack = {.kind = CK_GEMM_F32,
                                    .dtype = CK_F32,
                                    .source = ck_matrix_at(&p->b, 0),
                                    .k_stride = p->b.row_stride,
                                    .column_stride = p->b.column_stride,
                                    .kc = p->k,
                                    .count = p->n,
                                    .width = b.k_stride,
                                    .packed = panels,
                                    .panel_stride = b.panel_stride};
    ops->gemm_pack(&pack);
    multiply_block(ops, p, 0, b);
}

// A usual product that is one block on one thread: what it needs is decided here. A workspace that is no good
// is refused by the longer way, though a block needs none; so is one that B is to be packed into.
static bool run_block(const ck_gemm_problem *const p, const ck_options *const resolved) {
    const ck_ops *const ops = ck_ops_for(resolved->isa);
    const bool is_refused = resolved->workspace && ((uintptr_t)resolved->workspace % CK_ALIGNMENT != 0 ||
                                                    resolved->workspace_bytes < CK_ALIGNMENT);
    if (is_refused) return false;
    const ck_gemm_block_way way = ck_gemm_block_way_of(ops, p, resolved->threads);
    if (way == CK_GEMM_BLOCK) multiply_block(ops, p, 0, natural_b(ops, p, 0));
    if (way != CK_GEMM_BLOCK_PACKED) return way == CK_GEMM_BLOCK;
    if (resolved->workspace) return false;
    pack_block(ops, p);
    return true;
}

ck_status ck_gemm(const ck_kernel kernel, const ck_gemm_problem *const problem,
                  const ck_options *const options, ck_diagnosis *const diagnosis) {
    ck_diagnosis unused, *const told = diagnosis ? diagnosis : &unused;
    ck_options resolved;
    if (kernel == CK_FUSED && ck_gemm_is_usual(problem)) {
        const ck_status status = ck_options_resolve(options, &resolved, told);
        if (status != CK_OK || run_block(problem, &resolved)) return status;
        return run_tasks(problem, &resolved, told);
    }
    const ck_status status = resolve(kernel, problem, options, CK_CHECK_LAYOUT_AND_POINTERS, &resolved, told);
    if (status != CK_OK || is_empty(problem)) return status;
    if (kernel == CK_NAIVE) {
        ck_gemm_naive(problem, resolved.threads);
        return CK_OK;
    }
    return run_tasks(problem, &resolved, told);
}
