// The naive kernels, as drivers see them. (The naive attention is declared in attention.h.)
#ifndef CK_REFERENCE_H
#define CK_REFERENCE_H

#include "CKernels.h"

// k > 0 and alpha != 0.
void ck_gemm_naive(const ck_gemm_problem *problem, int32_t threads);

#endif
