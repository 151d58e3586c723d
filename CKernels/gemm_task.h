// What the loops of a GEMM task (gemm_task.c) and the packing of its operands (gemm_operands.c) share.
#ifndef CK_GEMM_TASK_H
#define CK_GEMM_TASK_H

#include "gemm.h"

// One task: rows x columns of the (possibly exchanged) product.
typedef struct {
    const ck_ops *ops;
    const ck_gemm_plan *plan;
    const ck_gemm_scratch *scratch;
    ck_gemm_operation op;  // as computed: exchanged if the plan says so
    ck_gemm_target target;
    int64_t row, rows, column, columns;
    int64_t next_column;  // where the strip of the worker's next task begins, or -1
} ck_gemm_work;

// A block of K, or a part of one.
typedef struct {
    int64_t first, count;
} ck_k_block;

// Rows of A as tiles read them: word (i, k) at data + i * row_bytes + k * k_bytes.
typedef struct {
    const void *data;
    int64_t row_bytes, k_bytes;
} ck_rows_of_a;

// Whether these k of A can be read where they lie.
bool ck_work_reads_a(const ck_gemm_work *work, ck_k_block k);

// Rows row ..< row + rows, at most CK_GEMM_A_ROWS where A is not read in place: packed as it comes.
ck_rows_of_a ck_work_take_a(const ck_gemm_work *work, int64_t row, int64_t rows, ck_k_block k);

// Lines of a panel before k, which begins a block of K.
static inline int64_t ck_work_lines(const ck_gemm_work *const work, const int64_t k) {
    return ck_gemm_panel_lines(work->plan->kind, k);
}

// Packs columns first ..< first + n of the strip, all of these k, one block of K after the other.
void ck_work_pack_b(const ck_gemm_work *work, int64_t first, int64_t n, ck_k_block k);

// A panel of B in its own type, `column` columns into the strip, from these k on: as packed, or laid out now.
const void *ck_work_stored(const ck_gemm_work *work, int64_t column, ck_k_block k);

// The same as ck_work_pack_b for the whole strip, of a B in its own type.
void ck_work_expand_b(const ck_gemm_work *work, ck_k_block k);

#endif
