// ck_gemm_pack: B into panels, once for many products. Called by users; gemm.c reads the result.
#include "gemm_packed.h"

#include <string.h>

#include "gemm_stored.h"
#include "parallel.h"
#include "problem.h"

static const char magic[8] = "CKPACK1";

static ck_status report(ck_diagnosis *const diagnosis, const ck_status status, const int64_t actual,
                        const int64_t expected) {
    *diagnosis =
        (ck_diagnosis){.argument = CK_ARG_PACKED_B, .dimension = -1, .actual = actual, .expected = expected};
    return status;
}

// Quantised weights are laid out the same whatever they are multiplied as.
static ck_gemm_kind layout_kind(const ck_ops *const ops, const ck_dtype a, const ck_dtype b) {
    return ck_is_quantised(b) ? CK_GEMM_F32 : ck_gemm_kind_of(ops, a, b);
}

static ck_gemm_kind kind_of(const ck_gemm_problem *const p, const ck_ops *const ops) {
    return layout_kind(ops, p->a.dtype, p->b.dtype);
}

// What ck_gemm_pack writes in front of the B of this product.
static ck_packed_header header_of(const ck_gemm_problem *const p, const ck_ops *const ops) {
    ck_packed_header header = {.k = p->k,
                               .n = p->n,
                               .isa = (int32_t)ops->isa,
                               .dtype = (int32_t)p->b.dtype,
                               .width = ops->gemm_panel,
                               .kind = (int32_t)kind_of(p, ops)};
    memcpy(header.magic, magic, sizeof magic);
    return header;
}

static int64_t panel_bytes(const ck_packed_header *const h) {
    const ck_gemm_kind kind = (ck_gemm_kind)h->kind;
    const ck_dtype dtype = (ck_dtype)h->dtype;
    if (ck_is_stored(kind, dtype, true)) return ck_stored_bytes(dtype, h->width, h->k);
    return ck_gemm_panel_lines(kind, h->k) * h->width * (int64_t)sizeof(float);
}

// k and n are at most 2^31, so this fits.
static size_t bytes_of(const ck_packed_header *const h) {
    return sizeof *h + (size_t)(ck_ceil_div(h->n, h->width) * panel_bytes(h));
}

float ck_packed_at(const void *const packed, const int64_t k, const int64_t column) {
    const ck_packed_header *const h = packed;
    const ck_gemm_kind kind = (ck_gemm_kind)h->kind;
    const ck_dtype dtype = (ck_dtype)h->dtype;
    if (ck_is_stored(kind, dtype, true)) {
        const int64_t before = column / h->width * ck_stored_bytes(dtype, h->width, h->k);
        return ck_stored_at(dtype, (const char *)ck_packed_panels(packed) + before, h->width, k,
                            column % h->width);
    }
    const int64_t depth = ck_gemm_depth(kind), kc = ck_gemm_kc(kind), lines = ck_gemm_panel_lines(kind, h->k);
    const int64_t line = k / kc * ck_gemm_lines(kind, kc) + ck_gemm_lines(kind, k % kc + 1) - 1;
    const float *const word =
        ck_packed_panels(packed) + (column / h->width * lines + line) * h->width + column % h->width;
    static const ck_dtype dtypes[] = {CK_F32, CK_BF16, CK_I32, CK_I8};
    if (kind != CK_GEMM_I16) return ck_load(dtypes[kind], word, k % depth);
    int16_t pair[2];
    memcpy(pair, word, sizeof pair);
    return pair[k % depth];
}

void ck_packed_block_at(const void *const packed, const int64_t k, const int64_t column,
                        unsigned char block[CK_QUANT_BYTES_MAX]) {
    const ck_packed_header *const h = packed;
    const ck_dtype dtype = (ck_dtype)h->dtype;
    const int64_t before = column / h->width * ck_stored_bytes(dtype, h->width, h->k);
    ck_stored_block_at(dtype, (const char *)ck_packed_panels(packed) + before, h->width, k, column % h->width,
                       block);
}

