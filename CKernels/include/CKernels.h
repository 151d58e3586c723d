// The whole C ABI of AttentionKernels: problems, entry points, and control of ISA, threads, workspace.
//
//   O = softmax(scale * Q K^T + bias, over the visible keys) V        ck_attention_forward
//   C = alpha * A B + beta * C, with an epilogue                      ck_gemm
//
// Every call is: fill a problem struct, choose options, get a ck_status. Nothing here prints,
// aborts, reads the clock, or keeps state between calls. All sizes and strides count elements.
// Written for Swift, C17 and C++ alike.
#ifndef CKERNELS_H
#define CKERNELS_H

#include "ck_attention.h"
#include "ck_common.h"
#include "ck_gemm.h"
#include "ck_layers.h"
#include "ck_measure.h"

#endif
