// ck_quantise and ck_dequantise: matrices to the blocks of GGUF files and back.
//
//   CK_Q8_0  d = max |w| / 127          q = round(w / d)
//   CK_Q4_0  d = (w of max |w|) / -8    q = round(w / d) + 8, at most 15
//   CK_Q4_1  d = (max w - min w) / 15   q = round((w - m) / d), m = min w
//
// d and m are rounded to f16 after the quotients are taken, as the reference of the format does: the blocks
// are those of files quantised elsewhere. Columns are tasks.
#include <math.h>
#include <stdatomic.h>

#include "dispatch.h"
#include "parallel.h"
#include "problem.h"
#include "quantised.h"

typedef struct {
    const ck_quantise_problem *problem;
    _Atomic int64_t bad_column;  // the last one found with a number that has no place in its block, or -1
} quantise_run;

// The 32 numbers' nibbles: 0 ... 15 low, 16 ... 31 high. The offset holds half a step, so truncation rounds.
static void store_nibbles(const float w[CK_QUANT_BLOCK], const float minimum, const float inverse,
                          const float offset, unsigned char *const q) {
    for (int i = 0; i < CK_QUANT_BLOCK / 2; ++i) {
        int nibbles[2];
        for (int half = 0; half < 2; ++half) {
            const float x = (w[i + half * CK_QUANT_BLOCK / 2] - minimum) * inverse + offset;
            nibbles[half] = x < 15.0f ? (int)x : 15;
        }
        q[i] = (unsigned char)(nibbles[0] | nibbles[1] << 4);
    }
}

// False if a number is not finite or d or m overflow f16.
static bool quantise_block(const ck_dtype dtype, const float w[CK_QUANT_BLOCK], unsigned char *const block) {
    float low = w[0], high = w[0];
    bool finite = true;
    for (int i = 0; i < CK_QUANT_BLOCK; ++i) {
        finite &= isfinite(w[i]) != 0;
        if (w[i] < low) low = w[i];
        if (w[i] > high) high = w[i];
    }
    if (!finite) return false;
    const float extreme = -low > high ? low : high;
    const float d = dtype == CK_Q8_0   ? fabsf(extreme) / 127
                    : dtype == CK_Q4_0 ? extreme / -8
                                       : (high - low) / 15;
    // A d too small for a quotient is 0 in f16, and any q will do.
    const float inverse = fabsf(d) > 0x1p-60f ? 1 / d : 0, minimum = dtype == CK_Q4_1 ? low : 0;
    unsigned char *const q = block + ck_quant_head(dtype);
    ck_store(CK_F16, block, 0, d);
    if (dtype == CK_Q4_1) ck_store(CK_F16, block, 1, minimum);
    if (dtype == CK_Q8_0)
        for (int i = 0; i < CK_QUANT_BLOCK; ++i) q[i] = (unsigned char)(signed char)roundf(w[i] * inverse);
    else
        store_nibbles(w, minimum, inverse, dtype == CK_Q4_0 ? 8.5f : 0.5f, q);
    return fabsf(d) < 65520 && fabsf(minimum) < 65520;
}

static void quantise_column(void *const context, const int64_t column, const int32_t worker) {
    (void)worker;
    quantise_run *const run = context;
    const ck_quantise_problem *const p = run->problem;
    const ck_matrix *const source = &p->source;
    const int64_t bytes = ck_element_bytes(p->dtype), blocks = p->k / CK_QUANT_BLOCK;
    unsigned char *block = (unsigned char *)p->blocks + column * blocks * bytes;
    int64_t place = source->offset + column * source->column_stride;
    for (int64_t b = 0; b < blocks; ++b, block += bytes) {
        float w[CK_QUANT_BLOCK];
        for (int i = 0; i < CK_QUANT_BLOCK; ++i, place += source->row_stride)
            w[i] = ck_load(source->dtype, source->data, place);
        if (!quantise_block(p->dtype, w, block)) atomic_store(&run->bad_column, column);
    }
}

static ck_status report(ck_diagnosis *const diagnosis, const ck_status status, const ck_argument argument,
                        const int64_t actual, const int64_t expected) {
    *diagnosis =
        (ck_diagnosis){.argument = argument, .dimension = -1, .actual = actual, .expected = expected};
    return status;
}

ck_status ck_quantise(const ck_quantise_problem *const p, const ck_options *const options,
                      ck_diagnosis *const diagnosis) {
    ck_diagnosis unused, *const told = diagnosis ? diagnosis : &unused;
    if (!ck_is_quantised(p->dtype)) return report(told, CK_BAD_DTYPE, CK_ARG_C, p->dtype, CK_Q8_0);
    if (!ck_is_float(p->source.dtype)) return report(told, CK_BAD_DTYPE, CK_ARG_B, p->source.dtype, CK_F32);
    if (p->k % CK_QUANT_BLOCK != 0) return report(told, CK_BAD_VALUE, CK_ARG_K_SIZE, p->k, CK_QUANT_BLOCK);
    const ck_gemm_problem product = {.batch = 1, .n = p->n, .k = p->k, .b = p->source};
    ck_options resolved;
    ck_status status = ck_gemm_validate(CK_FUSED, &product, CK_CHECK_LAYOUT_AND_POINTERS, told);
    if (status == CK_OK) status = ck_options_resolve(options, &resolved, told);
    if (status != CK_OK) return status;
    const int64_t bytes = p->n * (p->k / CK_QUANT_BLOCK) * ck_element_bytes(p->dtype);
    if (p->block_bytes < (size_t)bytes || (!p->blocks && bytes > 0))
        return report(told, CK_SHORT_SPAN, CK_ARG_C, p->blocks ? (int64_t)p->block_bytes : 0, bytes);
    quantise_run run = {.problem = p};
    atomic_init(&run.bad_column, -1);
    ck_parallel_for(p->n, resolved.threads, quantise_column, &run);
    const int64_t bad = atomic_load(&run.bad_column);
    if (bad < 0) return CK_OK;
    status = report(told, CK_NOT_FINITE, CK_ARG_B, 0, 0);
    told->dimension = (int32_t)bad;
    return status;
}

void ck_dequantise(const ck_dtype dtype, const void *const blocks, const int64_t count,
                   float *const weights) {
    const char *block = blocks;
    for (int64_t b = 0; b < count; ++b, block += ck_element_bytes(dtype))
        for (int64_t i = 0; i < CK_QUANT_BLOCK; ++i)
            weights[b * CK_QUANT_BLOCK + i] = ck_quant_weight(dtype, block, i);
}
