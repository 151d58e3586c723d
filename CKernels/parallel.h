// fn(context, task, worker) for every task in 0 ..< tasks, on up to `threads` workers; returns when
// all are done. Called by the drivers only.
#ifndef CK_PARALLEL_H
#define CK_PARALLEL_H

#include <stdint.h>

typedef void (*ck_task_fn)(void *context, int64_t task, int32_t worker);

// Each worker, worker < threads, takes every threads-th task in ascending order, and then those that others
// have not begun. Which worker runs a task must not matter to its result. Workers run under the caller's
// floating-point control word (rounding, flush to zero) and get their own back afterwards.
void ck_parallel_for(int64_t tasks, int32_t threads, ck_task_fn fn, void *context);

const char *ck_parallel_name(void);

#endif
