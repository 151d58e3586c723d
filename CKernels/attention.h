// The three attention drivers behind ck_attention_forward. Each has two halves over one layout of the
// workspace: `measure` takes it from an arena without memory, `run` from one with. The problem and the
// options have been validated and resolved.
#ifndef CK_ATTENTION_H
#define CK_ATTENTION_H

#include "dispatch.h"
#include "workspace.h"

typedef struct {
    const ck_attention_problem *problem;
    const ck_ops *ops;
    int32_t threads;
} ck_attention_call;

void ck_attention_naive_measure(const ck_attention_call *call, ck_arena *arena);
void ck_attention_naive_run(const ck_attention_call *call, ck_arena *arena);
// values: compute O and lse too, not only the weights.
void ck_attention_blocked_measure(const ck_attention_call *call, ck_arena *arena);
void ck_attention_blocked_run(const ck_attention_call *call, ck_arena *arena, bool values);
void ck_attention_fused_measure(const ck_attention_call *call, ck_arena *arena);
void ck_attention_fused_run(const ck_attention_call *call, ck_arena *arena);

#endif
