// The only place that says no: to products here, to attention in problem_attention.c. A problem
// that passes cannot make a kernel read or write outside its operands, overflow an index, or write one
// element twice. Called by every entry point.
#include <math.h>

#include "dispatch.h"
#include "layout.h"

// With pointers, each matrix of the batch has the layout of one; where they lie is checked apart.
static layout matrix_layout(const ck_argument argument, const ck_matrix *const x, const int64_t batch,
                            const int64_t rows, const int64_t columns, const bool is_output) {
    return (layout){.argument = argument,
                    .data = x->pointers ? (batch > 0 ? x->pointers[0] : NULL) : x->data,
                    .count = x->count,
                    .offset = x->offset,
                    .sizes = {x->pointers ? ck_min(batch, 1) : batch, 1, rows, columns},
                    .strides = {x->pointers ? 0 : x->batch_stride, 0, x->row_stride, x->column_stride},
                    .element_bytes = (size_t)ck_element_bytes(x->dtype),
                    .is_output = is_output,
                    .is_score = !is_output};
}

typedef struct {
    ck_argument argument;
    const ck_matrix *matrix;
    int64_t rows, columns;
    bool is_output;
} gemm_operand;

static bool is_given_matrix(const ck_matrix *const x) { return x->data || x->pointers || x->count != 0; }

// A, B (unless packed), C and the residual.
static int gemm_operands(const ck_gemm_problem *const p, gemm_operand operands[4]) {
    int count = 0;
    operands[count++] = (gemm_operand){CK_ARG_A, &p->a, p->m, p->k, false};
    const int64_t b_rows = ck_is_quantised(p->b.dtype) ? p->k / CK_QUANT_BLOCK : p->k;
    if (!p->packed_b) operands[count++] = (gemm_operand){CK_ARG_B, &p->b, b_rows, p->n, false};
    operands[count++] = (gemm_operand){CK_ARG_C, &p->c, p->m, p->n, true};
    if (is_given_matrix(&p->epilogue.residual))
        operands[count++] = (gemm_operand){CK_ARG_RESIDUAL, &p->epilogue.residual, p->m, p->n, false};
    return count;
}

static layout array_layout(const ck_argument argument, const void *const data, const int64_t count,
                           const size_t element_bytes) {
    return (layout){.argument = argument,
                    .data = data,
                    .count = count,
                    .sizes = {1, 1, 1, count},
                    .strides = {0, 0, 0, 1},
                    .element_bytes = element_bytes,
                    .is_score = true};
}

// The vectors and packed B that are given: C may not lie over them either.
static int gemm_arrays(const ck_gemm_problem *const p, layout arrays[4]) {
    const ck_epilogue *const e = &p->epilogue;
    int count = 0;
    if (e->row_scale.data)
        arrays[count++] =
            array_layout(CK_ARG_ROW_SCALE, e->row_scale.data, e->row_scale.count, sizeof(float));
    if (e->column_scale.data)
        arrays[count++] =
            array_layout(CK_ARG_COLUMN_SCALE, e->column_scale.data, e->column_scale.count, sizeof(float));
    if (e->bias.data)
        arrays[count++] = array_layout(CK_ARG_EPILOGUE_BIAS, e->bias.data, e->bias.count, sizeof(float));
    if (p->packed_b)
        arrays[count++] = array_layout(CK_ARG_PACKED_B, p->packed_b, (int64_t)p->packed_b_bytes, 1);
    return count;
}

// Matrices of one index are held against each other; that the outputs of a batch given by pointers do
// not overlap each other is the caller's word.
static ck_status check_matrices(const ck_gemm_problem *const p, const ck_check check,
                                ck_diagnosis *const diagnosis) {
    gemm_operand operands[4];
    const int count = gemm_operands(p, operands);
    bool has_pointers = false;
    for (int i = 0; i < count; ++i) has_pointers |= operands[i].matrix->pointers != NULL;
    const int64_t rounds = has_pointers && check == CK_CHECK_LAYOUT_AND_POINTERS ? p->batch : 1;
    for (int64_t n = 0; n < rounds; ++n) {
        layout layouts[8];
        for (int i = 0; i < count; ++i) {
            const gemm_operand *const o = &operands[i];
            layouts[i] = matrix_layout(o->argument, o->matrix, p->batch, o->rows, o->columns, o->is_output);
            if (o->matrix->pointers && p->batch > 0) layouts[i].data = o->matrix->pointers[n];
        }
        const int arrays = gemm_arrays(p, layouts + count);
        const ck_status status = check_layouts(layouts, count + arrays, check, diagnosis);
        if (status != CK_OK) return status;
    }
    return CK_OK;
}

