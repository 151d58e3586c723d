// AVX2 with FMA: 8 lanes, 16 registers.
//
// GEMM tile 6x16: 12 accumulators, 2 columns, 1 broadcast. Attention tile 4 keys x 24 queries: 12
// accumulators, 3 queries, 1 broadcast; exp2 follows the tile, for no register is left inside it. PREFETCHW does
// nothing on the CPUs with AVX2 that lack it.
#if defined(__x86_64__)
#include <immintrin.h>

#include "../kernels/includes.h"

#pragma clang diagnostic error "-Wignored-attributes"
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,prfchw"))), apply_to = function)
#define CK_OPS ck_ops_avx2
#define CK_ISA_ID CK_ISA_AVX2
#define CK_VL 8
#define CK_FMA 1
#define CK_REGISTERS 16
#define CK_GEMM_VECTORS 2
#define CK_GEMM_ROWS_2 6
#define CK_GEMM_ROWS_1 12
#define CK_GEMV_DEPTH 4
#define CK_PANEL_VECTORS 3
#define CK_VALUE_ROWS 4
#define CK_DECODE_VECTORS 2
#define CK_DECODE_VALUES 8
#define CK_DECODE_ROWS 4
#define CK_PIPELINED_EXP 0
#define CK_FMA_INSTRUCTION "vfmadd231ps %2, %1, %0"
#define CK_PIN(v) __asm__ volatile("" : "+x"(v))
#define CK_HAS_PARTIAL 1
#define CK_HAS_F16 1
#define CK_HAS_BF16_DOT 0
#define CK_HAS_I8_DOT 0
#include "../kernels/vec.h"

CK_INLINE vi vi_round(const vf x) { return (vi)_mm256_cvtps_epi32((__m256)x); }

CK_INLINE __m256i first_lanes(const int64_t n) { return (__m256i)(vi_lanes() < vi_set1((int32_t)n)); }
CK_INLINE vf vf_load_n(const float *const p, const int64_t n) {
    return (vf)_mm256_maskload_ps(p, first_lanes(n));
}
CK_INLINE void vf_store_n(float *const p, const vf v, const int64_t n) {
    _mm256_maskstore_ps(p, first_lanes(n), (__m256)v);
}
#define vf_from_f16(bits) ((vf)_mm256_cvtph_ps((__m128i)(bits)))
#define vf_to_f16(x) ((vh)_mm256_cvtps_ph((__m256)(x), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC))
#define vi_multiply_pairs(x, y) ((vi)_mm256_madd_epi16((__m256i)(x), (__m256i)(y)))
#include "../kernels/all.inc"
#pragma clang attribute pop
#endif
