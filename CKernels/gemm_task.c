// One task of a GEMM: a strip of C's columns by a part of its rows, over blocks of K; the loops jr, ir and
// the microkernel are in kernels/gemm.inc, after Goto and van de Geijn (2008). Called by gemm.c.
//
// An element of C is the sum, over blocks of KC in ascending order, of one ascending chain of FMAs
// each: its bits do not depend on M, N, the batch, strides, packing, the threads or the FMA ISA.
#include "gemm.h"
#include "gemm_stored.h"
#include "numerics.h"
#include "problem.h"

static const ck_epilogue no_epilogue;

// By counts too: a workspace is measured without pointers.
static bool is_plain(const ck_epilogue *const e) {
    const ck_matrix *const r = e ? &e->residual : NULL;
    return !e || (!e->row_scale.count && !e->column_scale.count && !e->bias.count &&
                  e->activation == CK_ACTIVATION_NONE && !r->data && !r->pointers && !r->count);
}

ck_gemm_shape ck_gemm_shape_of(const ck_gemm_operation *const op, const int64_t batch) {
    return (ck_gemm_shape){.batch = batch,
                           .m = op->m,
                           .n = op->n,
                           .k = op->k,
                           .a_row_stride = op->a_row_stride,
                           .a_k_stride = op->a_k_stride,
                           .b_k_stride = op->b_k_stride,
                           .b_column_stride = op->b_column_stride,
                           .c_row_stride = op->c_row_stride,
                           .c_column_stride = op->c_column_stride,
                           .a_dtype = op->a_dtype,
                           .b_dtype = op->b_dtype,
                           .c_dtype = op->c_dtype,
                           .packed_b = op->packed_b != NULL,
                           .plain = is_plain(op->epilogue)};
}
static ck_gemm_operation exchanged(const ck_gemm_operation *const op) {
    ck_gemm_operation t = *op;
    const ck_gemm_shape shape = ck_gemm_shape_of(op, 1), other = ck_gemm_exchange(&shape);
    t.m = other.m;
    t.n = other.n;
    t.a = op->b;
    t.b = op->a;
    t.a_row_stride = other.a_row_stride;
    t.a_k_stride = other.a_k_stride;
    t.b_k_stride = other.b_k_stride;
    t.b_column_stride = other.b_column_stride;
    t.a_dtype = other.a_dtype;
    t.b_dtype = other.b_dtype;
    t.c_row_stride = other.c_row_stride;
    t.c_column_stride = other.c_column_stride;
    return t;
}

// One task: rows x columns of the (possibly exchanged) product.
typedef struct {
    const ck_ops *ops;
    const ck_gemm_plan *plan;
    const ck_gemm_scratch *scratch;
    ck_gemm_operation op;  // as computed: exchanged if the plan says so
    ck_gemm_target target;
    int64_t row, rows, column, columns;
} gemm_task;

static ck_gemm_target target_of(const ck_gemm_operation *const op, const ck_gemm_kind kind) {
    const bool is_direct = is_plain(op->epilogue) && op->c_column_stride == 1;
    return (ck_gemm_target){.c = op->c,
                            .c_dtype = op->c_dtype,
                            .integer = ck_gemm_is_integer(kind),
                            .c_row_stride = op->c_row_stride,
                            .c_column_stride = op->c_column_stride,
                            .direct = is_direct && ck_gemm_holds_sums(op->c_dtype, kind),
                            .alpha = op->alpha,
                            .beta = op->beta,
                            .epilogue = op->epilogue ? op->epilogue : &no_epilogue,
                            .residual = op->residual};
}

// A block of K.
typedef struct {
    int64_t first, count;
} k_block;

// Some rows of the task on columns `column` ..< column + n of its strip.
typedef struct {
    int64_t row, rows, column, n;
} region;

// B as tiles read it: panel p, line k at b + p * panel_stride + k * k_stride.
typedef struct {
    const float *b;
    int64_t k_stride, panel_stride;
    int64_t ahead;  // as in ck_gemm_block
    bool resume;
} panels;

// Rows of A as tiles read them: word (i, k) at data + i * row_bytes + k * k_bytes.
typedef struct {
    const void *data;
    int64_t row_bytes, k_bytes;
} rows_of_a;

