// The baseline of every CPU of the architecture (SSE2 on x86-64): 4 lanes, a multiply and an add
// where the others have one FMA, hence its own bits.
#include <math.h>
#if defined(__x86_64__)
#include <emmintrin.h>
#endif

#include "../kernels/includes.h"

#define CK_OPS ck_ops_portable
#define CK_ISA_ID CK_ISA_PORTABLE
#define CK_VL 4
#define CK_FMA 0
#define CK_REGISTERS 16
#define CK_GEMM_VECTORS 2
#define CK_GEMM_ROWS_2 4
#define CK_GEMM_ROWS_1 8
#define CK_GEMV_DEPTH 4
#define CK_PANEL_VECTORS 3
#define CK_VALUE_ROWS 4
#define CK_DECODE_VECTORS 2
#define CK_DECODE_VALUES 8
#define CK_DECODE_ROWS 2
#define CK_PIPELINED_EXP 0
#define CK_PIN(v) ((void)(v))
#define CK_HAS_BF16_DOT 0
#define CK_HAS_I8_DOT 0
#include "../kernels/vec.h"

#if defined(__x86_64__)
CK_INLINE vi vi_round(const vf x) { return (vi)_mm_cvtps_epi32((__m128)x); }
#define vi_multiply_pairs(x, y) ((vi)_mm_madd_epi16((__m128i)(x), (__m128i)(y)))
#else
CK_INLINE vi vi_round(const vf x) {
    vi k;
    for (int i = 0; i < CK_VL; ++i) k[i] = x[i] == x[i] ? (int32_t)rintf(x[i]) : 0;
    return k;
}
#endif
#include "../kernels/all.inc"
