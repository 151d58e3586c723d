// The table of one ISA: tile shapes and the functions compiled for it. A driver picks a table once
// per call and calls through it; everything below is inlined inside the ISA's translation unit.
#ifndef CK_OPS_H
#define CK_OPS_H

#include "plan.h"

// Packs `count` lines of length kc into micro-panels of `width` lines: panel[k][line], lines beyond
// `count` in the last panel zero. A line's elements are contiguous (line_contiguous: source[line *
// stride + k]) or the lines are (source[k * stride + line]). Used for A (lines = rows) and B (columns).
typedef struct {
    const float *source;
    int64_t stride;
    bool line_contiguous;
    int64_t count, kc;
    float *packed;  // ck_round_up(count, width) * kc floats
} ck_pack;

// C[m][n] (+)= alpha * A B on packed panels of one kc: the jr and ir loops and the microkernel.
// accumulate: add to C; otherwise C = alpha * A B + beta * C, and beta == 0 does not read C.
typedef struct {
    int64_t m, n, kc;
    const float *a;  // micro-panels [ceil(m / MR)][kc][MR]
    const float *b;  // micro-panels [ceil(n / NR)][kc][NR]
    float *c;
    int64_t c_stride;
    float alpha, beta;
    bool accumulate;
} ck_gemm_block;

// Softmax of `rows` rows of scores in place, for one head:
// weight[j] = 2^(s[j] + added[j] - max) / sum over visible j; masked weights are -0. The scores are in the
// log2 domain, or raw dot products where ck_transforms_scores.
typedef struct {
    const ck_attention_problem *problem;
    int64_t batch, head, row, rows;
    float *scores;  // [rows][stride], columns first_key ..< end_key valid
    int64_t stride, first_key, end_key;
    float *key_factors;  // [stride] for the keys' inverse norms, or null
    float *lse;          // [rows]
} ck_softmax_rows;

// O = P V with masked weights (-0) left out, not multiplied: for V that holds NaN or Inf. The sums are
// those of the GEMM, element for element.
typedef struct {
    int64_t rows, keys, value_dim;
    const float *weights;  // [rows][weights_stride]
    int64_t weights_stride;
    const float *v;  // [keys][v_stride]
    int64_t v_stride;
    float *o;  // [rows][o_stride]
    int64_t o_stride;
} ck_careful_values;

// The fused kernel's unit of work; attention_fused.c fills it.
typedef struct {
    const ck_attention_problem *problem;
    const ck_attention_plan *plan;
    int64_t batch, kv_head;
    int64_t first_row, rows;         // rows of the KV head's group: row = query * group + head in group
    int64_t first_chunk, end_chunk;  // KV chunks
    ck_fused_scratch scratch;        // this worker's
    float *partial;                  // null: write O and lse; else the state of these rows, see plan.h
} ck_fused_task;

typedef struct ck_ops {
    ck_isa isa;
    int32_t gemm_mr, gemm_nr;
    int32_t attention_panel;  // query rows of one panel of the fused kernel
    int32_t attention_lanes;  // of one of its vectors
    void (*gemm_pack_a)(const ck_pack *pack);
    void (*gemm_pack_b)(const ck_pack *pack);
    void (*gemm_block)(const ck_gemm_block *block);
    void (*softmax_rows)(const ck_softmax_rows *rows);
    void (*careful_values)(const ck_careful_values *values);
    void (*attention_task)(const ck_fused_task *task);
    // Folds the partial states of `rows` rows over all chunks, left to right, and writes O and lse.
    void (*attention_combine)(const ck_fused_task *task);
    int64_t (*probe_fma)(int64_t iterations);
} ck_ops;

extern const ck_ops ck_ops_portable, ck_ops_avx2, ck_ops_avx512, ck_ops_avx512bf16, ck_ops_neon;

#endif
