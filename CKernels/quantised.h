// The quantised weights of GGUF files: blocks of 32 consecutive k of one column of B.
//
//   CK_Q8_0   f16 d, 32 int8 q                w = d q          34 bytes
//   CK_Q4_0   f16 d, 16 bytes of nibbles q    w = d (q - 8)    18 bytes
//   CK_Q4_1   f16 d, f16 m, 16 bytes          w = d q + m      20 bytes
//
// The low nibbles of the 16 bytes are weights 0 ... 15, the high ones 16 ... 31. d q fits an f32, so w is
// exact, and rounded once for CK_Q4_1. Used by validation, the naive kernel, the oracle and packing.
#ifndef CK_QUANTISED_H
#define CK_QUANTISED_H

#include "element.h"

#define CK_QUANT_BLOCK 32

static inline bool ck_is_quantised(const ck_dtype dtype) {
    return dtype == CK_Q8_0 || dtype == CK_Q4_0 || dtype == CK_Q4_1;
}

// Bytes of a block before its q.
static inline int64_t ck_quant_head(const ck_dtype dtype) { return dtype == CK_Q4_1 ? 4 : 2; }

// 32-bit words of a block's q.
static inline int64_t ck_quant_words(const ck_dtype dtype) { return dtype == CK_Q8_0 ? 8 : 4; }

#define CK_QUANT_BYTES_MAX 34

// The integer that d of weight i is multiplied by.
static inline int32_t ck_quant_integer(const ck_dtype dtype, const void *const block, const int64_t i) {
    const unsigned char *const q = (const unsigned char *)block + ck_quant_head(dtype);
    if (dtype == CK_Q8_0) return (signed char)q[i];
    const int nibble = i < 16 ? q[i] & 15 : q[i - 16] >> 4;
    return dtype == CK_Q4_0 ? nibble - 8 : nibble;
}

// Weight i of a block.
static inline float ck_quant_weight(const ck_dtype dtype, const void *const block, const int64_t i) {
    const float w = ck_load(CK_F16, block, 0) * (float)ck_quant_integer(dtype, block, i);
    return dtype == CK_Q4_1 ? w + ck_load(CK_F16, block, 1) : w;
}

#endif
