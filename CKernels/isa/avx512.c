// AVX-512 F, DQ, BW and VL: 16 lanes, 32 registers.
#if defined(__x86_64__)
#include <immintrin.h>

#include "../kernels/includes.h"

#pragma clang diagnostic error "-Wignored-attributes"
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,f16c,prfchw"))), apply_to = function)
#define CK_OPS ck_ops_avx512
#define CK_ISA_ID CK_ISA_AVX512
#define CK_HAS_BF16_DOT 0
#define CK_HAS_I8_DOT 0
#include "avx512.inc"
#define vi_multiply_pairs(x, y) ((vi)_mm512_madd_epi16((__m512i)(x), (__m512i)(y)))
#include "../kernels/all.inc"
#pragma clang attribute pop
#endif
