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

// The end of the run of keys from `key` on, at most `end`, whose rows are row_stride apart.
static inline int64_t ck_key_run(const ck_attention_problem *const p, const int64_t key, const int64_t end) {
    return ck_is_paged(p) ? ck_min(end, (key / p->pages.page_keys + 1) * p->pages.page_keys) : end;
}

// Writes the rows of `append` into K and V.
struct ck_ops;
void ck_kv_append_run(const ck_attention_problem *problem, const struct ck_ops *ops, int32_t threads);

#endif