static ck_status check_vector(const ck_vector *const x, const ck_argument argument, const int64_t count,
                              const ck_check check, ck_diagnosis *const diagnosis) {
    if (!is_given(x->data, x->count)) return CK_OK;
    if (x->count != count) return report(diagnosis, CK_SHORT_SPAN, argument, -1, x->count, count);
    if (!x->data && count > 0 && check == CK_CHECK_LAYOUT_AND_POINTERS)
        return report(diagnosis, CK_NULL_POINTER, argument, -1, 0, count);
    return CK_OK;
}

static ck_status check_epilogue(const ck_gemm_problem *const p, const ck_check check,
                                ck_diagnosis *const diagnosis) {
    const ck_epilogue *const e = &p->epilogue;
    if ((uint32_t)e->activation > CK_ACTIVATION_SILU)
        return report(diagnosis, CK_BAD_VALUE, CK_ARG_ACTIVATION, -1, e->activation, CK_ACTIVATION_SILU);
    ck_status status = check_vector(&e->row_scale, CK_ARG_ROW_SCALE, p->m, check, diagnosis);
    if (status == CK_OK) status = check_vector(&e->column_scale, CK_ARG_COLUMN_SCALE, p->n, check, diagnosis);
    if (status == CK_OK) status = check_vector(&e->bias, CK_ARG_EPILOGUE_BIAS, p->n, check, diagnosis);
    return status;
}

// int8 sums are added to C as they are.
static ck_status check_integer_c(const ck_gemm_problem *const p, ck_diagnosis *const diagnosis) {
    const ck_epilogue *const e = &p->epilogue;
    if (p->alpha != 0 && p->alpha != 1)
        return report(diagnosis, CK_BAD_VALUE, CK_ARG_ALPHA, -1, (int64_t)p->alpha, 1);
    if (p->beta != 0 && p->beta != 1)
        return report(diagnosis, CK_BAD_VALUE, CK_ARG_BETA, -1, (int64_t)p->beta, 1);
    const struct {
        ck_argument argument;
        bool is_given;
    } parts[] = {{CK_ARG_ROW_SCALE, is_given(e->row_scale.data, e->row_scale.count)},
                 {CK_ARG_COLUMN_SCALE, is_given(e->column_scale.data, e->column_scale.count)},
                 {CK_ARG_EPILOGUE_BIAS, is_given(e->bias.data, e->bias.count)},
                 {CK_ARG_ACTIVATION, e->activation != CK_ACTIVATION_NONE},
                 {CK_ARG_RESIDUAL, is_given_matrix(&e->residual)}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; ++i)
        if (parts[i].is_given) return report(diagnosis, CK_BAD_VALUE, parts[i].argument, -1, 1, 0);
    return CK_OK;
}

