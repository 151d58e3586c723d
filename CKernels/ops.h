// The table of one ISA: tile shapes and the functions compiled for it. A driver picks a table once
// per call and calls through it; everything below is inlined inside the ISA's translation unit.
#ifndef CK_OPS_H
#define CK_OPS_H

#include "plan.h"
#include "quantised.h"

// Packs kc k of B [k][columns], or of A^T, into panels of `width` columns, a multiple of the lanes, as words
// of a kind; columns beyond `count` of the last panel, and k beyond kc of the last word, become zero. A word
// is held in a float of any bits.
typedef struct {
    ck_gemm_kind kind;
    ck_dtype dtype;  // of the source
    const void *source;
    int64_t k_stride, column_stride;
    int64_t kc, count, width;
    bool is_a;             // without the first line of CK_GEMM_I8
    float *packed;         // [panel][line][width]
    int64_t panel_stride;  // at least lines * width
} ck_gemm_pack_args;

// Copies rows of A whose k are contiguous as words of a kind: `count` rows of kc k.
typedef struct {
    ck_gemm_kind kind;
    ck_dtype dtype;
    const void *source;
    int64_t row_stride;
    int64_t kc, count;
    float *packed;   // [row][stride]
    int64_t stride;  // a multiple of the lanes, at least the words of kc
} ck_gemm_copy_args;

// Where products of one block of K go, and what happens to them on the way.
typedef struct {
    void *c;  // element (first_row, first_column): C of this matrix, or scratch that stands for a part
    ck_dtype c_dtype;
    bool integer;  // the sums are int32
    int64_t first_row, first_column;
    int64_t c_row_stride, c_column_stride;
    bool first, last;  // block of K: the first takes in beta * C, the last applies the epilogue
    bool direct;       // words, no epilogue, columns contiguous: tiles are stored from registers
    float alpha, beta;
    const ck_epilogue *epilogue;
    const void *residual;  // of this matrix, element (0, 0), or null
} ck_gemm_target;

// 32 k of a row of A of CK_GEMM_SCALED: the numbers are scale * x.
typedef struct {
    int16_t
        x[CK_QUANT_BLOCK];  // each four k in the order 0 2 1 3, as one mask leaves a word of weights in pairs
    float scale;            // NaN where a number is not finite
    float sum;              // of the numbers: scale times the sum of x
    int32_t start;          // -8 times the sum of x: what a sum over nibbles of Q4_0 begins at
} ck_scaled_block;

// Makes `blocks` blocks of a row of A, whose k are `k_stride` elements apart.
typedef struct {
    ck_dtype dtype;
    const void *source;
    int64_t k_stride, blocks;
    ck_scaled_block *target;
} ck_scale_args;

// C += A B for one block of K. A is read where it lies, B in panels of the ISA's width.
typedef struct {
    ck_gemm_kind kind;
    int64_t m, n;
    int64_t words;  // of each chain
    const void *a;  // word (i, k) at i * a_row_bytes + k * a_k_bytes
    int64_t a_row_bytes, a_k_bytes;
    const float *b;  // panel p, line k: b + p * b_panel_stride + k * b_k_stride; see reads_edges
    int64_t b_k_stride, b_panel_stride;
    int64_t row, column;  // of the target, where the block lies
    bool resume;          // the chains go on from what C holds; the target is direct, first, alpha 1
    // Bytes from a word of A to the one to ask for while it is used: along the row if the caller goes on
    // with the next block of K, else 0 for the rows below. The same for B, in words; 0: nothing. If that is
    // so many lines of a panel, the first rows ask, and behind a panel's last lines for the next one's first.
    int64_t a_ahead, b_ahead, b_lines_ahead;
    bool a_comes;    // nothing of A is asked for
    bool near;       // nor of B and C: floats in a cache, one block of K straight to C
    int64_t b_next;  // words from a panel to the one to fetch into L2 while it is used, or 0
    // Words from the block's B, read where it lies, to as many lines to fetch into L2 meanwhile, in the order
    // of memory, or 0.
    int64_t b_lines_next;
    const ck_gemm_target *target;
} ck_gemm_block;

