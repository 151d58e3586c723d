// ck_gemm_explain: the plan of a product in the words of the C ABI, with the work and the bytes that follow
// from it. Called by users; nothing is computed.
#include "dispatch.h"
#include "gemm.h"
#include "numerics.h"
#include "problem.h"

// Of a weight of quantised types, whose elements are blocks.
static double element_bytes(const ck_dtype dtype) {
    return (double)ck_element_bytes(dtype) / (ck_is_quantised(dtype) ? CK_QUANT_BLOCK : 1);
}

// Bytes of the vectors and the residual, read once.
static double epilogue_bytes(const ck_gemm_problem *const p) {
    const ck_epilogue *const e = &p->epilogue;
    const double floats = (double)e->row_scale.count + (double)e->column_scale.count + (double)e->bias.count;
    double bytes = floats * sizeof(float);
    if (e->residual.data || e->residual.pointers || e->residual.count != 0)
        bytes += (double)p->batch * (double)p->m * (double)p->n * element_bytes(e->residual.dtype);
    return bytes;
}

// A B that serves the whole batch comes from memory once. Blocks of K before the last leave f32 or int32
// sums, in C or beside it.
static void count_work(const ck_gemm_problem *const p, ck_gemm_explanation *const x) {
    const double batch = (double)p->batch, m = (double)x->m, n = (double)x->n, k = (double)x->k;
    x->flops = 2 * batch * m * n * k;
    const double a = m * k * element_bytes(x->exchanged ? p->b.dtype : p->a.dtype);
    const double b = k * n * element_bytes(x->exchanged ? p->a.dtype : p->b.dtype), c = m * n;
    const bool shared_a = !p->a.pointers && p->a.batch_stride == 0;
    const bool shared_b = p->packed_b || (!p->b.pointers && p->b.batch_stride == 0);
    const double as = (x->exchanged ? shared_b : shared_a) ? 1 : batch;
    const double bs = (x->exchanged ? shared_a : shared_b) ? 1 : batch;
    const double blocks = x->rows_outside ? 1 : (double)ck_max(1, ck_ceil_div(x->k, ck_max(1, x->k_block)));
    const double writes = batch * c * (p->beta != 0 ? 2 : 1) * element_bytes(p->c.dtype) + epilogue_bytes(p);
    x->operand_bytes = as * a + bs * b + writes;
    x->traffic_bytes = batch * a * (double)x->strips + batch * b * (double)x->parts + writes +
                       batch * c * 2 * (blocks - 1) * sizeof(float);
}

static void describe_plan(const ck_gemm_problem *const p, const ck_ops *const ops, const int32_t threads,
                          ck_gemm_explanation *const x) {
    const ck_gemm_shape given = ck_gemm_problem_shape(p);
    const ck_gemm_plan plan = ck_plan_gemm(ops, &given, threads);
    const ck_gemm_shape s = plan.exchanged ? ck_gemm_exchange(&given) : given;
    static const ck_gemm_route routes[] = {[CK_GEMM_TILES] = CK_ROUTE_TILES,
                                           [CK_GEMM_THIN] = CK_ROUTE_THIN,
                                           [CK_GEMM_GEMV] = CK_ROUTE_GEMV,
                                           [CK_GEMM_STORED] = CK_ROUTE_GEMV};
    // Integers meet a panel of weights in tiles, whatever the rows.
    x->route = plan.kind == CK_GEMM_SCALED ? CK_ROUTE_TILES : routes[plan.path];
    x->exchanged = plan.exchanged;
    x->packs_a = plan.packs_a;
    x->packs_b = plan.packs_b;
    x->reads_packed_b = s.packed_b;
    x->transposes_c = plan.transposes_c;
    x->rows_outside = plan.rows_outside;
    x->m = s.m;
    x->n = s.n;
    x->k = s.k;
    x->a_k_stride = s.a_k_stride;
    x->b_column_stride = s.b_column_stride;
    x->tile_rows = ops->gemm_rows;
    x->tile_columns = ops->gemm_panel;
    x->k_block = ck_gemm_kc(plan.kind);
    x->strips = plan.strips;
    x->parts = plan.parts;
    x->tasks = s.batch * plan.strips * plan.parts;
    x->strip_columns = plan.strip_columns;
    x->part_rows = plan.part_rows;
    x->threads = plan.threads;
}

ck_status ck_gemm_explain(const ck_kernel kernel, const ck_gemm_problem *const problem,
                          const ck_options *const options, ck_gemm_explanation *const explanation,
                          ck_diagnosis *const diagnosis) {
    size_t bytes;
    ck_status status = ck_gemm_workspace(kernel, problem, options, &bytes, diagnosis);
    ck_diagnosis unused;
    ck_options resolved;
    if (status == CK_OK) status = ck_options_resolve(options, &resolved, diagnosis ? diagnosis : &unused);
    if (status != CK_OK) return status;
    ck_gemm_explanation x = {.isa = resolved.isa,
                             .arithmetic = problem->arithmetic,
                             .m = problem->m,
                             .n = problem->n,
                             .k = problem->alpha != 0 ? problem->k : 0,
                             .workspace_bytes = bytes};
    if (problem->batch > 0 && problem->m > 0 && problem->n > 0) {
        x.threads = resolved.threads;
        if (kernel == CK_NAIVE) {
            // A row is a task and reads all of B; C is written once.
            x.route = CK_ROUTE_NAIVE;
            x.strips = x.part_rows = 1;
            x.rows_outside = true;
            x.strip_columns = x.n;
            x.parts = x.m;
            x.tasks = problem->batch * x.m;
            x.k_block = x.k;
        } else {
            const ck_ops *const ops = ck_ops_for(resolved.isa);
            describe_plan(problem, ops, resolved.threads, &x);
            x.is_block = kernel == CK_FUSED && ck_gemm_is_usual(problem) &&
                         ck_gemm_block_way_of(ops, problem, resolved.threads) != CK_GEMM_NO_BLOCK;
        }
        count_work(problem, &x);
    }
    *explanation = x;
    return CK_OK;
}