// A packed copy of `rows` rows of A: rows of words where k is contiguous, else panels.
static rows_of_a pack_a(const gemm_task *const t, const void *const a, const int64_t rows, const int64_t kc) {
    const ck_gemm_operation *const op = &t->op;
    const ck_gemm_kind kind = t->plan->kind;
    const int64_t lanes = t->ops->lanes, words = ck_ceil_div(kc, ck_gemm_depth(kind));
    if (op->a_k_stride == 1) {
        const ck_gemm_copy_args copy = {.kind = kind,
                                        .dtype = op->a_dtype,
                                        .source = a,
                                        .row_stride = op->a_row_stride,
                                        .kc = kc,
                                        .count = rows,
                                        .packed = t->scratch->a,
                                        .stride = ck_round_up(words, lanes)};
        t->ops->gemm_copy(&copy);
        return (rows_of_a){t->scratch->a, copy.stride * (int64_t)sizeof(float), sizeof(float)};
    }
    const int64_t width = ck_min(CK_GEMM_A_ROWS, ck_round_up(rows, lanes));
    const ck_gemm_pack_args pack = {.kind = kind,
                                    .dtype = op->a_dtype,
                                    .source = a,
                                    .k_stride = op->a_k_stride,
                                    .column_stride = op->a_row_stride,
                                    .kc = kc,
                                    .count = rows,
                                    .width = width,
                                    .is_a = true,
                                    .packed = t->scratch->a,
                                    .panel_stride = words * width};
    t->ops->gemm_pack(&pack);
    return (rows_of_a){t->scratch->a, sizeof(float), width * (int64_t)sizeof(float)};
}

static bool reads_a(const gemm_task *const t, const k_block k) {
    return k.count == 0 || ck_gemm_reads_a(t->plan, t->op.a_dtype, t->op.a_k_stride, k.count);
}

// In place where that can be, else packed as it comes.
static rows_of_a take_a(const gemm_task *const t, const int64_t row, const int64_t rows, const k_block k) {
    const ck_gemm_operation *const op = &t->op;
    const int64_t bytes = ck_element_bytes(op->a_dtype);
    const void *const a =
        ck_element_at(op->a, op->a_dtype, row * op->a_row_stride + k.first * op->a_k_stride);
    if (!reads_a(t, k)) return pack_a(t, a, rows, k.count);
    return (rows_of_a){a, op->a_row_stride * bytes, op->a_k_stride * bytes * ck_gemm_depth(t->plan->kind)};
}

// So many rows at a time as L1 and L2 hold of a packed A.
static void multiply_panels(const gemm_task *const t, const region *const r, const k_block k,
                            const panels *const b) {
    const ck_gemm_kind kind = t->plan->kind;
    ck_gemm_block block = {.kind = kind,
                           .n = r->n,
                           .words = ck_ceil_div(k.count, ck_gemm_depth(kind)),
                           .b = b->b,
                           .b_k_stride = b->k_stride,
                           .b_panel_stride = b->panel_stride,
                           .column = t->column + r->column,
                           .resume = b->resume,
                           .b_ahead = b->ahead,
                           .target = &t->target};
    const bool in_place = reads_a(t, k);
    const int64_t step = in_place ? ck_max(r->rows, 1) : CK_GEMM_A_ROWS;
    if (in_place && t->plan->rows_outside) block.a_ahead = k.count * ck_element_bytes(t->op.a_dtype);
    for (int64_t i = 0; i < r->rows; i += step) {
        block.row = r->row + i;
        block.m = ck_min(step, r->rows - i);
        const rows_of_a a = take_a(t, block.row, block.m, k);
        block.a = a.data;
        block.a_row_bytes = a.row_bytes;
        block.a_k_bytes = a.k_bytes;
        t->ops->gemm_block(&block);
    }
}

// Lines of a panel before k, which begins a block of K.
static int64_t lines_before(const gemm_task *const t, const int64_t k) {
    return ck_gemm_panel_lines(t->plan->kind, k);
}

// Packs columns first ..< first + n of the strip, all of these k, one block of K after the other.
static void pack_b(const gemm_task *const t, const int64_t first, const int64_t n, const k_block k) {
    const ck_gemm_operation *const op = &t->op;
    const int64_t width = t->ops->gemm_panel, kc = ck_gemm_kc(t->plan->kind);
    for (int64_t i = 0; i < k.count; i += kc) {
        const int64_t from = (k.first + i) * op->b_k_stride + (t->column + first) * op->b_column_stride;
        const ck_gemm_pack_args pack = {.kind = t->plan->kind,
                                        .dtype = op->b_dtype,
                                        .source = ck_element_at(op->b, op->b_dtype, from),
                                        .k_stride = op->b_k_stride,
                                        .column_stride = op->b_column_stride,
                                        .kc = ck_min(kc, k.count - i),
                                        .count = n,
                                        .width = width,
                                        .packed = t->scratch->b + lines_before(t, i) * width,
                                        .panel_stride = lines_before(t, k.count) * width};
        t->ops->gemm_pack(&pack);
    }
}

