// The driver of the fused kernel: task -> (rows, batch, KV head, chunk) -> ops->attention_task, and a
// second pass over the rows that combines chunks where the plan split them.
#include "attention.h"
#include "parallel.h"
#include "problem.h"

typedef struct {
    const ck_attention_call *call;
    ck_attention_plan plan;
    ck_fused_scratch *scratch;  // [threads]; one of the two, as the plan decides
    ck_decode_scratch *decode;
    float *partial;  // [batch][kv_heads][row_blocks][chunks][task_rows][3 + value_dim], or null
} fused_run;

// An array of scratches on the stack would bound the threads; it lies in the workspace, at its head.
static fused_run layout(const ck_attention_call *const call, ck_arena *const arena) {
    const ck_attention_problem *const p = call->problem;
    fused_run run = {.call = call, .plan = ck_plan_fused(call->ops, p, call->threads)};
    const ck_attention_plan *const plan = &run.plan;
    if (plan->decodes) {
        run.decode = ck_arena_take(arena, plan->threads, sizeof *run.decode);
        for (int32_t worker = 0; worker < plan->threads; ++worker) {
            const ck_decode_scratch scratch = ck_decode_scratch_take(arena, plan, p);
            if (run.decode) run.decode[worker] = scratch;
        }
    } else {
        run.scratch = ck_arena_take(arena, plan->threads, sizeof *run.scratch);
        for (int32_t worker = 0; worker < plan->threads; ++worker) {
            const ck_fused_scratch scratch = ck_fused_scratch_take(arena, call->ops, plan, p);
            if (run.scratch) run.scratch[worker] = scratch;
        }
    }
    if (plan->split)
        run.partial =
            ck_arena_take(arena, plan->tasks * plan->task_rows * ck_partial_floats(p), sizeof(float));
    return run;
}

void ck_attention_fused_measure(const ck_attention_call *const call, ck_arena *const arena) {
    layout(call, arena);
}

// Row blocks are the slowest index and run from the last to the first: under a causal mask the last
// rows see the most keys, and heavy tasks first leave a short tail.
static ck_fused_task task_of(const fused_run *const run, const int64_t index, const int64_t chunks) {
    const ck_attention_plan *const plan = &run->plan;
    const ck_attention_problem *const p = run->call->problem;
    const int64_t kv_tasks = p->batch * p->kv_heads, chunk = index % chunks, rest = index / chunks;
    const int64_t block = plan->row_blocks - 1 - rest / kv_tasks, kv = rest % kv_tasks;
    ck_fused_task task = {.problem = p,
                          .plan = plan,
                          .batch = kv / p->kv_heads,
                          .kv_head = kv % p->kv_heads,
                          .first_row = block * plan->task_rows,
                          .first_chunk = plan->split ? chunk : 0,
                          .end_chunk = plan->split ? chunk + 1 : plan->chunks};
    task.rows = ck_min(plan->task_rows, plan->group_rows - task.first_row);
    if (run->partial)
        task.partial = run->partial + ((kv * plan->row_blocks + block) * plan->chunks + chunk) *
                                          plan->task_rows * ck_partial_floats(p);
    return task;
}

static void forward(void *const context, const int64_t index, const int32_t worker) {
    const fused_run *const run = context;
    const int64_t chunks = run->plan.split ? run->plan.chunks : 1, next = index + run->plan.threads;
    ck_fused_task task = task_of(run, index, chunks);
    task.next.kv_head = -1;
    if (next < run->plan.tasks) {
        const ck_fused_task its = task_of(run, next, chunks);
        task.next.batch = its.batch;
        task.next.kv_head = its.kv_head;
        task.next.first_row = its.first_row;
        task.next.end_row = its.first_row + its.rows;
        task.next.first_key = its.first_chunk * CK_KV_CHUNK;
    }
    if (run->plan.decodes) {
        task.decode = run->decode[worker];
        run->call->ops->attention_decode(&task);
    } else {
        task.scratch = run->scratch[worker];
        run->call->ops->attention_task(&task);
    }
}

static void combine(void *const context, const int64_t index, const int32_t worker) {
    (void)worker;
    const fused_run *const run = context;
    const ck_fused_task task = task_of(run, index * run->plan.chunks, run->plan.chunks);
    run->call->ops->attention_combine(&task);
}

void ck_attention_fused_run(const ck_attention_call *const call, ck_arena *const arena) {
    fused_run run = layout(call, arena);
    ck_parallel_for(run.plan.tasks, run.plan.threads, forward, &run);
    if (run.plan.split) ck_parallel_for(run.plan.tasks / run.plan.chunks, run.plan.threads, combine, &run);
}
