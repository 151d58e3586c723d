// The layers between products: every entry point validates, then cuts its rows into tasks. The row kernels
// are in kernels/layers*.inc.
#include "layers.h"

#include "dispatch.h"
#include "parallel.h"
#include "problem.h"

// A worker pays when it has this many elements to itself: at some 4 elements a nanosecond, 2 us, twice what
// waking the others takes.
#define WORKER_ELEMENTS 8192

typedef struct {
    const ck_ops *ops;
    const void *problem;
    int64_t rows, tasks;
} row_job;

// Some tasks a worker, so that one who is late costs little.
static void run(const ck_task_fn fn, row_job job, const int64_t row_elements, const int32_t threads) {
    if (job.rows == 0) return;
    const int64_t worth = (int64_t)ck_min(job.rows, INT64_MAX / ck_max(1, row_elements)) *
                          ck_max(1, row_elements) / WORKER_ELEMENTS;
    const int64_t workers = ck_max(1, ck_min(ck_min(threads, job.rows), worth));
    job.tasks = workers == 1 ? 1 : ck_min(job.rows, 4 * workers);
    ck_parallel_for(job.tasks, (int32_t)workers, fn, &job);
}

// One entry point: rows ROWS of ELEMENTS each, done by FN of the ISA's table.
#define CK_LAYER(NAME, FN, ROWS, ELEMENTS)                                                   \
    static void NAME##_task(void *const context, const int64_t task, const int32_t worker) { \
        (void)worker;                                                                        \
        const row_job *const j = context;                                                    \
        j->ops->FN(j->problem, j->rows *task / j->tasks, j->rows * (task + 1) / j->tasks);   \
    }                                                                                        \
    ck_status ck_##NAME(const ck_##NAME##_problem *const p, const ck_options *const options, \
                        ck_diagnosis *const diagnosis) {                                     \
        ck_diagnosis unused, *const told = diagnosis ? diagnosis : &unused;                  \
        ck_options resolved;                                                                 \
        ck_status status = ck_##NAME##_validate(p, told);                                    \
        if (status == CK_OK) status = ck_options_resolve(options, &resolved, told);          \
        if (status != CK_OK) return status;                                                  \
        const row_job job = {.ops = ck_ops_for(resolved.isa), .problem = p, .rows = (ROWS)}; \
        run(NAME##_task, job, (ELEMENTS), resolved.threads);                                 \
        return CK_OK;                                                                        \
    }

CK_LAYER(normalize, normalize_rows, p->rows, p->columns)
CK_LAYER(rotate, rotate_rows, p->rows, p->heads * p->width)
// An activation takes as long as reading some 8 elements.
CK_LAYER(gate, gate_rows, p->rows, ck_min(p->columns, INT64_MAX / 8) * 8)
CK_LAYER(embed, embed_rows, p->rows, p->columns)
CK_LAYER(pool, pool_segments, p->segments, p->segments > 0 ? p->rows / p->segments * p->columns : 0)
CK_LAYER(argmax, argmax_rows, p->rows, p->columns)
CK_LAYER(softmax, layer_softmax_rows, p->rows, p->columns)
CK_LAYER(dropout, dropout_rows, p->rows, p->columns)
