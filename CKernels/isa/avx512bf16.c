// AVX-512 with the dot products of bf16 and, as all CPUs that have those, of int8: the same f32 kernels as
// avx512, bit for bit.
#if defined(__x86_64__)
#include <immintrin.h>

#include "../kernels/includes.h"

#pragma clang diagnostic error "-Wignored-attributes"
#pragma clang attribute push(                                                                      \
    __attribute__((                                                                                \
        target("avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx512vnni,avx2,fma,f16c,prfchw"))), \
    apply_to = function)
#define CK_OPS ck_ops_avx512bf16
#define CK_ISA_ID CK_ISA_AVX512BF16
#define CK_HAS_BF16_DOT 1
#define CK_HAS_I8_DOT 1
#define CK_DOT_BF16_INSTRUCTION "vdpbf16ps %2, %1, %0"
#define CK_DOT_INT8_INSTRUCTION "vpdpbusd %2, %1, %0"
#include "avx512.inc"

// acc += x . y, in each lane the odd elements' product first: two FMAs, subnormals taken and left as 0.
CK_INLINE void vf_dot_bf16(vf *const acc, const vi x, const vi y) {
    __asm__ volatile("vdpbf16ps %2, %1, %0" : "+v"(*acc) : "v"(x), "v"(y));
}

// The same in the lanes where `condition` is set.
CK_INLINE void vf_dot_bf16_where(vf *const acc, const vi condition, const vi x, const vi y) {
    *acc = (vf)_mm512_mask_dpbf16_ps((__m512)*acc, _mm512_movepi32_mask((__m512i)condition), (__m512bh)x,
                                     (__m512bh)y);
}

// The first n elements, 0 <= n <= 32; the others are 0, and their memory is not touched.
CK_INLINE vi vi_load_bf16_n(const uint16_t *const p, const int64_t n) {
    return (vi)_mm512_maskz_loadu_epi16((__mmask32)((UINT64_C(1) << n) - 1), p);
}

CK_INLINE void vi_store_n(int32_t *const p, const vi v, const int64_t n) {
    _mm512_mask_storeu_epi32(p, first_lanes(n), (__m512i)v);
}

CK_INLINE bool vi_all_finite_bf16(const vi v) {
    const __m512i exponent = _mm512_set1_epi16(0x7f80);
    return _mm512_cmpeq_epi16_mask(_mm512_and_si512((__m512i)v, exponent), exponent) == 0;
}

// Of each lane, `low` and `high` rounded to nearest even in the halves of a word; subnormals become 0.
CK_INLINE vi vi_pair_bf16(const vf low, const vf high) {
    const vi lanes = vi_lanes(), order = lanes | (lanes + 16) << 16;
    const __m512i both = (__m512i)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low);
    return (vi)_mm512_permutexvar_epi16((__m512i)order, both);
}

// The lower and the upper half of a0 b0 a1 b1 ... of 16-bit elements.
CK_INLINE vi vi_interleave_lo(const vi a, const vi b) {
    const vi lanes = vi_lanes(), order = lanes | (lanes + 32) << 16;
    return (vi)_mm512_permutex2var_epi16((__m512i)a, (__m512i)order, (__m512i)b);
}
CK_INLINE vi vi_interleave_hi(const vi a, const vi b) {
    const vi lanes = vi_lanes() + 16, order = lanes | (lanes + 32) << 16;
    return (vi)_mm512_permutex2var_epi16((__m512i)a, (__m512i)order, (__m512i)b);
}
#include "../kernels/all.inc"
#pragma clang attribute pop
#endif