// The packed copy holds the k of `packed`, of which k is a part.
static void multiply_packed(const gemm_task *const t, const region *const r, const k_block k,
                            const k_block packed) {
    const int64_t width = t->ops->gemm_panel;
    const panels b = {.b = t->scratch->b + lines_before(t, k.first - packed.first) * width,
                      .k_stride = width,
                      .panel_stride = lines_before(t, packed.count) * width};
    multiply_panels(t, r, k, &b);
}

// A panel of B in its own type, `column` columns into the strip, from these k on: as packed, or laid out now.
static const void *take_stored(const gemm_task *const t, const int64_t column, const k_block k) {
    const ck_gemm_operation *const op = &t->op;
    const int64_t width = t->ops->gemm_panel, panel = (t->column + column) / width;
    if (op->packed_b)
        return (const char *)op->packed_b + panel * ck_stored_bytes(op->b_dtype, width, op->k) +
               ck_stored_bytes(op->b_dtype, width, k.first);
    const int64_t from =
        k.first / CK_QUANT_BLOCK * op->b_k_stride + (t->column + column) * op->b_column_stride;
    const ck_stored_pack_args pack = {.dtype = op->b_dtype,
                                      .source = ck_element_at(op->b, op->b_dtype, from),
                                      .k_stride = op->b_k_stride,
                                      .column_stride = op->b_column_stride,
                                      .kc = k.count,
                                      .count = ck_min(width, t->columns - column),
                                      .width = width,
                                      .panel = t->scratch->stored};
    ck_stored_pack(&pack);
    return t->scratch->stored;
}

// The same as pack_b, of a B in its own type.
static void expand_b(const gemm_task *const t, const k_block k) {
    const int64_t width = t->ops->gemm_panel, kc = ck_gemm_kc(t->plan->kind);
    for (int64_t column = 0; column < t->columns; column += width)
        for (int64_t i = 0; i < k.count; i += kc) {
            const k_block part = {.first = k.first + i, .count = ck_min(kc, k.count - i)};
            const int64_t line = column * lines_before(t, k.count) + lines_before(t, i) * width;
            const ck_stored_expand expand = {.kind = t->plan->kind,
                                             .dtype = t->op.b_dtype,
                                             .kc = part.count,
                                             .panel = take_stored(t, column, part),
                                             .packed = t->scratch->b + line};
            t->ops->gemm_expand(&expand);
        }
}

static void multiply_stored(const gemm_task *const t, const k_block k) {
    const rows_of_a a = take_a(t, 0, t->op.m, k);
    const ck_stored_block block = {.kind = t->plan->kind,
                                   .dtype = t->op.b_dtype,
                                   .m = t->op.m,
                                   .n = t->columns,
                                   .kc = k.count,
                                   .a = a.data,
                                   .a_row_bytes = a.row_bytes,
                                   .a_k_bytes = a.k_bytes,
                                   .panel = take_stored(t, 0, k),
                                   .column = t->column,
                                   .target = &t->target};
    t->ops->gemm_stored(&block);
}

static void multiply_in_place(const gemm_task *const t, const region *const r, const k_block k,
                              const bool resume) {
    const ck_gemm_operation *const op = &t->op;
    const panels b = {.b = (const float *)op->b + k.first * op->b_k_stride + t->column + r->column,
                      .k_stride = op->b_k_stride,
                      .panel_stride = t->ops->gemm_panel,
                      .ahead = t->plan->path == CK_GEMM_THIN ? k.count * op->b_k_stride : 0,
                      .resume = resume};
    multiply_panels(t, r, k, &b);
}

static void multiply_vector(const gemm_task *const t, const k_block k) {
    const ck_gemm_operation *const op = &t->op;
    const rows_of_a a = take_a(t, 0, op->m, k);
    const int64_t from = k.first * op->b_k_stride + t->column * op->b_column_stride;
    const ck_gemv_block block = {.kind = t->plan->kind,
                                 .b_dtype = op->b_dtype,
                                 .m = op->m,
                                 .n = t->columns,
                                 .kc = k.count,
                                 .a = a.data,
                                 .a_row_bytes = a.row_bytes,
                                 .a_k_bytes = a.k_bytes,
                                 .b = ck_element_at(op->b, op->b_dtype, from),
                                 .b_k_stride = op->b_k_stride,
                                 .b_column_stride = op->b_column_stride,
                                 .sums = t->scratch->sums,
                                 .sums_stride = ck_round_up(t->columns, t->ops->lanes),
                                 .column = t->column,
                                 .target = &t->target};
    t->ops->gemv_block(&block);
}

