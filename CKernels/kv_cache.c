// Appending to a cache inside a call. A task is one KV head of one sequence; its rows are copied, rounded to
// the type of the cache a few columns at a time, or quantised.
#include "kv_cache.h"

#include <string.h>

#include "ops.h"
#include "parallel.h"

typedef struct {
    const ck_attention_problem *problem;
    const ck_ops *ops;
} append_run;

// Floats converted at a time, on the stack.
enum { STEP = 256 };

static void append_row(const ck_ops *const ops, const ck_operand *const source, const void *const from,
                       const ck_operand *const cache, void *const to, const int64_t columns) {
    const size_t read = (size_t)ck_element_bytes(source->dtype),
                 written = (size_t)ck_element_bytes(cache->dtype);
    if (source->dtype == cache->dtype) {
        memcpy(to, from, (size_t)columns * written);
        return;
    }
    float step[STEP];
    for (int64_t c = 0; c < columns; c += STEP) {
        const int64_t n = ck_min(columns - c, STEP);
        const ck_widen_rows widen = {.dtype = source->dtype,
                                     .source = (const char *)from + (size_t)c * read,
                                     .rows = 1,
                                     .columns = n,
                                     .target = step};
        ops->widen_rows(&widen);
        const ck_narrow_rows narrow = {.dtype = cache->dtype,
                                       .source = step,
                                       .rows = 1,
                                       .columns = n,
                                       .target = (char *)to + (size_t)c * written};
        ops->narrow_rows(&narrow);
    }
}

// Row i of the appended to its key of K or V.
static void append_key(const append_run *const run, const ck_operand *const source,
                       const ck_operand *const cache, const int64_t batch, const int64_t head,
                       const int64_t i, const int64_t key, const int64_t columns) {
    const ck_attention_problem *const p = run->problem;
    const void *const from = ck_row(source, batch, head, i);
    void *const to = ck_key_row(p, cache, batch, head, key);
    if (cache->dtype != CK_I8) {
        append_row(run->ops, source, from, cache, to, columns);
        return;
    }
    const ck_kv_scales *const scales = ck_scales_of(p, cache);
    const bool by_key = scales->kind == CK_SCALES_BY_KEY;
    const ck_quantise_row row = {.dtype = source->dtype,
                                 .source = from,
                                 .columns = columns,
                                 .target = to,
                                 .scale = by_key ? ck_key_row(p, &scales->values, batch, head, key) : NULL,
                                 .column_scales = by_key ? NULL : ck_column_scales(scales, batch, head)};
    run->ops->quantise_row(&row);
}

static void append_head(void *const context, const int64_t index, const int32_t worker) {
    (void)worker;
    const append_run *const run = context;
    const ck_attention_problem *const p = run->problem;
    const int64_t batch = index / p->kv_heads, head = index % p->kv_heads;
    const int64_t first = (p->kv_lengths ? p->kv_lengths[batch] : p->seqlen_k) - p->append.count;
    for (int64_t i = 0; i < p->append.count; ++i) {
        append_key(run, &p->append.k, &p->k, batch, head, i, first + i, p->head_dim);
        append_key(run, &p->append.v, &p->v, batch, head, i, first + i, p->value_dim);
    }
}

// Below this many rows a task, a second thread costs more than it saves.
#define ROWS_PER_THREAD 64

void ck_kv_append_run(const ck_attention_problem *const p, const ck_ops *const ops, const int32_t threads) {
    if (p->append.count == 0) return;
    append_run run = {.problem = p, .ops = ops};
    const int64_t tasks = p->batch * p->kv_heads, worth = tasks * p->append.count / ROWS_PER_THREAD;
    ck_parallel_for(tasks, (int32_t)ck_max(1, ck_min(threads, worth)), append_head, &run);
}