ck_status ck_packed_check(const ck_gemm_problem *const p, const ck_ops *const ops,
                          ck_diagnosis *const diagnosis) {
    const ck_packed_header *const h = p->packed_b;
    const ck_packed_header expected = header_of(p, ops);
    const size_t bytes = bytes_of(&expected);
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
    if (h->dtype != expected.dtype) return report(diagnosis, CK_BAD_PACKED, h->dtype, expected.dtype);
    if (h->kind != expected.kind) {
        const ck_status status = report(diagnosis, CK_BAD_PACKED, h->kind, p->a.dtype);
        diagnosis->other = CK_ARG_A;
        return status;
    }
    if (p->packed_b_bytes != bytes)
        return report(diagnosis, CK_BAD_PACKED, (int64_t)p->packed_b_bytes, (int64_t)bytes);
    return CK_OK;
}

// The product of which only B is of interest, and the type of A.
static ck_gemm_problem only_b(const ck_gemm_problem *const p) {
    return (ck_gemm_problem){.batch = 1, .n = p->n, .k = p->k, .a = {.dtype = p->a.dtype}, .b = p->b};
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
    if (status != CK_OK) return status;
    const ck_packed_header header = header_of(problem, ck_ops_for(resolved.isa));
    *bytes = bytes_of(&header);
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
    const ck_gemm_kind kind = kind_of(p, run->ops);
    const int64_t block = ck_gemm_kc(kind);
    if (ck_is_stored(kind, p->b.dtype, true)) {
        const int64_t first = column * p->b.column_stride;
        const ck_stored_pack_args pack = {
            .dtype = p->b.dtype,
            .source = ck_element_at(ck_matrix_at(&p->b, 0), p->b.dtype, first),
            .k_stride = p->b.row_stride,
            .column_stride = p->b.column_stride,
            .kc = p->k,
            .count = ck_min(width, p->n - column),
            .width = width,
            .panel = (char *)run->panels + index * ck_stored_bytes(p->b.dtype, width, p->k)};
        ck_stored_pack(&pack);
        return;
    }
    float *packed = run->panels + column * ck_gemm_panel_lines(kind, p->k);
    for (int64_t k = 0; k < p->k; k += block) {
        const int64_t first = k * p->b.row_stride + column * p->b.column_stride;
        ck_gemm_pack_args pack = {.kind = kind,
                                  .dtype = p->b.dtype,
                                  .source = ck_element_at(ck_matrix_at(&p->b, 0), p->b.dtype, first),
                                  .k_stride = p->b.row_stride,
                                  .column_stride = p->b.column_stride,
                                  .kc = ck_min(block, p->k - k),
                                  .count = ck_min(width, p->n - column),
                                  .width = width,
                                  .packed = packed};
        pack.panel_stride = ck_gemm_lines(kind, pack.kc) * width;
        run->ops->gemm_pack(&pack);
        packed += pack.panel_stride;
    }
}

ck_status ck_gemm_pack(const ck_gemm_problem *const problem, const ck_options *const options,
                       void *const packed, const size_t bytes, ck_diagnosis *const diagnosis) {
    ck_diagnosis unused, *const told = diagnosis ? diagnosis : &unused;
    ck_options resolved;
    const ck_status status = prepare(problem, options, CK_CHECK_LAYOUT_AND_POINTERS, &resolved, told);
    if (status != CK_OK) return status;
    const ck_ops *const ops = ck_ops_for(resolved.isa);
    const ck_packed_header header = header_of(problem, ops);
    const size_t needed = bytes_of(&header);
    if (bytes < needed || (uintptr_t)packed % CK_ALIGNMENT != 0)
        return report(told, CK_SMALL_WORKSPACE, (int64_t)bytes, (int64_t)needed);
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
    // The type of an A that makes this kind of product.
    const ck_dtype b = (ck_dtype)h->dtype, a = b == CK_I8                ? CK_I8
                                               : h->kind == CK_GEMM_BF16 ? CK_BF16
                                                                         : CK_F32;
    const bool takes_dtype = b == CK_I8 || ck_is_float(b) || ck_is_quantised(b);
    if (memcmp(h->magic, magic, sizeof magic) != 0 || !ops || !takes_dtype ||
        h->kind != (int32_t)layout_kind(ops, a, b) || h->width != ops->gemm_panel || h->k < 0 ||
        h->k > INT32_MAX || h->n < 0 || h->n > INT32_MAX)
        return report(told, CK_BAD_PACKED, 0, 1);
    const size_t expected = bytes_of(h);
    if (bytes != expected) return report(told, CK_BAD_PACKED, (int64_t)bytes, (int64_t)expected);
    *info = (ck_packed_info){.k = h->k, .n = h->n, .isa = ops->isa, .dtype = b};
    return CK_OK;
}
