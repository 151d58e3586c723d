// C = alpha op(A) op(B) + beta C, after Goto and van de Geijn (2008) and BLIS: loops jc, pc, ic here,
// jr, ir and the microkernel in kernels/gemm.inc. For each KC x NC block of B and MC x KC block of A,
// all threads pack (one parallel_for), then compute tiles of C from the shared copies (another).
//
// An element of C is the sum, over blocks of KC in ascending order, of one ascending chain of FMAs
// each: its bits do not depend on M, N, the batch, the blocking, the threads or the FMA ISA.
#include "gemm.h"

#include "driver.h"
#include "numerics.h"
#include "parallel.h"
#include "problem.h"
#include "reference.h"

ck_gemm_scratch ck_gemm_scratch_take(ck_arena *const arena, const ck_ops *const ops, const int64_t m,
                                     const int64_t n, const int64_t k, const int32_t threads) {
    ck_gemm_scratch scratch = {.plan = ck_plan_gemm(ops, m, n, k, threads)};
    const int64_t kc = ck_min(k, CK_GEMM_KC);
    scratch.a =
        ck_arena_take(arena, ck_round_up(ck_min(m, scratch.plan.mc), ops->gemm_mr) * kc, sizeof(float));
    scratch.b =
        ck_arena_take(arena, ck_round_up(ck_min(n, scratch.plan.nc), ops->gemm_nr) * kc, sizeof(float));
    return scratch;
}

// One step of the jc, pc, ic loops.
typedef struct {
    const ck_ops *ops;
    const ck_gemm_scratch *scratch;
    const ck_gemm_operation *op;
    int64_t ic, mc, jc, nc, pc, kc;
    int64_t a_tasks, b_tasks, row_tasks;
    bool packs_b;
} step;

// Panels a packing task: about 64 KB, enough to outweigh taking a task.
#define PACK_TASK_FLOATS 16384

static int64_t lines_per_task(const int64_t width, const int64_t kc) {
    return ck_max(1, PACK_TASK_FLOATS / (width * kc)) * width;
}

static void pack_task(void *const context, const int64_t index, const int32_t worker) {
    (void)worker;
    const step *const s = context;
    const ck_gemm_operation *const op = s->op;
    const bool is_a = index < s->a_tasks;
    const int64_t width = is_a ? s->ops->gemm_mr : s->ops->gemm_nr;
    const int64_t lines = lines_per_task(width, s->kc);
    const int64_t first = (is_a ? index : index - s->a_tasks) * lines, all = is_a ? s->mc : s->nc;
    ck_pack pack = {.line_contiguous = is_a ? !op->transpose_a : op->transpose_b,
                    .stride = is_a ? op->a_stride : op->b_stride,
                    .count = ck_min(lines, all - first),
                    .kc = s->kc,
                    .packed = (is_a ? s->scratch->a : s->scratch->b) + first * s->kc};
    const int64_t line = (is_a ? s->ic : s->jc) + first;
    pack.source = (is_a ? op->a : op->b) +
                  (pack.line_contiguous ? line * pack.stride + s->pc : s->pc * pack.stride + line);
    (is_a ? s->ops->gemm_pack_a : s->ops->gemm_pack_b)(&pack);
}

static void compute_task(void *const context, const int64_t index, const int32_t worker) {
    (void)worker;
    const step *const s = context;
    const ck_gemm_operation *const op = s->op;
    const ck_gemm_plan *const plan = &s->scratch->plan;
    const int64_t row = index % s->row_tasks * plan->mb, column = index / s->row_tasks * plan->nb;
    const ck_gemm_block block = {.m = ck_min(plan->mb, s->mc - row),
                                 .n = ck_min(plan->nb, s->nc - column),
                                 .kc = s->kc,
                                 .a = s->scratch->a + row * s->kc,
                                 .b = s->scratch->b + column * s->kc,
                                 .c = op->c + (s->ic + row) * op->c_stride + s->jc + column,
                                 .c_stride = op->c_stride,
                                 .alpha = op->alpha,
                                 .beta = op->beta,
                                 .accumulate = s->pc > 0};
    s->ops->gemm_block(&block);
}

static void run_step(step *const s, const int32_t threads) {
    const int64_t mr = s->ops->gemm_mr, nr = s->ops->gemm_nr;
    s->a_tasks = ck_ceil_div(s->mc, lines_per_task(mr, s->kc));
    const int64_t b_tasks = s->packs_b ? ck_ceil_div(s->nc, lines_per_task(nr, s->kc)) : 0;
    ck_parallel_for(s->a_tasks + b_tasks, threads, pack_task, s);
    s->row_tasks = ck_ceil_div(s->mc, s->scratch->plan.mb);
    ck_parallel_for(s->row_tasks * ck_ceil_div(s->nc, s->scratch->plan.nb), threads, compute_task, s);
}

