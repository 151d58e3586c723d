// ck_gemm_pack: B into panels, once for many products. Called by users; gemm.c reads the result.
#include "gemm_packed.h"

#include <string.h>

#include "parallel.h"
#include "problem.h"

static const char magic[8] = "CKPACK1";

static ck_status report(ck_diagnosis *const diagnosis, const ck_status status, const int64_t actual,
                        const int64_t expected) {
    *diagnosis =
        (ck_diagnosis){.argument = CK_ARG_PACKED_B, .dimension = -1, .actual = actual, .expected = expected};
    return status;
}

// k and n are at most 2^31, so this fits.
static size_t bytes_of(const ck_ops *const ops, const int64_t k, const int64_t n) {
    return sizeof(ck_packed_header) + (size_t)(ck_round_up(n, ops->gemm_panel) * k) * sizeof(float);
}

ck_status ck_packed_check(const ck_gemm_problem *const p, const ck_ops *const ops,
                          ck_diagnosis *const diagnosis) {
    const ck_packed_header *const h = p->packed_b;
    const size_t bytes = bytes_of(ops, p->k, p->n);
    if ((uintptr_t)h % CK_ALIGNMENT != 0)
        return report(diagnosis, CK_BAD_PACKED, (int64_t)((uintptr_t)h % CK_ALIGNMENT), 0);
    if (p->packed_b_bytes < sizeof *h || memcmp(h->magic, magic, sizeof magic) != 0)
        return report(diagnosis, CK_BAD_PACKED, (int64_t)p->packed_b_bytes, (int64_t)bytes);
    if (h->isa != (int32_t)ops->isa || h->width != ops->gemm_panel) {
        const ck_status status = report(diagnosis, CK_BAD_PACKED, h->isa, ops->isa);
        diagnosis->other = CK_ARG_ISA;
        return status;
    }
    if (h->k != p->k) return report(diagnosis, CK_BAD_PACKED, h->k, p->k);
    if (h->n != p->n) return report(diagnosis, CK_BAD_PACKED, h->n, p->n);
    if (h->dtype != CK_F32) return report(diagnosis, CK_BAD_PACKED, h->dtype, CK_F32);
    if (p->packed_b_bytes != bytes)
        return report(diagnosis, CK_BAD_PACKED, (int64_t)p->packed_b_bytes, (int64_t)bytes);
    return CK_OK;
}

// The product of which only B is of interest.
static ck_gemm_problem only_b(const ck_gemm_problem *const p) {
    return (ck_gemm_problem){.batch = 1, .n = p->n, .k = p->k, .b = p->b};
}

static ck_status prepare(const ck_gemm_problem *const problem, const ck_options *const options,
                         const ck_check check, ck_options *const resolved, ck_diagnosis *const diagnosis) {
    const ck_gemm_problem p = only_b(problem);
    const ck_status status = ck_gemm_validate(CK_FUSED, &p, check, diagnosis);
    return status == CK_OK ? ck_options_resolve(options, resolved, diagnosis) : status;
}

ck_status ck_gemm_packed_bytes(const ck_gemm_problem *const problem, const ck_options *const options,
                               size_t *const bytes, ck_diagnosis *const diagnosis) {
    ck_diagnosis unused;
    ck_options resolved;
    const ck_status status =
        prepare(problem, options, CK_CHECK_LAYOUT, &resolved, diagnosis ? diagnosis : &unused);
    if (status == CK_OK) *bytes = bytes_of(ck_ops_for(resolved.isa), problem->k, problem->n);
    return status;
}

typedef struct {
    const ck_gemm_problem *problem;
    const ck_ops *ops;
    float *panels;
} pack_run;

static void pack_panel(void *const context, const int64_t index, const int32_t worker) {
    (void)worker;
    const pack_run *const run = context;
    const ck_gemm_problem *const p = run->problem;
    const int64_t width = run->ops->gemm_panel, column = index * width;
    const ck_gemm_pack_args pack = {.source = ck_matrix_at(&p->b, 0) + column * p->b.column_stride,
                                    .k_stride = p->b.row_stride,
                                    .column_stride = p->b.column_stride,
                                    .kc = p->k,
                                    .count = ck_min(width, p->n - column),
                                    .width = width,
                                    .packed = run->panels + column * p->k,
                                    .panel_stride = p->k * width};
    run->ops->gemm_pack(&pack);
}

ck_status ck_gemm_pack(const ck_gemm_problem *const problem, const ck_options *const options,
                       void *const packed, const size_t bytes, ck_diagnosis *const diagnosis) {
    ck_diagnosis unused, *const told = diagnosis ? diagnosis : &unused;
    ck_options resolved;
    const ck_status status = prepare(problem, options, CK_CHECK_LAYOUT_AND_POINTERS, &resolved, told);
    if (status != CK_OK) return status;
    const ck_ops *const ops = ck_ops_for(resolved.isa);
    const size_t needed = bytes_of(ops, problem->k, problem->n);
    if (bytes < needed || (uintptr_t)packed % CK_ALIGNMENT != 0)
        return report(told, CK_SMALL_WORKSPACE, (int64_t)bytes, (int64_t)needed);
    ck_packed_header header = {.k = problem->k,
                               .n = problem->n,
                               .isa = (int32_t)resolved.isa,
                               .dtype = CK_F32,
                               .width = ops->gemm_panel};
    memcpy(header.magic, magic, sizeof magic);
    memcpy(packed, &header, sizeof header);
    pack_run run = {
        .problem = problem, .ops = ops, .panels = (float *)(void *)((char *)packed + sizeof header)};
    if (problem->k > 0)
        ck_parallel_for(ck_ceil_div(problem->n, ops->gemm_panel), resolved.threads, pack_panel, &run);
    return CK_OK;
}

ck_status ck_gemm_packed_inspect(const void *const packed, const size_t bytes, ck_packed_info *const info,
                                 ck_diagnosis *const diagnosis) {
    ck_diagnosis unused, *const told = diagnosis ? diagnosis : &unused;
    if (bytes < sizeof(ck_packed_header))
        return report(told, CK_BAD_PACKED, (int64_t)bytes, sizeof(ck_packed_header));
    if ((uintptr_t)packed % CK_ALIGNMENT != 0)
        return report(told, CK_BAD_PACKED, (int64_t)((uintptr_t)packed % CK_ALIGNMENT), 0);
    const ck_packed_header *const h = packed;
    const ck_ops *const ops = ck_ops_for((ck_isa)h->isa);
    if (memcmp(h->magic, magic, sizeof magic) != 0 || !ops || h->dtype != CK_F32 ||
        h->width != ops->gemm_panel || h->k < 0 || h->k > INT32_MAX || h->n < 0 || h->n > INT32_MAX)
        return report(told, CK_BAD_PACKED, 0, 1);
    const size_t expected = bytes_of(ops, h->k, h->n);
    if (bytes != expected) return report(told, CK_BAD_PACKED, (int64_t)bytes, (int64_t)expected);
    *info = (ck_packed_info){.k = h->k, .n = h->n, .isa = ops->isa, .dtype = CK_F32};
    return CK_OK;
}
