// The element types of operands and their conversions to and from f32, one element at a time: exact on the
// way in, to nearest even on the way out, whatever the caller's rounding mode. The templates have the same
// in vectors (kernels/element.inc). Used by validation, the naive kernel and the oracle.
#ifndef CK_ELEMENT_H
#define CK_ELEMENT_H

#include <string.h>

#include "CKernels.h"

static inline bool ck_is_float(const ck_dtype dtype) {
    return dtype == CK_F32 || dtype == CK_BF16 || dtype == CK_F16;
}

// A stored element: a number, or a block of CK_QUANT_BLOCK of them.
static inline int64_t ck_element_bytes(const ck_dtype dtype) {
    switch (dtype) {
        case CK_F32:
        case CK_I32: return 4;
        case CK_BF16:
        case CK_F16: return 2;
        case CK_I8: return 1;
        case CK_Q8_0: return 34;
        case CK_Q4_0: return 18;
        case CK_Q4_1: return 20;
    }
    return 0;
}

static inline float ck_float_of_bits(const uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t ck_bits_of_float(const float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float ck_bf16_to_f32(const uint16_t bits) { return ck_float_of_bits((uint32_t)bits << 16); }

// A NaN keeps the top of its payload and becomes quiet, as in all conversions here.
static inline uint16_t ck_f32_to_bf16(const float value) {
    const uint32_t bits = ck_bits_of_float(value);
    if (value != value) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline float ck_f16_to_f32(const uint16_t bits) {
    const uint32_t sign = (uint32_t)(bits & 0x8000) << 16, magnitude = bits & 0x7fff;
    if (magnitude < 0x400) return ck_float_of_bits(sign | ck_bits_of_float((float)magnitude * 0x1p-24f));
    if (magnitude < 0x7c00) return ck_float_of_bits(sign | ((magnitude << 13) + (112u << 23)));
    const uint32_t quiet = magnitude > 0x7c00 ? 0x400000 : 0;
    return ck_float_of_bits(sign | 0x7f800000 | magnitude << 13 | quiet);
}

static inline uint16_t ck_f32_to_f16(const float value) {
    const uint32_t bits = ck_bits_of_float(value), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    if (value != value) return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
    if (magnitude >= 0x477ff000) return (uint16_t)(sign | 0x7c00);  // 65520 and more round to Inf
    if (magnitude >= 0x38800000)
        return (uint16_t)(sign | (magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13);
    // Below 2^-14: the significand in units of 2^-24. From 25 places on, nothing of it is left.
    const uint32_t exponent = magnitude >> 23, places = exponent < 101 ? 25 : 126 - exponent;
    const uint32_t significand = (magnitude & 0x7fffff) | 0x800000;
    const uint32_t half = (1u << (places - 1)) - 1 + (significand >> places & 1);
    return (uint16_t)(sign | (significand + half) >> places);
}

static inline float ck_load(const ck_dtype dtype, const void *const row, const int64_t index) {
    if (dtype == CK_F32) return ((const float *)row)[index];
    if (dtype == CK_I8) return (float)((const int8_t *)row)[index];
    if (dtype == CK_I32) return (float)((const int32_t *)row)[index];
    const uint16_t bits = ((const uint16_t *)row)[index];
    return dtype == CK_BF16 ? ck_bf16_to_f32(bits) : ck_f16_to_f32(bits);
}

static inline void ck_store(const ck_dtype dtype, void *const row, const int64_t index, const float value) {
    if (dtype == CK_F32)
        ((float *)row)[index] = value;
    else
        ((uint16_t *)row)[index] = dtype == CK_BF16 ? ck_f32_to_bf16(value) : ck_f32_to_f16(value);
}

#endif