void ck_gemm_run(const ck_ops *const ops, const ck_gemm_scratch *const scratch,
                 const ck_gemm_operation *const op) {
    const ck_gemm_plan *const plan = &scratch->plan;
    step s = {.ops = ops, .scratch = scratch, .op = op};
    for (s.jc = 0; s.jc < op->n; s.jc += plan->nc) {
        s.nc = ck_min(plan->nc, op->n - s.jc);
        for (s.pc = 0; s.pc < op->k; s.pc += CK_GEMM_KC) {
            s.kc = ck_min(CK_GEMM_KC, op->k - s.pc);
            for (s.ic = 0; s.ic < op->m; s.ic += plan->mc) {
                s.mc = ck_min(plan->mc, op->m - s.ic);
                s.packs_b = s.ic == 0;
                run_step(&s, plan->threads);
            }
        }
    }
}

// C = beta * C, where there is nothing to add.
static void scale_c(const ck_gemm_problem *const p) {
    for (int64_t n = 0; n < p->batch; ++n) {
        for (int64_t i = 0; i < p->m; ++i) {
            float *const c = (float *)p->c.data + p->c.offset + n * p->c.batch_stride + i * p->c.row_stride;
            for (int64_t j = 0; j < p->n; ++j) c[j] = p->beta == 0 ? 0 : p->beta * c[j];
        }
    }
}

static ck_gemm_operation operation_of(const ck_gemm_problem *const p, const int64_t index) {
    return (ck_gemm_operation){
        .m = p->m,
        .n = p->n,
        .k = p->k,
        .a = (const float *)p->a.data + p->a.offset + index * p->a.batch_stride,
        .b = (const float *)p->b.data + p->b.offset + index * p->b.batch_stride,
        .c = (float *)p->c.data + p->c.offset + index * p->c.batch_stride,
        .a_stride = p->a.row_stride,
        .b_stride = p->b.row_stride,
        .c_stride = p->c.row_stride,
        .transpose_a = p->transpose_a,
        .transpose_b = p->transpose_b,
        .alpha = p->alpha,
        .beta = p->beta,
    };
}

// A batch of at least as many matrices as threads is shared out whole; a smaller one takes all threads
// for one matrix after the other.
typedef struct {
    const ck_gemm_problem *problem;
    const ck_ops *ops;
    int32_t workers;
    ck_gemm_scratch *scratch;  // [workers]
} batch_run;

static batch_run layout(const ck_gemm_problem *const p, const ck_ops *const ops, const int32_t threads,
                        ck_arena *const arena) {
    const bool shares = p->batch >= threads;
    batch_run run = {.problem = p, .ops = ops, .workers = shares ? threads : 1};
    run.scratch = ck_arena_take(arena, run.workers, sizeof *run.scratch);
    for (int32_t worker = 0; worker < run.workers; ++worker) {
        const ck_gemm_scratch scratch =
            ck_gemm_scratch_take(arena, ops, p->m, p->n, p->k, shares ? 1 : threads);
        if (run.scratch) run.scratch[worker] = scratch;
    }
    return run;
}

static void batch_task(void *const context, const int64_t index, const int32_t worker) {
    const batch_run *const run = context;
    const ck_gemm_operation operation = operation_of(run->problem, index);
    ck_gemm_run(run->ops, &run->scratch[worker], &operation);
}

static ck_status prepare(const ck_kernel kernel, const ck_gemm_problem *const problem,
                         const ck_options *const options, const ck_check check, ck_options *const resolved,
                         size_t *const bytes, ck_diagnosis *const diagnosis) {
    ck_status status = ck_gemm_validate(kernel, problem, check, diagnosis);
    if (status == CK_OK) status = ck_options_resolve(options, resolved, diagnosis);
    if (status != CK_OK) return status;
    *bytes = 0;
    if (kernel == CK_NAIVE || problem->k == 0 || problem->m == 0 || problem->n == 0) return CK_OK;
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
    if (problem->k == 0 || problem->alpha == 0) {
        scale_c(problem);
        return CK_OK;
    }
    if (kernel == CK_NAIVE) {
        ck_gemm_naive(problem, resolved.threads);
        return CK_OK;
    }
    ck_arena arena;
    void *owned;
    status = ck_workspace_open(&resolved, bytes, &arena, &owned, told);
    if (status != CK_OK) return status;
    batch_run run = layout(problem, ck_ops_for(resolved.isa), resolved.threads, &arena);
    ck_parallel_for(problem->batch, run.workers, batch_task, &run);
    free(owned);
    return CK_OK;
}