static ck_status check_dtypes(const ck_gemm_problem *const p, ck_diagnosis *const diagnosis) {
    const ck_dtype a = p->a.dtype, b = p->b.dtype, c = p->c.dtype;
    if (!ck_is_float(a) && a != CK_I8) return report(diagnosis, CK_BAD_DTYPE, CK_ARG_A, -1, a, CK_F32);
    if (a == CK_I8 && b != CK_I8) return report(diagnosis, CK_BAD_DTYPE, CK_ARG_B, -1, b, CK_I8);
    if (a != CK_I8 && !ck_is_float(b) && !ck_is_quantised(b))
        return report(diagnosis, CK_BAD_DTYPE, CK_ARG_B, -1, b, CK_F32);
    if (!ck_is_float(c) && !(a == CK_I8 && c == CK_I32))
        return report(diagnosis, CK_BAD_DTYPE, CK_ARG_C, -1, c, a == CK_I8 ? CK_I32 : CK_F32);
    const ck_matrix *const residual = &p->epilogue.residual;
    if (is_given_matrix(residual) && !ck_is_float(residual->dtype))
        return report(diagnosis, CK_BAD_DTYPE, CK_ARG_RESIDUAL, -1, residual->dtype, CK_F32);
    if ((uint32_t)p->arithmetic > CK_ARITHMETIC_INT16)
        return report(diagnosis, CK_BAD_VALUE, CK_ARG_ARITHMETIC, -1, p->arithmetic, CK_ARITHMETIC_INT16);
    if (p->arithmetic == CK_ARITHMETIC_INT16 && !ck_is_quantised(b))
        return report(diagnosis, CK_BAD_DTYPE, CK_ARG_ARITHMETIC, -1, b, CK_Q8_0);
    if (ck_is_quantised(b) && p->k % CK_QUANT_BLOCK != 0)
        return report(diagnosis, CK_BAD_VALUE, CK_ARG_K_SIZE, -1, p->k, CK_QUANT_BLOCK);
    return c == CK_I32 ? check_integer_c(p, diagnosis) : CK_OK;
}

// A quick yes in front of the thorough check, for the usual call: one matrix of f32 each, laid out row by row
// or column by column inside its array, sizes and strides far from overflow. Validation then takes 30 ns
// less, as long as the product of two 16 x 16 matrices. Whatever this does not accept is looked at below.
#define PLAIN_SIZE ((uint64_t)1 << 20)

typedef struct {
    uintptr_t first, end;
} byte_range;

static bool is_plain_matrix(const ck_matrix *const x, const int64_t rows, const int64_t columns,
                            byte_range *const range) {
    const uint64_t across = (uint64_t)x->column_stride, down = (uint64_t)x->row_stride;
    const bool in_order =
        (across == 1 && down >= (uint64_t)columns) || (down == 1 && across >= (uint64_t)rows);
    if (x->dtype != CK_F32 || x->pointers || !x->data || !in_order || across > PLAIN_SIZE ||
        down > PLAIN_SIZE || (uint64_t)x->offset > PLAIN_SIZE * PLAIN_SIZE)
        return false;
    const int64_t last = x->offset + (rows - 1) * x->row_stride + (columns - 1) * x->column_stride;
    range->first = (uintptr_t)x->data + (uintptr_t)x->offset * sizeof(float);
    range->end = (uintptr_t)x->data + (uintptr_t)(last + 1) * sizeof(float);
    return last < x->count && x->count <= INT64_MAX / 64;
}

static bool overlaps(const byte_range *const x, const byte_range *const y) {
    return x->first < y->end && y->first < x->end;
}

bool ck_gemm_is_usual(const ck_gemm_problem *const p) {
    // Negative sizes are large without their sign; 0 wraps to the largest.
    if (p->batch != 1 || p->arithmetic != CK_ARITHMETIC_FLOAT || (uint64_t)p->m - 1 >= PLAIN_SIZE ||
        (uint64_t)p->n - 1 >= PLAIN_SIZE || (uint64_t)p->k - 1 >= PLAIN_SIZE || p->packed_b ||
        !ck_gemm_is_plain(&p->epilogue))
        return false;
    byte_range a, b, c;
    return isfinite(p->alpha) && isfinite(p->beta) && is_plain_matrix(&p->a, p->m, p->k, &a) &&
           is_plain_matrix(&p->b, p->k, p->n, &b) && is_plain_matrix(&p->c, p->m, p->n, &c) &&
           !overlaps(&c, &a) && !overlaps(&c, &b);
}

