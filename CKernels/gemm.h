// The GEMM driver as other drivers see it: `blocked` attention multiplies inside its tasks.
#ifndef CK_GEMM_H
#define CK_GEMM_H

#include "dispatch.h"
#include "workspace.h"

// One matrix product of the batch of its shape: pointers at the first elements.
typedef struct {
    ck_gemm_shape shape;
    const void *a, *b;
    void *c;
    float alpha, beta;
    const ck_epilogue *epilogue;  // null: none
    const void *residual;         // null: none
    const float *packed_b;        // panels of all of B, or null
} ck_gemm_operation;

// Of one worker: a packed strip of B, CK_GEMM_A_ROWS rows of A packed, as many of C^T or the task's part of a
// C that cannot hold sums, the sums of a block of K where they do not fit the registers, and a panel of
// quantised weights laid out.
typedef struct {
    float *b, *a, *c, *sums;
    void *stored;
} ck_gemm_scratch;

// A plan and scratch for one worker, which runs operations of at most this size whole.
typedef struct {
    ck_gemm_plan plan;
    ck_gemm_scratch scratch;
} ck_gemm_serial;

// A task of an operation: strip and part of the plan's grid.
void ck_gemm_task(const ck_ops *ops, const ck_gemm_plan *plan, const ck_gemm_scratch *scratch,
                  const ck_gemm_operation *operation, int64_t strip, int64_t part);

ck_gemm_serial ck_gemm_serial_take(ck_arena *arena, const ck_ops *ops, const ck_gemm_operation *largest);
void ck_gemm_serial_run(const ck_ops *ops, const ck_gemm_serial *serial, const ck_gemm_operation *operation);

#endif
