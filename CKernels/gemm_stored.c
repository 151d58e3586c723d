// Laying out B in its own type (gemm_stored.h). Called by gemm_packed.c, and by gemm.c for quantised weights
// as files hold them.
#include "gemm_stored.h"

#include <string.h>

// A stored block's head and words go to their column as they are: nothing is shuffled within a block.
static void pack_quantised(const ck_stored_pack_args *const p) {
    const int64_t bytes = ck_element_bytes(p->dtype), words = ck_quant_words(p->dtype);
    const int64_t heads = ck_quant_head(p->dtype) / 2;
    unsigned char *panel = p->panel;
    for (int64_t block = 0; block < p->kc / CK_QUANT_BLOCK; ++block, panel += bytes * p->width) {
        const unsigned char *source = (const unsigned char *)p->source + block * p->k_stride * bytes;
        if (p->count < p->width) memset(panel, 0, (size_t)(bytes * p->width));
        unsigned char *const body = panel + 2 * heads * p->width;
        for (int64_t j = 0; j < p->count; ++j, source += p->column_stride * bytes) {
            for (int64_t h = 0; h < heads; ++h) memcpy(panel + 2 * (h * p->width + j), source + 2 * h, 2);
            for (int64_t w = 0; w < words; ++w)
                memcpy(body + 4 * (w * p->width + j), source + 2 * heads + 4 * w, 4);
        }
    }
}

static void pack_halves(const ck_stored_pack_args *const p) {
    uint16_t *panel = p->panel;
    for (int64_t k = 0; k < p->kc; ++k, panel += p->width) {
        const uint16_t *const source = (const uint16_t *)p->source + k * p->k_stride;
        for (int64_t j = 0; j < p->width; ++j) panel[j] = j < p->count ? source[j * p->column_stride] : 0;
    }
}

void ck_stored_pack(const ck_stored_pack_args *const pack) {
    if (ck_is_quantised(pack->dtype))
        pack_quantised(pack);
    else
        pack_halves(pack);
}

void ck_stored_block_at(const ck_dtype dtype, const void *const panel, const int64_t width, const int64_t k,
                        const int64_t column, unsigned char block[CK_QUANT_BYTES_MAX]) {
    const int64_t heads = ck_quant_head(dtype) / 2, bytes = ck_element_bytes(dtype);
    const unsigned char *const head = (const unsigned char *)panel + k / CK_QUANT_BLOCK * bytes * width;
    for (int64_t h = 0; h < heads; ++h) memcpy(block + 2 * h, head + 2 * (h * width + column), 2);
    for (int64_t w = 0; w < ck_quant_words(dtype); ++w)
        memcpy(block + 2 * heads + 4 * w, head + 2 * heads * width + 4 * (w * width + column), 4);
}

float ck_stored_at(const ck_dtype dtype, const void *const panel, const int64_t width, const int64_t k,
                   const int64_t column) {
    if (!ck_is_quantised(dtype)) return ck_load(dtype, panel, k * width + column);
    unsigned char block[CK_QUANT_BYTES_MAX];
    ck_stored_block_at(dtype, panel, width, k, column, block);
    return ck_quant_weight(dtype, block, k % CK_QUANT_BLOCK);
}
