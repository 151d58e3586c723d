// B kept in its own type in panels: quantised weights and, for products that widen them, bf16 and f16. Tiles
// of few rows make words of it as they read it; for many rows a block is expanded to panels of words first.
//
//   panel       width columns of all k; blocks of 32 k after each other, whose bytes are those of the stored
//   blocks quantised   d[width] (m[width]) words[4 or 8][width]: f16 and the 32-bit words of a stored block
//   16 bits     [k][width]
#ifndef CK_GEMM_STORED_H
#define CK_GEMM_STORED_H

#include "plan.h"
#include "quantised.h"

// Whether a B of this type is kept so: packed, and quantised weights also when a task lays them out for
// itself.
static inline bool ck_is_stored(const ck_gemm_kind kind, const ck_dtype b, const bool packed) {
    return ck_is_quantised(b) || (kind == CK_GEMM_F32 && packed && b != CK_F32);
}

// Bytes of k rows of a panel; of quantised weights, k is a multiple of a block.
static inline int64_t ck_stored_bytes(const ck_dtype dtype, const int64_t width, const int64_t k) {
    return (ck_is_quantised(dtype) ? k / CK_QUANT_BLOCK : k) * ck_element_bytes(dtype) * width;
}

typedef struct {
    ck_dtype dtype;
    const void *source;  // element or block (0, first column)
    int64_t k_stride, column_stride;
    int64_t kc, count, width;  // count <= width: the other columns become zero
    void *panel;
} ck_stored_pack_args;

void ck_stored_pack(const ck_stored_pack_args *pack);

// For the plain loops of naive and oracle: element (k, column) of a panel, and the block around it as files
// hold it.
float ck_stored_at(ck_dtype dtype, const void *panel, int64_t width, int64_t k, int64_t column);
void ck_stored_block_at(ck_dtype dtype, const void *panel, int64_t width, int64_t k, int64_t column,
                        unsigned char block[CK_QUANT_BYTES_MAX]);

#endif