// Lines of B that a thin product reads at a time: their rows of a strip are as many streams.
#define THIN_LINES 8

// Rows of A so few that packing B would cost more than it saves: its lines meet the sums, which stay in
// L1, a few at a time, and the next ones are fetched meanwhile. The chains are those of the tiles.
static void multiply_thin(const gemm_task *const t, const region *const r, const k_block k) {
    const int64_t stride = t->plan->strip_columns;
    const ck_gemm_target sums = {.c = t->scratch->sums,
                                 .first_row = r->row,
                                 .first_column = t->column,
                                 .c_row_stride = stride,
                                 .c_column_stride = 1,
                                 .first = true,
                                 .last = true,
                                 .direct = true,
                                 .alpha = 1,
                                 .epilogue = &no_epilogue};
    gemm_task to_sums = *t;
    to_sums.target = sums;
    for (int64_t i = 0; i < k.count; i += THIN_LINES) {
        const k_block lines = {.first = k.first + i, .count = ck_min(THIN_LINES, k.count - i)};
        multiply_in_place(&to_sums, r, lines, i > 0);
    }
    const ck_gemm_finish_args finish = {.target = &t->target,
                                        .sums = t->scratch->sums,
                                        .stride = stride,
                                        .row = r->row,
                                        .rows = r->rows,
                                        .column = t->column,
                                        .columns = r->n};
    t->ops->gemm_finish(&finish);
}

// These rows of the task. `packed` says which k the packed copy of B holds, if there is one.
static void multiply_rows(const gemm_task *const t, const int64_t row, const int64_t rows, const k_block k,
                          const k_block packed) {
    const ck_gemm_operation *const op = &t->op;
    const int64_t width = t->ops->gemm_panel, whole = t->columns / t->ops->lanes * t->ops->lanes;
    const region all = {.row = row, .rows = rows, .n = t->columns};
    if (t->plan->path == CK_GEMM_GEMV) {
        multiply_vector(t, k);
    } else if (t->plan->path == CK_GEMM_STORED) {
        multiply_stored(t, k);
    } else if (t->plan->packs_b) {
        multiply_packed(t, &all, k, packed);
    } else if (op->packed_b) {
        const int64_t lines = lines_before(t, op->k);
        const panels b = {.b = op->packed_b + t->column * lines + lines_before(t, k.first) * width,
                          .k_stride = width,
                          .panel_stride = lines * width};
        multiply_panels(t, &all, k, &b);
    } else {
        // Where B lies; its last vector, if that is not whole, from a packed copy, for nothing may be read
        // beyond B.
        const region vectors = {.row = row, .rows = rows, .n = whole};
        const region edge = {.row = row, .rows = rows, .column = whole, .n = t->columns - whole};
        if (whole > 0 && t->plan->path == CK_GEMM_THIN)
            multiply_thin(t, &vectors, k);
        else if (whole > 0)
            multiply_in_place(t, &vectors, k, false);
        if (edge.n > 0) multiply_packed(t, &edge, k, packed);
    }
}

static void pack_for(const gemm_task *const t, const k_block k) {
    if (t->plan->packs_b && ck_is_stored(t->plan->kind, t->op.b_dtype, t->op.packed_b != NULL)) {
        expand_b(t, k);
        return;
    }
    if (t->op.packed_b || t->plan->path == CK_GEMM_GEMV || t->plan->path == CK_GEMM_STORED) return;
    const int64_t whole = t->plan->packs_b ? 0 : t->columns / t->ops->lanes * t->ops->lanes;
    if (whole < t->columns) pack_b(t, whole, t->columns - whole, k);
}

static void run_rows(gemm_task *const t, const int64_t row, const int64_t rows) {
    const int64_t kc = ck_gemm_kc(t->plan->kind), blocks = ck_max(1, ck_ceil_div(t->op.k, kc));
    const k_block all = {.count = t->op.k};
    for (int64_t pc = 0; pc < blocks; ++pc) {
        const k_block k = {.first = pc * kc, .count = ck_min(kc, t->op.k - pc * kc)};
        t->target.first = pc == 0;
        t->target.last = pc + 1 == blocks;
        if (!t->plan->rows_outside) pack_for(t, k);
        multiply_rows(t, row, rows, k, t->plan->rows_outside ? all : k);
    }
}

