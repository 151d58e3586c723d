// Where a key's rows lie: contiguous or in pages. Used by every driver and template that reads K or V.
#ifndef CK_KV_CACHE_H
#define CK_KV_CACHE_H

#include "problem.h"

static inline bool ck_is_paged(const ck_attention_problem *const p) { return p->pages.page_keys > 0; }

static inline int64_t ck_page_of(const ck_attention_problem *const p, const int64_t batch,
                                 const int64_t key) {
    const ck_kv_pages *const x = &p->pages;
    return x->table[batch * x->table_stride + key / x->page_keys];
}

// The row of key `key` in K or V.
static inline void *ck_key_row(const ck_attention_problem *const p, const ck_operand *const x,
                               const int64_t batch, const int64_t kv_head, const int64_t key) {
    if (!ck_is_paged(p)) return ck_row(x, batch, kv_head, key);
    return ck_row(x, ck_page_of(p, batch, key), kv_head, key % p->pages.page_keys);
}

static inline const ck_kv_scales *ck_scales_of(const ck_attention_problem *const p,
                                               const ck_operand *const x) {
    return x == &p->k ? &p->k_scales : &p->v_scales;
}

// The scale of a key's row of 8 bits; those of its columns, which all keys of the sequence share.
static inline float ck_key_scale(const ck_attention_problem *const p, const ck_kv_scales *const scales,
                                 const int64_t batch, const int64_t kv_head, const int64_t key) {
    return *(const float *)ck_key_row(p, &scales->values, batch, kv_head, key);
}
static inline const float *ck_column_scales(const ck_kv_scales *const scales, const int64_t batch,
                                            const int64_t kv_head) {
    return ck_row(&scales->values, batch, kv_head, 0);
}

// The end of the run of keys from `key` on, at most `end`, whose rows are row_stride apart.
static inline int64_t ck_key_run(const ck_attention_problem *const p, const int64_t key, const int64_t end) {
    return ck_is_paged(p) ? ck_min(end, (key / p->pages.page_keys + 1) * p->pages.page_keys) : end;
}

// Multiplies the integers of keys first ..< end of 8 bits, widened to `rows` of `columns` floats, by their
// scales.
static inline void ck_scale_rows(const ck_attention_problem *const p, const ck_operand *const x,
                                 const int64_t batch, const int64_t kv_head, const int64_t first,
                                 const int64_t end, const int64_t columns, float *const rows) {
    if (x->dtype != CK_I8) return;
    const ck_kv_scales *const scales = ck_scales_of(p, x);
    const bool by_key = scales->kind == CK_SCALES_BY_KEY;
    const float *const shared = by_key ? NULL : ck_column_scales(scales, batch, kv_head);
    for (int64_t key = first; key < end; ++key) {
        float *const row = rows + (key - first) * columns;
        const float scale = by_key ? ck_key_scale(p, scales, batch, kv_head, key) : 0;
        for (int64_t c = 0; c < columns; ++c) row[c] *= by_key ? scale : shared[c];
    }
}

// Writes the rows of `append` into K and V.
struct ck_ops;
void ck_kv_append_run(const ck_attention_problem *problem, const struct ck_ops *ops, int32_t threads);

#endif