ck_status ck_gemm_validate(const ck_kernel kernel, const ck_gemm_problem *const p, const ck_check check,
                           ck_diagnosis *const diagnosis) {
    if ((uint32_t)kernel > CK_FUSED)
        return report(diagnosis, CK_BAD_VALUE, CK_ARG_KERNEL, -1, kernel, CK_FUSED);
    if (ck_gemm_is_usual(p)) return CK_OK;
    const ck_argument names[] = {CK_ARG_BATCH, CK_ARG_M, CK_ARG_N, CK_ARG_K_SIZE};
    const int64_t sizes[] = {p->batch, p->m, p->n, p->k};
    ck_status status = check_sizes(names, sizes, 4, diagnosis);
    const int64_t output_sizes[] = {p->batch, p->m, p->n}, a_sizes[] = {p->batch, p->m, p->k},
                  b_sizes[] = {p->batch, p->k, p->n};
    if (status == CK_OK) status = check_products(output_sizes, 3, CK_ARG_C, diagnosis);
    if (status == CK_OK) status = check_products(a_sizes, 3, CK_ARG_A, diagnosis);
    if (status == CK_OK) status = check_products(b_sizes, 3, CK_ARG_B, diagnosis);
    if (status != CK_OK) return status;
    if (!isfinite(p->alpha)) return report(diagnosis, CK_NOT_FINITE, CK_ARG_ALPHA, -1, 0, 0);
    if (!isfinite(p->beta)) return report(diagnosis, CK_NOT_FINITE, CK_ARG_BETA, -1, 0, 0);
    status = check_dtypes(p, diagnosis);
    if (status == CK_OK) status = check_epilogue(p, check, diagnosis);
    return status == CK_OK ? check_matrices(p, check, diagnosis) : status;
}

ck_options ck_options_default(void) { return (ck_options){.threads = CK_ALL_THREADS, .isa = CK_ISA_AUTO}; }

ck_status ck_options_resolve(const ck_options *const options, ck_options *const resolved,
                             ck_diagnosis *const diagnosis) {
    *resolved = *options;
    if (options->threads == CK_ALL_THREADS) {
        resolved->threads = ck_machine_info()->usable_cores;
    } else if (options->threads < 1 || options->threads > CK_MAX_THREADS) {
        return report(diagnosis, CK_BAD_THREADS, CK_ARG_THREADS, -1, options->threads, CK_MAX_THREADS);
    }
    if (ck_isa_resolve(options->isa, &resolved->isa) != CK_OK)
        return report(diagnosis, CK_ISA_UNAVAILABLE, CK_ARG_ISA, -1, options->isa, 0);
    return CK_OK;
}

const char *ck_status_text(const ck_status status) {
    switch (status) {
        case CK_OK: return "ok";
        case CK_NULL_POINTER: return "a data pointer is null";
        case CK_NEGATIVE_SIZE: return "a size is negative";
        case CK_HEADS_NOT_MULTIPLE: return "heads is not a multiple of kv_heads";
        case CK_SMALL_STRIDE: return "a stride is too small";
        case CK_SHORT_SPAN: return "an argument has too few elements for its layout";
        case CK_SIZE_OVERFLOW: return "a size is too large";
        case CK_OVERLAP: return "an output overlaps another argument";
        case CK_NOT_FINITE: return "a factor is not finite";
        case CK_BAD_VALUE: return "an option has no such value";
        case CK_BAD_KEY_LENGTH: return "a key length is out of range";
        case CK_BAD_THREADS: return "the thread count is out of range";
        case CK_ISA_UNAVAILABLE: return "the instruction set is not available here";
        case CK_SMALL_WORKSPACE: return "the workspace is too small or not aligned";
        case CK_OUT_OF_MEMORY: return "out of memory";
        case CK_BAD_DTYPE: return "the element type does not fit the operation";
        case CK_BAD_PACKED: return "the packed matrix does not fit the call";
        case CK_BAD_PAGE: return "a page table does not fit the pool or the keys";
        case CK_SHARED_PAGE: return "rows would be appended to a page in use elsewhere";
        case CK_BAD_LENGTH: return "a length is out of range";
        case CK_NOT_FUSED: return "the weights are no output of the fused pass";
        case CK_BAD_INDEX: return "an index is outside the rows it chooses from";
    }
    return "unknown status";
}
