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
    ck_gemm_shape shape = ck_gemm_shape_of(largest, 1);
    shape.or_smaller = true;
    ck_gemm_serial serial = {.plan = ck_plan_gemm(ops, &shape, 1)};
    serial.scratch = scratch_take(arena, &serial.plan);
    return serial;
}

void ck_gemm_serial_run(const ck_ops *const ops, const ck_gemm_serial *const serial,
                        const ck_gemm_operation *const operation) {
    // The plan is that of the largest operation; a smaller one has at most as many strips and parts.
    ck_gemm_plan plan = serial->plan;
    const int64_t n = plan.exchanged ? operation->m : operation->n;
    plan.strips = ck_max(1, ck_ceil_div(n, plan.strip_columns));
    for (int64_t strip = 0; strip < plan.strips; ++strip)
        ck_gemm_task(ops, &plan, &serial->scratch, operation, strip, 0);
}

typedef struct {
    const ck_gemm_problem *problem;
    const ck_ops *ops;
    ck_gemm_plan plan;
    ck_gemm_scratch *scratch;  // [threads]
} gemm_run;

// Sizes, strides and types: what a problem has without its memory.
static ck_gemm_operation sizes_of(const ck_gemm_problem *const p) {
    return (ck_gemm_operation){.m = p->m,
                               .n = p->n,
                               .k = p->alpha != 0 ? p->k : 0,
                               .a_row_stride = p->a.row_stride,
                               .a_k_stride = p->a.column_stride,
                               .b_k_stride = p->b.row_stride,
                               .b_column_stride = p->b.column_stride,
                               .c_row_stride = p->c.row_stride,
                               .c_column_stride = p->c.column_stride,
                               .a_dtype = p->a.dtype,
                               .b_dtype = p->b.dtype,
                               .c_dtype = p->c.dtype,
                               .alpha = p->alpha,
                               .beta = p->beta,
                               .epilogue = &p->epilogue,
                               .packed_b = p->packed_b ? ck_packed_panels(p->packed_b) : NULL};
}

static ck_gemm_operation operation_of(const ck_gemm_problem *const p, const int64_t index) {
    ck_gemm_operation operation = sizes_of(p);
    operation.a = ck_matrix_at(&p->a, index);
    operation.b = p->packed_b ? NULL : ck_matrix_at(&p->b, index);
    operation.c = ck_matrix_at(&p->c, index);
    operation.residual = ck_matrix_at(&p->epilogue.residual, index);
    return operation;
}

ck_gemm_shape ck_gemm_problem_shape(const ck_gemm_problem *const p) {
    const ck_gemm_operation sizes = sizes_of(p);
    return ck_gemm_shape_of(&sizes, p->batch);
}

// The scratch of every worker; the array is filled when the arena has memory.
static ck_gemm_scratch *layout(const ck_gemm_plan *const plan, ck_arena *const arena) {
    ck_gemm_scratch *const scratch = ck_arena_take(arena, plan->threads, sizeof *scratch);
    for (int32_t worker = 0; worker < plan->threads; ++worker) {
        const ck_gemm_scratch one = scratch_take(arena, plan);
        if (scratch) scratch[worker] = one;
    }
    return scratch;
}

static void gemm_index(void *const context, const int64_t index, const int32_t worker) {
    const gemm_run *const run = context;
    const int64_t parts = run->plan.parts, grid = run->plan.strips * parts;
    const int64_t matrix = grid == 1 ? index : index / grid, rest = index - matrix * grid;
    const int64_t strip = parts == 1 ? rest : rest / parts;
    const ck_gemm_operation operation = operation_of(run->problem, matrix);
    ck_gemm_task(run->ops, &run->plan, &run->scratch[worker], &operation, strip, rest - strip * parts);
}

static ck_status prepare(const ck_kernel kernel, const ck_gemm_problem *const problem,
                         const ck_options *const options, const ck_check check, ck_options *const resolved,
                         ck_gemm_plan *const plan, size_t *const bytes, ck_diagnosis *const diagnosis) {
    ck_status status = ck_gemm_validate(kernel, problem, check, diagnosis);
    if (status == CK_OK) status = ck_options_resolve(options, resolved, diagnosis);
    if (status == CK_OK && problem->packed_b)
        status = ck_packed_check(problem, ck_ops_for(resolved->isa), diagnosis);
    if (status != CK_OK) return status;
    *bytes = 0;
    if (kernel == CK_NAIVE || problem->batch == 0 || problem->m == 0 || problem->n == 0) return CK_OK;
    const ck_gemm_shape shape = ck_gemm_problem_shape(problem);
    *plan = ck_plan_gemm(ck_ops_for(resolved->isa), &shape, resolved->threads);
    ck_arena arena = {0};
    layout(plan, &arena);
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
    ck_gemm_plan plan;
    return prepare(kernel, problem, options, CK_CHECK_LAYOUT, &resolved, &plan, bytes,
                   diagnosis ? diagnosis : &unused);
}

// Scratch of this size is taken from the stack if the caller gives none: B^T of 64 x 64.
#define STACK_SCRATCH (20 * 1024)

ck_status ck_gemm(const ck_kernel kernel, const ck_gemm_problem *const problem,
                  const ck_options *const options, ck_diagnosis *const diagnosis) {
    ck_diagnosis unused, *const told = diagnosis ? diagnosis : &unused;
    ck_options resolved;
    size_t bytes;
    gemm_run run = {.problem = problem};
    ck_status status =
        prepare(kernel, problem, options, CK_CHECK_LAYOUT_AND_POINTERS, &resolved, &run.plan, &bytes, told);
    if (status != CK_OK || problem->batch == 0 || problem->m == 0 || problem->n == 0) return status;
    if (kernel == CK_NAIVE) {
        ck_gemm_naive(problem, resolved.threads);
        return CK_OK;
    }
    _Alignas(CK_ALIGNMENT) char stack[STACK_SCRATCH];
    if (!resolved.workspace && bytes <= sizeof stack) {
        resolved.workspace = stack;
        resolved.workspace_bytes = sizeof stack;
    }
    ck_arena arena;
    void *owned;
    status = ck_workspace_open(&resolved, bytes, &arena, &owned, told);
    if (status != CK_OK) return status;
    run.ops = ck_ops_for(resolved.isa);
    run.scratch = layout(&run.plan, &arena);
    ck_parallel_for(problem->batch * run.plan.strips * run.plan.parts, run.plan.threads, gemm_index, &run);
    free(owned);
    return CK_OK;
}