// rows x columns sums, on their way to C at (row, column). scaled: alpha, beta and scales are in them, and
// only the epilogue's rest is still to come. transposed: they are [columns][rows], and scaled.
typedef struct {
    const ck_gemm_target *target;
    const float *sums;
    int64_t stride;
    int64_t row, rows, column, columns;
    bool scaled, transposed;
} ck_gemm_finish_args;

// The same for at most CK_GEMV_ROWS rows, with B where it lies: columns contiguous; or, for at most
// CK_GEMV_ROWS_ALONG, k.
#define CK_GEMV_ROWS 3
#define CK_GEMV_ROWS_ALONG 8
// Rows up to which such a B may be read SIDES vectors of columns beside each other.
#define CK_GEMV_ROWS_BESIDE 2
#define CK_GEMV_SIDES 2
typedef struct {
    ck_gemm_kind kind;  // CK_GEMM_F32 or CK_GEMM_BF16
    ck_dtype b_dtype;
    int64_t m, n, kc;
    const void *a;  // words, as in ck_gemm_block
    int64_t a_row_bytes, a_k_bytes;
    const void *b;
    int64_t b_k_stride, b_column_stride;
    bool beside;              // two vectors of columns along k side by side
    int64_t k_left, k_total;  // of the whole product: from the first k on, and in all
    float *sums;              // scratch [m][sums_stride], sums_stride a multiple of the lanes and at least n
    int64_t sums_stride;
    int64_t column;
    const ck_gemm_target *target;
} ck_gemv_block;

// The same for at most CK_STORED_ROWS rows and one panel of B in its own type (gemm_stored.h).
#define CK_STORED_ROWS 4
typedef struct {
    ck_gemm_kind kind;
    ck_dtype dtype;
    int64_t m, n, kc;
    const void *a;  // words, as in ck_gemm_block
    int64_t a_row_bytes, a_k_bytes;
    const void *panel;
    int64_t row, column;  // of the target, where the panel lies
    const ck_gemm_target *target;
} ck_stored_block;

// kc k of such a panel in words.
typedef struct {
    ck_gemm_kind kind;
    ck_dtype dtype;
    int64_t kc;
    const void *panel;
    float *packed;  // [words of kc][width]
} ck_stored_expand;

// Softmax of `rows` rows of scores in place, for one head:
// weight[j] = 2^(s[j] + added[j] - max) / sum over visible j; masked weights are -0. The scores are in the
// log2 domain, or raw dot products where ck_transforms_scores.
typedef struct {
    const ck_attention_problem *problem;
    int64_t batch, head, row, rows;
    float *scores;                       // [rows][stride], those of keys first_key ..< end_key valid
    int64_t origin;                      // the key of column 0
    int64_t stride, first_key, end_key;  // first_key: a multiple of 16
    float *key_factors;                  // [stride] for the keys' inverse norms, or null
    float *lse;                          // [rows]
} ck_softmax_rows;

// The same from a known lse, which is read: weight[j] = 2^(s[j] + added[j] - lse), masked ones -0.
// entropy[row], if not null, takes in -sum of w ln w over keys first_counted ..< end_key.
typedef struct {
    ck_softmax_rows rows;
    int64_t first_counted;
    double *entropy;
} ck_map_rows;

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

// Rows of a float type to dense rows of f32, and back.
typedef struct {
    ck_dtype dtype;
    const void *source;  // the first element, [rows][stride]
    int64_t stride, rows, columns;
    float *target;  // [rows][columns]
} ck_widen_rows;

typedef struct {
    ck_dtype dtype;
    const float *source;  // [rows][columns]
    int64_t rows, columns;
    void *target;  // the first element, [rows][stride]
    int64_t stride;
} ck_narrow_rows;

// One row of a float type to 8 bits: to the largest magnitude over 127, which becomes *scale, or to the
// scales of its columns.
typedef struct {
    ck_dtype dtype;
    const void *source;
    int64_t columns;
    int8_t *target;
    float *scale;                // written, or null:
    const float *column_scales;  // then read
} ck_quantise_row;

