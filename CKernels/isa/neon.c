// NEON of arm64: 4 lanes, 32 registers.
//
// GEMM tile 8x12: 24 accumulators, 3 columns, 1 broadcast. Attention tile 4 keys x 16 queries.
#if defined(__aarch64__)
#include <arm_neon.h>

#include "../kernels/includes.h"

#define CK_OPS ck_ops_neon
#define CK_ISA_ID CK_ISA_NEON
#define CK_VL 4
#define CK_FMA 1
#define CK_REGISTERS 32
#define CK_GEMM_VECTORS 3
#define CK_GEMM_ROWS_3 8
#define CK_GEMM_ROWS_2 12
#define CK_GEMM_ROWS_1 24
#define CK_GEMV_DEPTH 8
#define CK_PANEL_VECTORS 4
#define CK_VALUE_ROWS 4
#define CK_DECODE_VECTORS 2
#define CK_DECODE_VALUES 16
#define CK_DECODE_ROWS 2
#define CK_PIPELINED_EXP 1
#define CK_PIN(v) ((void)(v))
#define CK_HAS_BF16_DOT 0
#define CK_HAS_I8_DOT 0
#include "../kernels/vec.h"

CK_INLINE vi vi_round(const vf x) { return (vi)vcvtnq_s32_f32((float32x4_t)x); }
#include "../kernels/all.inc"
#endif
