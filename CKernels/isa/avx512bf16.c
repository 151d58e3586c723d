// AVX-512 with the dot products of bf16 and 8-bit numbers: the same f32 kernels as avx512, bit for bit.
#if defined(__x86_64__)
#include <immintrin.h>

#include "../kernels/includes.h"

#pragma clang diagnostic error "-Wignored-attributes"
#pragma clang attribute push(                                                                     \
    __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx512vnni,avx2,fma"))), \
    apply_to = function)
#define CK_OPS ck_ops_avx512bf16
#define CK_ISA_ID CK_ISA_AVX512BF16
#define CK_DOT_BF16_INSTRUCTION "vdpbf16ps %2, %1, %0"
#define CK_DOT_INT8_INSTRUCTION "vpdpbusd %2, %1, %0"
#include "avx512.inc"
#include "../kernels/all.inc"
#pragma clang attribute pop
#endif
