// The packed GEMM as the drivers see it.
#ifndef CK_GEMM_H
#define CK_GEMM_H

#include "dispatch.h"
#include "workspace.h"

// One matrix product: pointers at the first elements, k > 0, alpha != 0.
typedef struct {
    int64_t m, n, k;
    const float *a, *b;
    float *c;
    int64_t a_stride, b_stride, c_stride;
    bool transpose_a, transpose_b;
    float alpha, beta;
} ck_gemm_operation;

typedef struct {
    ck_gemm_plan plan;
    float *a, *b;  // packed blocks [mc][KC] and [KC][nc]
} ck_gemm_scratch;

ck_gemm_scratch ck_gemm_scratch_take(ck_arena *arena, const ck_ops *ops, int64_t m, int64_t n, int64_t k,
                                     int32_t threads);
void ck_gemm_run(const ck_ops *ops, const ck_gemm_scratch *scratch, const ck_gemm_operation *operation);

#endif
