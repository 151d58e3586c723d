// AVX-512 with the dot products of bf16 and, as all CPUs that have those, of int8: the same f32 kernels as
// avx512, bit for bit.
#if defined(__x86_64__)
#include <immintrin.h>

#include "../kernels/includes.h"

#pragma clang diagnostic error "-Wignored-attributes"
#pragma clang attribute push(                                                                          \
    __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx512vnni,avx2,fma,f16c"))), \
    apply_to = function)
#define CK_OPS ck_ops_avx512bf16
#define CK_ISA_ID CK_ISA_AVX512BF16
#define CK_HAS_BF16_DOT 1
#define CK_HAS_I8_DOT 1
#include "avx512.inc"
#include "../kernels/all.inc"
#pragma clang attribute pop
#endif
