// The only file that knows threads: OpenMP, or POSIX threads where CK_PTHREADS is defined. Atomic
// counters hand out tasks, so uneven tasks balance themselves; OpenMP's own dynamic schedule
// is avoided because clang's code for it needs a newer libomp than distributions ship.
#include "parallel.h"

#include "CKernels.h"

#include <stdatomic.h>
#include <stdlib.h>

#if defined(CK_PTHREADS)
#include <pthread.h>
#elif !defined(_OPENMP)
#error \
    "AttentionKernels is compiled without -fopenmp: build it with SwiftPM, or set ATTENTION_KERNELS_PTHREADS=1 for POSIX threads."
#elif defined(__linux__) && defined(__has_include)
#if !__has_include("/usr/lib/x86_64-linux-gnu/libomp5.so") &&                               \
                   !__has_include("/usr/lib/aarch64-linux-gnu/libomp5.so") &&               \
                                  !__has_include("/usr/lib/libomp5.so") &&                  \
                                                 !__has_include("/usr/lib64/libomp5.so") && \
                                                                !__has_include("/usr/local/lib/libomp5.so")
#error \
    "OpenMP is missing: run 'apt-get install libomp-dev', or set ATTENTION_KERNELS_PTHREADS=1 to build on POSIX threads."
#endif
#elif defined(__APPLE__) && defined(__has_include)
#if !__has_include("/opt/homebrew/opt/libomp/lib/libomp.dylib") && \
                   !__has_include("/usr/local/opt/libomp/lib/libomp.dylib")
#error \
    "OpenMP is missing: run 'brew install libomp', or set ATTENTION_KERNELS_PTHREADS=1 to build on POSIX threads."
#endif
#endif

#if !defined(CK_PTHREADS)
// Declared here because omp.h is not on the default path of every clang.
extern int omp_get_thread_num(void);
#endif

// The floating-point control word: without this, flush-to-zero set by the caller would hold on its
// own thread only, and a result would depend on the thread count.
#if defined(__x86_64__)
typedef uint32_t fp_control;
static fp_control fp_get(void) { return __builtin_ia32_stmxcsr(); }
static void fp_set(const fp_control control) { __builtin_ia32_ldmxcsr(control); }
#elif defined(__aarch64__)
typedef uint64_t fp_control;
static fp_control fp_get(void) {
    fp_control control;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    return control;
}
static void fp_set(const fp_control control) { __asm__ volatile("msr fpcr, %0" : : "r"(control)); }
#else
typedef int fp_control;
static fp_control fp_get(void) { return 0; }
static void fp_set(const fp_control control) { (void)control; }
#endif

// Worker w owns tasks w, w + workers, w + 2 workers and so on, and then helps the others: calls that follow
// each other on the same data find it in the same core's cache.
typedef struct {
    _Alignas(64) _Atomic int64_t next;  // how many of its tasks are taken
} share;

typedef struct {
    int64_t tasks;
    int32_t workers;
    ck_task_fn fn;
    void *context;
    fp_control control;
    share shares[CK_MAX_THREADS];
} job;

static void work(job *const shared, const int32_t worker) {
    const fp_control own = fp_get();
    fp_set(shared->control);
    for (int32_t i = 0; i < shared->workers; ++i) {
        const int32_t owner = (worker + i) % shared->workers;
        _Atomic int64_t *const next = &shared->shares[owner].next;
        for (;;) {
            const int64_t taken = atomic_fetch_add_explicit(next, 1, memory_order_relaxed);
            const int64_t task = owner + taken * shared->workers;
            if (task >= shared->tasks) break;
            shared->fn(shared->context, task, worker);
        }
    }
    fp_set(own);
}

#if defined(CK_PTHREADS)

typedef struct {
    job *shared;
    int32_t worker;
    pthread_t thread;
} member;

static void *enter(void *const argument) {
    const member *const self = argument;
    work(self->shared, self->worker);
    return NULL;
}

// Threads live for one call: no state survives it, and fork is harmless. If the system refuses a
// thread, those that did start finish the tasks.
static void run(job *const shared, const int32_t threads) {
    member members[CK_MAX_THREADS];
    int32_t started = 1;
    for (; started < threads && started < CK_MAX_THREADS; ++started) {
        members[started] = (member){.shared = shared, .worker = started};
        if (pthread_create(&members[started].thread, NULL, enter, &members[started]) != 0) break;
    }
    work(shared, 0);
    for (int32_t i = 1; i < started; ++i) pthread_join(members[i].thread, NULL);
}

const char *ck_parallel_name(void) { return "pthreads"; }

#else

static void run(job *const shared, const int32_t threads) {
#pragma omp parallel num_threads(threads)
    work(shared, omp_get_thread_num());
}

const char *ck_parallel_name(void) { return "openmp"; }

#endif

void ck_parallel_for(const int64_t tasks, const int32_t threads, const ck_task_fn fn, void *const context) {
    if (tasks <= 1 || threads <= 1) {
        for (int64_t task = 0; task < tasks; ++task) fn(context, task, 0);
        return;
    }
    job shared;
    shared.tasks = tasks;
    shared.workers = threads;
    shared.fn = fn;
    shared.context = context;
    shared.control = fp_get();
    for (int32_t i = 0; i < shared.workers; ++i) atomic_init(&shared.shares[i].next, 0);
    // Never fewer than asked for: libomp keeps its team from region to region only while its size stays.
    run(&shared, threads);
}
