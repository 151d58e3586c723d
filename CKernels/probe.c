// ck_probe_fma: the FMA loop of an ISA on every thread at once, for the harness's peak.
#include "dispatch.h"
#include "parallel.h"
#include "problem.h"

typedef struct {
    const ck_ops *ops;
    int64_t iterations;
    int64_t operations;  // of one thread
} probe;

static void probe_task(void *const context, const int64_t index, const int32_t worker) {
    (void)worker;
    probe *const p = context;
    const int64_t operations = p->ops->probe_fma(p->iterations);
    if (index == 0) p->operations = operations;
}

int64_t ck_probe_fma(const ck_options *const options, const int64_t iterations) {
    ck_options resolved;
    ck_diagnosis unused;
    if (iterations <= 0 || ck_options_resolve(options, &resolved, &unused) != CK_OK) return 0;
    probe p = {.ops = ck_ops_for(resolved.isa), .iterations = iterations};
    ck_parallel_for(resolved.threads, resolved.threads, probe_task, &p);
    return p.operations * resolved.threads;
}
