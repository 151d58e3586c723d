// C = alpha * A B + beta * C with an epilogue; packed and quantised B.
#ifndef CKERNELS_GEMM_H
#define CKERNELS_GEMM_H

#include "ck_common.h"

CK_DECLARATIONS_BEGIN

// A batch of matrices: element (n, i, j) is data[offset + n*batch_stride + i*row_stride +
// j*column_stride]. A transposed matrix is the same memory with its strides exchanged. Strides may be
// negative, and for inputs zero. With `pointers`, matrix n is at pointers[n] instead, each of `count`
// elements; data is null and batch_stride is not used. Of quantised weights [k, n] the elements are blocks:
// count, offset and all strides count blocks, row_stride steps from 32 k to the next, column_stride from one
// column to the next (1 and k / 32 as files hold them, n rows of k).
typedef struct ck_matrix {
    void *_Nullable data;
    int64_t count;
    int64_t offset;
    int64_t batch_stride, row_stride, column_stride;
    ck_dtype dtype;
    void *_Nullable const *_Nullable pointers;
} ck_matrix;

typedef enum CK_ENUM ck_activation {
    CK_ACTIVATION_NONE = 0,
    CK_ACTIVATION_RELU,       // max(y, 0)
    CK_ACTIVATION_GELU,       // y * (1 + erf(y / sqrt(2))) / 2
    CK_ACTIVATION_GELU_TANH,  // y * (1 + tanh(sqrt(2 / pi) * (y + 0.044715 y^3))) / 2
    CK_ACTIVATION_SILU,       // y / (1 + exp(-y))
} ck_activation;

// `count` contiguous floats; data null: none.
typedef struct ck_vector {
    const float *_Nullable data;
    int64_t count;
} ck_vector;

// What becomes of an element of the product on its way to C, all in f32 before it is stored once:
//   y = alpha * row_scale[i] * column_scale[j] * (A B)[i][j] + beta * C[i][j]
//   C[i][j] = activation(y + bias[j]) + residual[i][j]
// Zero-initialised, it does nothing. The vectors serve every matrix of a batch.
typedef struct ck_epilogue {
    ck_vector row_scale;     // [m]
    ck_vector column_scale;  // [n]
    ck_vector bias;          // [n]
    ck_activation activation;
    ck_matrix residual;  // [batch, m, n]; data and pointers null: none
} ck_epilogue;

// How A meets quantised weights.
typedef enum CK_ENUM ck_arithmetic {
    CK_ARITHMETIC_FLOAT = 0,
    // A row of A is rounded to integers of 16 bits by blocks of 32 k, x[k] = scale * i[k] with the block's largest
    // magnitude at i = 32767: an error of at most 2^-16 of that magnitude. Integers are multiplied and added
    // exactly, blocks in f32, with the same bits on every ISA. A block that holds NaN or Inf makes C NaN; one below
    // 2^-100 counts as 0. Only for a B that is quantised.
    CK_ARITHMETIC_INT16,
} ck_arithmetic;

// Types: A and B each CK_F32, CK_BF16 or CK_F16, B also quantised (k a multiple of 32), with sums in f32 and
// C of any float type; or A and B CK_I8, with sums in int32 modulo 2^32, and C of a float type, or CK_I32
// with alpha and beta 0 or 1 and no epilogue. The residual is of any float type. A product that cannot use
// the type as it is takes its exact f32 value: all but bf16 by bf16 where the ISA multiplies that
// (avx512bf16), which also rounds quantised weights to bf16 where A is bf16.
//
// C = epilogue(alpha * A B + beta * C). beta == 0 never reads C; alpha == 0 or k == 0 never reads A and B.
typedef struct ck_gemm_problem {
    int64_t batch, m, n, k;
    ck_matrix a;  // [batch, m, k]
    ck_matrix b;  // [batch, k, n]
    ck_matrix c;  // [batch, m, n], written
    float alpha, beta;
    ck_epilogue epilogue;
    ck_arithmetic arithmetic;
    // B packed by ck_gemm_pack, for every matrix of the batch; null: `b` is read.
    const void *_Nullable packed_b;
    size_t packed_b_bytes;
} ck_gemm_problem;

// CK_NAIVE: the triple loop. CK_BLOCKED and CK_FUSED: the packed, cache-blocked, parallel path.
ck_status ck_gemm(ck_kernel kernel, const ck_gemm_problem *problem, const ck_options *options,
                  ck_diagnosis *_Nullable diagnosis);
ck_status ck_gemm_workspace(ck_kernel kernel, const ck_gemm_problem *problem, const ck_options *options,
                            size_t *bytes, ck_diagnosis *_Nullable diagnosis);