// Products whose sums cannot go to C as they come: some rows of them at a time lie in scratch, and go to C
// with the rest of the epilogue. So do those of an exchanged product, transposed, if its tiles cannot be
// stored, and several blocks of K on their way to a C of 16 bits, or from int32 to a C of floats.
static void run_rows_apart(gemm_task *const t, const ck_gemm_operation *const operation, const int64_t row,
                           const int64_t rows) {
    const bool transposes = t->plan->transposes_c, integer = ck_gemm_is_integer(t->plan->kind);
    ck_gemm_target target = target_of(operation, t->plan->kind);
    target.first = target.last = true;
    const ck_epilogue *const e = target.epilogue;
    // The scales change places with the product; those of int32 sums wait for all of K.
    const ck_epilogue scales =
        integer ? no_epilogue
                : (ck_epilogue){.row_scale = transposes ? e->column_scale : e->row_scale,
                                .column_scale = transposes ? e->row_scale : e->column_scale};
    float *const c = t->scratch->c;
    const int64_t stride = t->plan->strip_columns;
    t->target = (ck_gemm_target){.c = c,
                                 .c_dtype = integer ? CK_I32 : CK_F32,
                                 .integer = integer,
                                 .first_row = row,
                                 .first_column = t->column,
                                 .c_row_stride = stride,
                                 .c_column_stride = 1,
                                 .direct = is_plain(&scales),
                                 .alpha = integer ? 1 : operation->alpha,
                                 .beta = integer ? 0 : operation->beta,
                                 .epilogue = &scales};
    for (int64_t i = 0; t->target.beta != 0 && i < rows; ++i)
        for (int64_t j = 0; j < t->columns; ++j)
            c[i * stride + j] =
                ck_load(operation->c_dtype, t->op.c,
                        (row + i) * t->op.c_row_stride + (t->column + j) * t->op.c_column_stride);
    run_rows(t, row, rows);
    const ck_gemm_finish_args finish = {.target = &target,
                                        .sums = c,
                                        .stride = stride,
                                        .row = transposes ? t->column : row,
                                        .rows = transposes ? t->columns : rows,
                                        .column = transposes ? row : t->column,
                                        .columns = transposes ? rows : t->columns,
                                        .scaled = !integer,
                                        .transposed = transposes};
    t->ops->gemm_finish(&finish);
}

// Rows of the task on columns t->column ..< t->column + t->columns.
static void run_strip(gemm_task *const t, const ck_gemm_operation *const operation) {
    const ck_gemm_plan *const plan = t->plan;
    const bool in_blocks = plan->rows_outside || plan->transposes_c;
    const int64_t step = in_blocks ? CK_GEMM_A_ROWS : ck_max(t->rows, 1);
    if (plan->rows_outside) pack_for(t, (k_block){.count = t->op.k});
    for (int64_t i = 0; i < t->rows; i += step) {
        const int64_t rows = ck_min(step, t->rows - i);
        if (plan->transposes_c || plan->keeps_sums)
            run_rows_apart(t, operation, t->row + i, rows);
        else
            run_rows(t, t->row + i, rows);
    }
}

void ck_gemm_task(const ck_ops *const ops, const ck_gemm_plan *const plan,
                  const ck_gemm_scratch *const scratch, const ck_gemm_operation *const operation,
                  const int64_t strip, const int64_t part) {
    gemm_task t = {.ops = ops,
                   .plan = plan,
                   .scratch = scratch,
                   .op = plan->exchanged ? exchanged(operation) : *operation};
    t.target = target_of(&t.op, plan->kind);
    const int64_t unit = ck_gemm_unit(ops, plan);
    const int64_t panels = ck_ceil_div(t.op.n, unit), heights = ck_ceil_div(t.op.m, ops->gemm_rows);
    t.column = ck_part_start(panels, plan->strips, strip) * unit;
    t.columns = ck_min(t.op.n, ck_part_start(panels, plan->strips, strip + 1) * unit) - t.column;
    t.row = ck_part_start(heights, plan->parts, part) * ops->gemm_rows;
    t.rows = ck_min(t.op.m, ck_part_start(heights, plan->parts, part + 1) * ops->gemm_rows) - t.row;
    // A panel in its own type is read from end to end, as it lies in memory.
    const int64_t end = t.column + t.columns,
                  step = plan->path == CK_GEMM_STORED ? unit : ck_max(t.columns, 1);
    for (; t.column < end; t.column += step) {
        t.columns = ck_min(step, end - t.column);
        run_strip(&t, operation);
    }
}