// The fused kernel's unit of work; attention_fused.c fills it.
typedef struct {
    const ck_attention_problem *problem;
    const ck_attention_plan *plan;
    int64_t batch, kv_head;
    int64_t first_row, rows;         // rows of the KV head's group: row = query * group + head in group
    int64_t first_chunk, end_chunk;  // KV chunks
    ck_fused_scratch scratch;        // this worker's
    ck_decode_scratch decode;        // this worker's, if the plan decodes
    struct {
        int64_t batch, kv_head, first_row, end_row, first_key;
    } next;          // where the worker's next task begins, if it is of another KV head; else kv_head < 0
    float *partial;  // null: write O and lse; else the state of these rows, see plan.h
} ck_fused_task;

typedef struct ck_ops {
    ck_isa isa;
    int32_t gemm_rows, gemm_panel;  // of the widest tile, and columns of a panel of B
    int32_t lanes;
    bool reads_edges;  // gemm_block reads no float of B beyond its columns; else whole vectors
    bool multiplies_bf16, multiplies_i8;  // has the instruction of CK_GEMM_BF16, of CK_GEMM_I8
    int32_t attention_panel;              // query rows of one panel of the fused kernel
    int32_t attention_lanes;              // of one of its vectors
    void (*gemm_pack)(const ck_gemm_pack_args *pack);
    void (*gemm_copy)(const ck_gemm_copy_args *copy);
    void (*gemm_block)(const ck_gemm_block *block);
    void (*gemv_block)(const ck_gemv_block *block);
    void (*gemm_stored)(const ck_stored_block *block);
    void (*gemm_expand)(const ck_stored_expand *expand);
    // Of CK_GEMM_SCALED, rows of A; and what gemm_stored does, for any number of rows.
    void (*gemm_scale)(const ck_scale_args *args);
    void (*gemm_scaled)(const ck_stored_block *block);
    void (*gemm_finish)(const ck_gemm_finish_args *args);
    void (*widen_rows)(const ck_widen_rows *rows);
    void (*narrow_rows)(const ck_narrow_rows *rows);
    void (*quantise_row)(const ck_quantise_row *row);
    void (*softmax_rows)(const ck_softmax_rows *rows);
    void (*map_rows)(const ck_map_rows *rows);
    void (*careful_values)(const ck_careful_values *values);
    void (*attention_task)(const ck_fused_task *task);
    // Folds the partial states of `rows` rows over all chunks, left to right, and writes O and lse.
    void (*attention_combine)(const ck_fused_task *task);
    bool bf16_dot;  // attention_task takes the bf16 dot product where Q, K and V are bf16
    // The same for at most `decode_rows` rows a KV head, with the bits of f32.
    int32_t decode_rows, decode_keys;  // and keys of a tile
    void (*attention_decode)(const ck_fused_task *task);
    // Rows first ..< end of a layer; of ck_pool, segments.
    void (*normalize_rows)(const ck_normalize_problem *problem, int64_t first, int64_t end);
    void (*rotate_rows)(const ck_rotate_problem *problem, int64_t first, int64_t end);
    void (*gate_rows)(const ck_gate_problem *problem, int64_t first, int64_t end);
    void (*embed_rows)(const ck_embed_problem *problem, int64_t first, int64_t end);
    void (*pool_segments)(const ck_pool_problem *problem, int64_t first, int64_t end);
    void (*argmax_rows)(const ck_argmax_problem *problem, int64_t first, int64_t end);
    void (*layer_softmax_rows)(const ck_softmax_problem *problem, int64_t first, int64_t end);
    void (*dropout_rows)(const ck_dropout_problem *problem, int64_t first, int64_t end);
    int64_t (*probe)(const ck_probe *probe, int64_t slice);
} ck_ops;

extern const ck_ops ck_ops_portable, ck_ops_avx2, ck_ops_avx512, ck_ops_avx512bf16, ck_ops_neon;

#endif
