// ck_attention_merge: O = sum of w_i O_i / sum of w_i with w_i = exp(lse_i - max lse), and lse = max lse +
// ln(sum of w_i): attention over several sets of keys from the attention over each. States are taken in the
// order given and summed in double precision by + * / alone, so the bits depend on nothing else.
#include <math.h>

#include "numerics.h"
#include "parallel.h"
#include "problem.h"

// 2^x for x <= 0: 2^f for |f| <= 1/2 by its series in f ln 2, good to 1e-16, times 2^k.
static double exp2_of(const double x) {
    if (x < -1000) return 0;
    const int k = (int)(x - 0.5);
    const double t = (x - k) * CK_LN2;
    double sum = 1;
    for (int n = 14; n >= 1; --n) sum = 1 + sum * t / n;
    return ldexp(sum, k);
}

static float lse_at(const ck_attention_state *const state, const int64_t b, const int64_t h,
                    const int64_t i) {
    return *ck_at(&state->lse, b, h, i);
}

// One row. A state whose lse is -inf saw nothing, and its O is not read.
static void merge_row(const ck_merge_problem *const p, const int64_t b, const int64_t h, const int64_t i) {
    float largest = -INFINITY;
    for (int64_t s = 0; s < p->count; ++s) {
        const float lse = lse_at(&p->states[s], b, h, i);
        if (lse > largest || lse != lse) largest = lse;
    }
    double sum = 0;
    for (int64_t s = 0; s < p->count; ++s) {
        const float lse = lse_at(&p->states[s], b, h, i);
        if (lse != -INFINITY) sum += exp2_of(((double)lse - (double)largest) * CK_LOG2E);
    }
    float *const o = ck_at(&p->o, b, h, i);
    for (int64_t first = 0; first < p->value_dim; first += 64) {
        const int64_t n = ck_min(p->value_dim - first, 64);
        double total[64] = {0};
        for (int64_t s = 0; s < p->count; ++s) {
            const float lse = lse_at(&p->states[s], b, h, i);
            if (lse == -INFINITY) continue;
            const double weight = exp2_of(((double)lse - (double)largest) * CK_LOG2E) / sum;
            const float *const part = ck_at(&p->states[s].o, b, h, i) + first;
            for (int64_t c = 0; c < n; ++c) total[c] += weight * (double)part[c];
        }
        for (int64_t c = 0; c < n; ++c) o[first + c] = (float)total[c];
    }
    if (p->lse.data) *ck_at(&p->lse, b, h, i) = ck_lse(largest, (float)sum);
}

// Rows of a task: some 64 kB of one state at d_v = 64.
#define TASK_ROWS 256

static void merge_rows(void *const context, const int64_t index, const int32_t worker) {
    (void)worker;
    const ck_merge_problem *const p = context;
    const int64_t end = ck_min(p->batch * p->heads * p->seqlen_q, (index + 1) * TASK_ROWS);
    for (int64_t row = index * TASK_ROWS; row < end; ++row)
        merge_row(p, row / p->seqlen_q / p->heads, row / p->seqlen_q % p->heads, row % p->seqlen_q);
}

ck_status ck_attention_merge(const ck_merge_problem *const problem, const ck_options *const options,
                             ck_diagnosis *const diagnosis) {
    ck_diagnosis unused, *const told = diagnosis ? diagnosis : &unused;
    ck_status status = ck_merge_validate(problem, told);
    ck_options resolved;
    if (status == CK_OK) status = ck_options_resolve(options, &resolved, told);
    if (status != CK_OK) return status;
    ck_merge_problem context = *problem;
    const int64_t tasks = ck_ceil_div(problem->batch * problem->heads * problem->seqlen_q, TASK_ROWS);
    ck_parallel_for(tasks, (int32_t)ck_max(1, ck_min(resolved.threads, tasks)), merge_rows, &context);
    return CK_OK;
}
