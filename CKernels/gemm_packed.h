// A B packed once: 64 bytes of header, then panels [ceil(n / width)][line][width] of the ISA's width, in
// each the lines of one block of K after the other (plan.h). The layout is a task's own packed copy of B.
#ifndef CK_GEMM_PACKED_H
#define CK_GEMM_PACKED_H

#include "dispatch.h"
#include "quantised.h"

typedef struct {
    char magic[8];
    int64_t k, n;
    int32_t isa, dtype;
    int32_t width;
    int32_t kind;  // ck_gemm_kind
    int32_t reserved[6];
} ck_packed_header;
_Static_assert(sizeof(ck_packed_header) == 64, "panels begin at a multiple of the alignment");

static inline const float *ck_packed_panels(const void *const packed) {
    return (const float *)(const void *)((const char *)packed + sizeof(ck_packed_header));
}

// Element (k, column), for the plain loops of naive and oracle.
float ck_packed_at(const void *packed, int64_t k, int64_t column);

// The block of quantised weights around it, as files hold it.
void ck_packed_block_at(const void *packed, int64_t k, int64_t column,
                        unsigned char block[CK_QUANT_BYTES_MAX]);

// Whether problem->packed_b is what ck_gemm_pack makes of a B of this size for this ISA.
ck_status ck_packed_check(const ck_gemm_problem *problem, const ck_ops *ops, ck_diagnosis *diagnosis);

#endif
