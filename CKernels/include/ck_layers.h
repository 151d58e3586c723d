// What a Transformer does between its products, row by row. A row's result depends on that row alone, with the
// same bits for any number of threads and on every FMA ISA: sums run in 16 partial sums by index modulo 16. No
// workspace is needed. `y` may be `x` itself (same data, offset, stride and type) where the columns agree, and may
// not overlap an input otherwise.
#ifndef CKERNELS_LAYERS_H
#define CKERNELS_LAYERS_H

#include "ck_common.h"
#include "ck_gemm.h"

CK_DECLARATIONS_BEGIN

// [rows, columns] inside `count` elements at `data`: element (i, j) is data[offset + i * row_stride + j].
// CK_F32, CK_BF16 or CK_F16; a table of ck_embed also quantised, whose count, offset and row_stride count blocks.
typedef struct ck_rows {
    void *_Nullable data;
    int64_t count;
    int64_t offset;
    int64_t row_stride;
    ck_dtype dtype;
} ck_rows;

typedef struct ck_indices {
    const int64_t *_Nullable data;
    int64_t count;
} ck_indices;

typedef enum CK_ENUM ck_norm {
    CK_NORM_LAYER = 0,  // (x - mean) / sqrt(variance + epsilon) * scale + shift
    CK_NORM_RMS,        // x / sqrt(mean of x^2 + epsilon) * scale + shift
} ck_norm;

typedef struct ck_normalize_problem {
    ck_norm norm;
    int64_t rows, columns;
    ck_rows x, y;
    ck_rows copy;  // y once more, of another type; data null and count 0: not wanted
    ck_vector scale, shift;  // [columns]; data null: 1, 0
    float epsilon;           // finite, 0 or more
} ck_normalize_problem;

ck_status ck_normalize(const ck_normalize_problem *problem, const ck_options *options,
                       ck_diagnosis *_Nullable diagnosis);

// Rotary positions: the first `rotated` columns of each of the first `rotated_heads` heads of a row turn in pairs
// (a, b) -> (a cos - b sin, a sin + b cos); all else is copied. Pairs are (2c, 2c + 1) if interleaved, else
// (c, c + rotated / 2); pair c of row i turns by element (positions[i], c) of the tables.
typedef struct ck_rotate_problem {
    int64_t rows, heads, width;  // columns = heads * width
    int64_t rotated_heads, rotated;
    bool interleaved;
    ck_rows x, y;
    int64_t table_rows;
    ck_rows cosines, sines;  // [table_rows, rotated / 2], CK_F32
    ck_indices positions;    // [rows]
} ck_rotate_problem;

ck_status ck_rotate(const ck_rotate_problem *problem, const ck_options *options,
                    ck_diagnosis *_Nullable diagnosis);

// y[i][j] = activation(x[i][j]) * x[i][columns + j]: the gate of SwiGLU and its relatives.
typedef struct ck_gate_problem {
    int64_t rows, columns;
    ck_activation activation;
    ck_rows x;  // [rows, 2 columns]
    ck_rows y;
} ck_gate_problem;

ck_status ck_gate(const ck_gate_problem *problem, const ck_options *options, ck_diagnosis *_Nullable diagnosis);

// y[i] = factor * table[ids[i]] + position_table[positions[i]] + added.
typedef struct ck_embed_problem {
    int64_t rows, columns;
    int64_t table_rows;
    ck_rows table;
    ck_indices ids;  // [rows]
    float factor;
    int64_t position_rows;
    ck_rows position_table;  // CK_F32; data null and count 0: none, and no positions
    ck_indices positions;    // [rows]
    ck_vector added;         // [columns]; data null: none
    ck_rows y;
} ck_embed_problem;

ck_status ck_embed(const ck_embed_problem *problem, const ck_options *options, ck_diagnosis *_Nullable diagnosis);

// y[s] = mean of rows offsets[s] ..< offsets[s + 1] of x, divided by its L2 norm (at least 1e-12) if `unit`. The
// mean of no rows is 0.
typedef struct ck_pool_problem {
    int64_t rows, columns;  // of x
    int64_t segments;
    ck_rows x;
    ck_indices offsets;  // [segments + 1], ascending, in 0 ... rows
    bool unit;
    ck_rows y;  // [segments, columns]
} ck_pool_problem;

ck_status ck_pool(const ck_pool_problem *problem, const ck_options *options, ck_diagnosis *_Nullable diagnosis);

// indices[i] = the column of the largest element of row i, the first of equals; NaN is less than everything.
typedef struct ck_argmax_problem {
    int64_t rows, columns;  // columns >= 1
    ck_rows x;
    int64_t *_Nullable indices;
    int64_t indices_count;
} ck_argmax_problem;

ck_status ck_argmax(const ck_argmax_problem *problem, const ck_options *options,
                    ck_diagnosis *_Nullable diagnosis);

// y[i] = softmax(factor * x[i]), or its natural logarithm. A row of -inf gives 0, or -inf.
typedef struct ck_softmax_problem {
    int64_t rows, columns;
    ck_rows x, y;  // CK_F32
    float factor;  // finite
    bool logarithm;
} ck_softmax_problem;

ck_status ck_softmax(const ck_softmax_problem *problem, const ck_options *options,
                     ck_diagnosis *_Nullable diagnosis);

// y = x / (1 - probability) where element (i, j) is kept, else 0. Which are kept is decided by a hash of seed and
// counter + i * columns + j alone: the same for any rows a call, any threads and every ISA.
typedef struct ck_dropout_problem {
    int64_t rows, columns;
    ck_rows x, y;
    float probability;  // of being dropped, 0 <= p < 1
    uint64_t seed, counter;
} ck_dropout_problem;

ck_status ck_dropout(const ck_dropout_problem *problem, const ck_options *options,
                     ck_diagnosis *_Nullable diagnosis);

CK_DECLARATIONS_END

#endif
