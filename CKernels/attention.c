// ck_attention_forward: validate, measure, find memory, run the driver of the kernel asked for.
#include "attention.h"

#include "driver.h"
#include "kv_cache.h"
#include "problem.h"

// `fused` writes the weights, if they are wanted, by the blocked kernel's first two passes; both
// lay out the same workspace, one after the other.
static void measure(const ck_kernel kernel, const ck_attention_call *const call, ck_arena *const arena) {
    switch (kernel) {
        case CK_NAIVE: ck_attention_naive_measure(call, arena); return;
        case CK_BLOCKED: ck_attention_blocked_measure(call, arena); return;
        case CK_FUSED: break;
    }
    ck_attention_fused_measure(call, arena);
    const ck_attention_problem *const p = call->problem;
    if (p->weights.data || p->weights.count != 0) {
        ck_arena weights = {0};
        ck_attention_blocked_measure(call, &weights);
        arena->overflow |= weights.overflow;
        if (weights.used > arena->used) arena->used = weights.used;
    }
}

static void run(const ck_kernel kernel, const ck_attention_call *const call, ck_arena *const arena) {
    switch (kernel) {
        case CK_NAIVE: ck_attention_naive_run(call, arena); return;
        case CK_BLOCKED: ck_attention_blocked_run(call, arena, true); return;
        case CK_FUSED: break;
    }
    ck_arena again = *arena;
    ck_attention_fused_run(call, arena);
    if (call->problem->weights.data) ck_attention_blocked_run(call, &again, false);
}

static ck_status prepare(const ck_kernel kernel, const ck_attention_problem *const problem,
                         const ck_options *const options, const ck_check check, ck_options *const resolved,
                         ck_attention_call *const call, size_t *const bytes, ck_diagnosis *const diagnosis) {
    ck_status status = ck_attention_validate(kernel, problem, check, diagnosis);
    if (status == CK_OK) status = ck_options_resolve(options, resolved, diagnosis);
    if (status != CK_OK) return status;
    if (options->fused_only && (kernel != CK_FUSED || problem->weights.data || problem->weights.count != 0)) {
        const ck_argument argument = kernel == CK_FUSED ? CK_ARG_WEIGHTS : CK_ARG_KERNEL;
        *diagnosis = (ck_diagnosis){.argument = argument, .dimension = -1};
        return CK_NOT_FUSED;
    }
    *call = (ck_attention_call){
        .problem = problem, .ops = ck_ops_for(resolved->isa), .threads = resolved->threads};
    ck_arena arena = {0};
    measure(kernel, call, &arena);
    *bytes = arena.used;
    if (!arena.overflow) return CK_OK;
    *diagnosis = (ck_diagnosis){.argument = CK_ARG_WORKSPACE, .dimension = -1, .expected = INT64_MAX};
    return CK_SIZE_OVERFLOW;
}

ck_status ck_attention_workspace(const ck_kernel kernel, const ck_attention_problem *const problem,
                                 const ck_options *const options, size_t *const bytes,
                                 ck_diagnosis *const diagnosis) {
    ck_diagnosis unused;
    ck_options resolved;
    ck_attention_call call;
    return prepare(kernel, problem, options, CK_CHECK_LAYOUT, &resolved, &call, bytes,
                   diagnosis ? diagnosis : &unused);
}

ck_status ck_attention_forward(const ck_kernel kernel, const ck_attention_problem *const problem,
                               const ck_options *const options, ck_diagnosis *const diagnosis) {
    ck_diagnosis unused, *const told = diagnosis ? diagnosis : &unused;
    ck_options resolved;
    ck_attention_call call;
    size_t bytes;
    ck_status status =
        prepare(kernel, problem, options, CK_CHECK_LAYOUT_AND_POINTERS, &resolved, &call, &bytes, told);
    if (status != CK_OK) return status;
    if (problem->batch == 0 || problem->heads == 0 || problem->seqlen_q == 0) {
        ck_kv_append_run(problem, call.ops, call.threads);
        return CK_OK;
    }
    ck_arena arena;
    void *owned;
    status = ck_workspace_open(&resolved, bytes, &arena, &owned, told);
    if (status != CK_OK) return status;
    ck_kv_append_run(problem, call.ops, call.threads);
    run(kernel, &call, &arena);
    free(owned);
    return CK_OK;
}
