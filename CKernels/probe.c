// ck_probe_run: one limit of the machine, driven by every thread at once while the caller holds the clock.
#include <stdatomic.h>

#include "dispatch.h"
#include "parallel.h"
#include "problem.h"

typedef struct {
    const ck_ops *ops;
    const ck_probe *probe;
    _Atomic int64_t operations;  // of all threads
} probe_job;

// Additions that wait for each other, one a cycle on every CPU we know: the clock. The addend comes from a
// register, because some CPUs fold constants away.
static int64_t probe_clock(const int64_t rounds) {
    int64_t sum = 0;
#if defined(__x86_64__) || defined(__aarch64__)
    const int64_t one = 1;
    for (int64_t round = 0; round < rounds; ++round) {
#pragma clang loop unroll(full)
        for (int i = 0; i < 64; ++i) {
#if defined(__x86_64__)
            __asm__ volatile("addq %1, %0" : "+r"(sum) : "r"(one));
#else
            __asm__ volatile("add %0, %0, %1" : "+r"(sum) : "r"(one));
#endif
        }
    }
#else
    (void)rounds;
#endif
    return sum;
}

static void probe_task(void *const context, const int64_t slice, const int32_t worker) {
    (void)worker;
    probe_job *const job = context;
    const ck_probe *const probe = job->probe;
    const int64_t operations =
        probe->kind == CK_PROBE_CLOCK ? probe_clock(probe->rounds) : job->ops->probe(probe, slice);
    atomic_fetch_add_explicit(&job->operations, operations, memory_order_relaxed);
}

static bool probe_is_valid(const ck_probe *const probe) {
    if (probe->kind < CK_PROBE_FMA || probe->kind > CK_PROBE_CLOCK || probe->rounds <= 0) return false;
    const bool needs_memory = probe->kind >= CK_PROBE_EXP2 && probe->kind <= CK_PROBE_TRIAD;
    return !needs_memory || (probe->data && (uintptr_t)probe->data % 64 == 0 && probe->count > 0 &&
                             probe->count % CK_PROBE_COUNT_MULTIPLE == 0);
}

int64_t ck_probe_run(const ck_probe *const probe, const ck_options *const options) {
    ck_options resolved;
    ck_diagnosis unused;
    if (!probe_is_valid(probe) || ck_options_resolve(options, &resolved, &unused) != CK_OK) return 0;
    probe_job job = {.ops = ck_ops_for(resolved.isa), .probe = probe};
    ck_parallel_for(resolved.threads, resolved.threads, probe_task, &job);
    return atomic_load_explicit(&job.operations, memory_order_relaxed);
}