// The way a product goes.
typedef enum CK_ENUM ck_gemm_route {
    CK_ROUTE_NONE = 0,  // C is empty: nothing to do
    CK_ROUTE_NAIVE,     // the triple loop
    CK_ROUTE_TILES,     // register tiles on panels of B
    CK_ROUTE_THIN,      // so few rows that B streams past a few lines at a time
    CK_ROUTE_GEMV,      // up to 3 rows, or 8 of a B whose k are contiguous: B streams past once
} ck_gemm_route;

// What ck_gemm would do. With `exchanged`, C^T = B^T A^T is computed, and m, n, A, B mean those of that
// product from there on.
typedef struct ck_gemm_explanation {
    ck_isa isa;
    ck_gemm_route route;
    ck_arithmetic arithmetic;
    bool exchanged;
    bool packs_a, packs_b;  // a task copies the blocks it needs; else they are read where they lie
    bool reads_packed_b;    // packed by ck_gemm_pack
    bool transposes_c;      // sums become C from scratch memory
    bool rows_outside;      // a strip of B for all of K stays in L2, and C is written once
    bool is_block;          // one block for the kernel, which a call with all its pointers finds without a plan
    int64_t m, n, k;        // k is 0 where A and B are not read
    int64_t a_k_stride, b_column_stride;
    int32_t tile_rows, tile_columns;   // of the widest register tile; tile_columns is a panel of B
    int64_t k_block;                   // KC: the K of one chain of sums
    int64_t strips, parts, tasks;      // strips of columns x parts of rows, for each matrix of the batch
    int64_t strip_columns, part_rows;  // of the largest task
    int32_t threads;
    size_t workspace_bytes;
    double flops;          // 2 m n k for each matrix
    double operand_bytes;  // each operand once, C twice if beta is not 0: no call moves less
    double traffic_bytes;  // with A read for each strip, B for each part, C for each block of K that it waits for
} ck_gemm_explanation;

ck_status ck_gemm_explain(ck_kernel kernel, const ck_gemm_problem *problem, const ck_options *options,
                          ck_gemm_explanation *explanation, ck_diagnosis *_Nullable diagnosis);

// Packs one B [k, n] once for many products with the same k, n and types: `problem` is such a product (of its
// a only the dtype is looked at, of c, epilogue and arithmetic nothing, its batch is 1), `packed` holds
// ck_gemm_packed_bytes and is aligned to 64 bytes. The result may be copied or saved; it serves the ISA it
// was packed for. 16-bit and quantised weights keep their size, but for columns up to a whole panel.
ck_status ck_gemm_packed_bytes(const ck_gemm_problem *problem, const ck_options *options, size_t *bytes,
                               ck_diagnosis *_Nullable diagnosis);
ck_status ck_gemm_pack(const ck_gemm_problem *problem, const ck_options *options, void *packed, size_t bytes,
                       ck_diagnosis *_Nullable diagnosis);

// What a packed B is, read from its own first bytes.
typedef struct ck_packed_info {
    int64_t k, n;
    ck_isa isa;
    ck_dtype dtype;
} ck_packed_info;

// Whether `bytes` bytes at `packed`, aligned to 64, can be what ck_gemm_pack wrote, in this process or
// another: the header is whole, its ISA one of this architecture, and the size what it says.
ck_status ck_gemm_packed_inspect(const void *packed, size_t bytes, ck_packed_info *info,
                                 ck_diagnosis *_Nullable diagnosis);

// A matrix to be quantised: B [k, n] of any float type, k a multiple of 32, into n columns of k / 32 blocks.
typedef struct ck_quantise_problem {
    int64_t k, n;
    ck_matrix source;
    ck_dtype dtype;  // CK_Q8_0, CK_Q4_0 or CK_Q4_1
    void *_Nullable blocks;
    size_t block_bytes;  // what n * k / 32 blocks have, or more
} ck_quantise_problem;

// Each weight becomes the nearest number its block has, and a block's d is what ggml's reference takes: the
// largest magnitude over 127 (Q8_0), the number of largest magnitude over -8 (Q4_0), the range over 15 (Q4_1,
// whose m is the smallest number). CK_NOT_FINITE: a number of the column `dimension` is not finite, or too large
// for the f16 of its block; blocks have been written then.
ck_status ck_quantise(const ck_quantise_problem *problem, const ck_options *options,
                      ck_diagnosis *_Nullable diagnosis);

// The weights of `count` consecutive blocks, 32 floats each.
void ck_dequantise(ck_dtype dtype, const void *blocks, int64_t count, float *weights);

CK_DECLARATIONS_END

#endif
