// One task of a GEMM: a strip of C's columns by a part of its rows, over blocks of K; the loops jr, ir and
// the microkernel are in kernels/gemm.inc, after Goto and van de Geijn (2008). Called by gemm.c.
//
// An element of C is the sum, over blocks of KC in ascending order, of one ascending chain of FMAs
// each: its bits do not depend on M, N, the batch, strides, packing, the threads or the FMA ISA.
#include "gemm_task.h"

#include "gemm_stored.h"
#include "numerics.h"
#include "problem.h"

static const ck_epilogue no_epilogue;

static ck_gemm_operation exchanged(const ck_gemm_operation *const op) {
    ck_gemm_operation t = *op;
    t.shape = ck_gemm_exchange(&op->shape);
    t.a = op->b;
    t.b = op->a;
    return t;
}

static ck_gemm_target target_of(const ck_gemm_operation *const op, const ck_gemm_kind kind) {
    const bool is_direct = op->shape.plain && op->shape.c_column_stride == 1;
    return (ck_gemm_target){.c = op->c,
                            .c_dtype = op->shape.c_dtype,
                            .integer = ck_gemm_is_integer(kind),
                            .c_row_stride = op->shape.c_row_stride,
                            .c_column_stride = op->shape.c_column_stride,
                            .direct = is_direct && ck_gemm_holds_sums(op->shape.c_dtype, kind),
                            .alpha = op->alpha,
                            .beta = op->beta,
                            .epilogue = op->epilogue ? op->epilogue : &no_epilogue,
                            .residual = op->residual};
}

// Some rows of the task on columns `column` ..< column + n of its strip.
typedef struct {
    int64_t row, rows, column, n;
} region;

// B as tiles read it: panel p, line k at b + p * panel_stride + k * k_stride.
typedef struct {
    const float *b;
    int64_t k_stride, panel_stride;
    int64_t next, ahead, lines_ahead;  // b_next, b_ahead and b_lines_ahead of ck_gemm_block
} panels;

static ck_gemm_block block_of(const ck_gemm_work *const t, const region *const r, const ck_k_block k,
                              const panels *const b, const ck_rows_of_a *const a) {
    return (ck_gemm_block){.kind = t->plan->kind,
                           .m = r->rows,
                           .n = r->n,
                           .words = ck_gemm_words(t->plan->kind, k.count),
                           .a = a->data,
                           .a_row_bytes = a->row_bytes,
                           .a_k_bytes = a->k_bytes,
                           .b = b->b,
                           .b_k_stride = b->k_stride,
                           .b_panel_stride = b->panel_stride,
                           .b_next = b->next,
                           .a_comes = ck_gemm_a_comes(t->ops, t->op.shape.m, t->op.shape.n, t->op.shape.k),
                           .b_ahead = b->ahead,
                           .b_lines_ahead = b->lines_ahead,
                           .row = r->row,
                           .column = t->column + r->column,
                           .target = &t->target};
}

// So many rows at a time as L1 and L2 hold of a packed A.
static void multiply_panels(const ck_gemm_work *const t, const region *const r, const ck_k_block k,
                            const panels *const b) {
    const bool in_place = ck_work_reads_a(t, k);
    const int64_t step = in_place ? ck_max(r->rows, 1) : CK_GEMM_A_ROWS;
    for (int64_t i = 0; i < r->rows; i += step) {
        const region rows = {r->row + i, ck_min(step, r->rows - i), r->column, r->n};
        const ck_rows_of_a a = ck_work_take_a(t, rows.row, rows.rows, k);
        ck_gemm_block block = block_of(t, &rows, k, b, &a);
        if (in_place && t->plan->rows_outside)
            block.a_ahead = k.count * ck_element_bytes(t->op.shape.a_dtype);
        block.near = t->plan->near && t->target.direct && a.k_bytes == sizeof(float);
        t->ops->gemm_block(&block);
    }
}

// The packed copy holds the k of `packed`, of which k is a part.
static panels packed_panels(const ck_gemm_work *const t, const ck_k_block k, const ck_k_block packed) {
    const int64_t width = t->ops->gemm_panel;
    return (panels){.b = t->scratch->b + ck_work_lines(t, k.first - packed.first) * width,
                    .k_stride = width,
                    .panel_stride = ck_work_lines(t, packed.count) * width};
}

static void multiply_packed(const ck_gemm_work *const t, const region *const r, const ck_k_block k,
                            const ck_k_block packed) {
    const panels b = packed_panels(t, k, packed);
    multiply_panels(t, r, k, &b);
}

// From a line of a B that is read in place to the one that is asked for meanwhile: some lines on, or what
// takes its place in L2, as for panels packed before (next_panel).
static int64_t line_ahead(const ck_gemm_work *const t, const int64_t k) {
    const int64_t stride = t->op.shape.b_k_stride;
    if (!t->plan->fetches_next) return t->plan->lines_ahead * stride;
    if (k + CK_GEMM_KC < t->op.shape.k) return CK_GEMM_KC * stride;
    return t->next_column < 0 ? 0 : t->next_column - t->column - k * stride;
}

// B where it lies: f32, columns contiguous.
static panels natural_panels(const ck_gemm_work *const t, const region *const r, const int64_t k) {
    const ck_gemm_operation *const op = &t->op;
    return (panels){.b = (const float *)op->b + k * op->shape.b_k_stride + t->column + r->column,
                    .k_stride = op->shape.b_k_stride,
                    .panel_stride = t->ops->gemm_panel,
                    .ahead = line_ahead(t, k),
                    .lines_ahead = t->plan->lines_ahead};
}

static void multiply_stored(const ck_gemm_work *const t, const int64_t row, const int64_t rows,
                            const ck_k_block k) {
    const ck_rows_of_a a = ck_work_take_a(t, row, rows, k);
    const ck_stored_block block = {.kind = t->plan->kind,
                                   .dtype = t->op.shape.b_dtype,
                                   .m = rows,
                                   .n = t->columns,
                                   .kc = k.count,
                                   .a = a.data,
                                   .a_row_bytes = a.row_bytes,
                                   .a_k_bytes = a.k_bytes,
                                   .panel = ck_work_stored(t, 0, k),
                                   .row = row,
                                   .column = t->column,
                                   .target = &t->target};
    if (block.kind == CK_GEMM_SCALED)
        t->ops->gemm_scaled(&block);
    else
        t->ops->gemm_stored(&block);
}

static void multiply_vector(const ck_gemm_work *const t, const ck_k_block k) {
    const ck_gemm_operation *const op = &t->op;
    const ck_rows_of_a a = ck_work_take_a(t, 0, op->shape.m, k);
    const int64_t from = k.first * op->shape.b_k_stride + t->column * op->shape.b_column_stride;
    const ck_gemv_block block = {.kind = t->plan->kind,
                                 .b_dtype = op->shape.b_dtype,
                                 .m = op->shape.m,
                                 .n = t->columns,
                                 .kc = k.count,
                                 .a = a.data,
                                 .a_row_bytes = a.row_bytes,
                                 .a_k_bytes = a.k_bytes,
                                 .b = ck_element_at(op->b, op->shape.b_dtype, from),
                                 .b_k_stride = op->shape.b_k_stride,
                                 .b_column_stride = op->shape.b_column_stride,
                                 .beside = t->plan->beside,
                                 .k_left = op->shape.k - k.first,
                                 .k_total = op->shape.k,
                                 .sums = t->scratch->sums,
                                 .sums_stride = ck_round_to_lanes(t->columns, t->ops->lanes),
                                 .column = t->column,
                                 .target = &t->target};
    t->ops->gemv_block(&block);
}

// From these lines of B to the ones after them: below, or on top of the worker's next strip.
static int64_t thin_next(const ck_gemm_work *const t, const ck_k_block lines) {
    const int64_t stride = t->op.shape.b_k_stride;
    if (lines.first + lines.count < t->op.shape.k) return lines.count * stride;
    return t->next_column < 0 ? 0 : t->next_column - t->column - lines.first * stride;
}

// Rows of A so few that packing all of B would cost more than it saves: its lines meet the sums, which stay
// in L1, a few at a time, and the next ones are fetched meanwhile. Lines that are no words yet are packed,
// into L1 too. The chains are those of the tiles.
static void multiply_thin(const ck_gemm_work *const t, const region *const r, const ck_k_block k) {
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
    ck_gemm_work to_sums = *t;
    to_sums.target = sums;
    const ck_gemm_kind kind = t->plan->kind;
    ck_rows_of_a a = ck_work_take_a(t, r->row, r->rows, k);
    const int64_t step = t->plan->thin_lines * ck_gemm_depth(kind);
    for (int64_t i = 0; i < k.count; i += step) {
        const ck_k_block lines = {.first = k.first + i, .count = ck_min(step, k.count - i)};
        if (t->plan->packs_b) ck_work_pack_b(t, r->column, r->n, lines);
        const panels b =
            t->plan->packs_b ? packed_panels(t, lines, lines) : natural_panels(t, r, lines.first);
        ck_gemm_block block = block_of(&to_sums, r, lines, &b, &a);
        block.resume = i > 0;
        const bool by_lines = t->plan->fetches_next;
        block.b_ahead = t->plan->packs_b || by_lines ? 0 : lines.count * b.k_stride;
        if (by_lines) block.b_lines_next = thin_next(t, lines);
        t->ops->gemm_block(&block);
        a.data = (const char *)a.data + block.words * a.k_bytes;
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

// Columns that tiles read where they lie.
static int64_t whole_columns(const ck_gemm_work *const t) {
    return t->ops->reads_edges ? t->columns : t->columns & -(int64_t)t->ops->lanes;
}

// From a panel of the packed B to what takes its place in L2: its next k or, after the last of them, the
// strip of the next task.
static int64_t next_panel(const ck_gemm_work *const t, const ck_k_block k) {
    const int64_t end = k.first + k.count, width = t->ops->gemm_panel;
    if (end < t->op.shape.k) return (ck_work_lines(t, end) - ck_work_lines(t, k.first)) * width;
    if (t->next_column < 0) return 0;
    return (t->next_column - t->column) * ck_work_lines(t, t->op.shape.k) - ck_work_lines(t, k.first) * width;
}

// These rows of the task. `packed` says which k the packed copy of B holds, if there is one.
static void multiply_rows(const ck_gemm_work *const t, const int64_t row, const int64_t rows,
                          const ck_k_block k, const ck_k_block packed) {
    const ck_gemm_operation *const op = &t->op;
    const int64_t width = t->ops->gemm_panel, whole = whole_columns(t);
    const region all = {.row = row, .rows = rows, .n = t->columns};
    if (t->plan->path == CK_GEMM_GEMV) {
        multiply_vector(t, k);
    } else if (t->plan->path == CK_GEMM_STORED) {
        multiply_stored(t, row, rows, k);
    } else if (t->plan->path == CK_GEMM_THIN && t->plan->packs_b) {
        multiply_thin(t, &all, k);
    } else if (t->plan->packs_b) {
        multiply_packed(t, &all, k, packed);
    } else if (op->packed_b) {
        const int64_t lines = ck_work_lines(t, op->shape.k);
        const panels b = {.b = op->packed_b + t->column * lines + ck_work_lines(t, k.first) * width,
                          .k_stride = width,
                          .panel_stride = lines * width,
                          .next = next_panel(t, k)};
        multiply_panels(t, &all, k, &b);
    } else {
        // Where B lies; its last vector, if the ISA would read beyond it, from a packed copy.
        const region vectors = {.row = row, .rows = rows, .n = whole};
        const region edge = {.row = row, .rows = rows, .column = whole, .n = t->columns - whole};
        const panels b = natural_panels(t, &vectors, k.first);
        if (whole > 0 && t->plan->path == CK_GEMM_THIN)
            multiply_thin(t, &vectors, k);
        else if (whole > 0)
            multiply_panels(t, &vectors, k, &b);
        if (edge.n > 0) multiply_packed(t, &edge, k, packed);
    }
}

static void pack_for(const ck_gemm_work *const t, const ck_k_block k) {
    if (t->plan->packs_b && ck_is_stored(t->plan->kind, t->op.shape.b_dtype, t->op.shape.packed_b)) {
        ck_work_expand_b(t, k);
        return;
    }
    const ck_gemm_path path = t->plan->path;
    if (t->op.packed_b || path == CK_GEMM_GEMV || path == CK_GEMM_STORED) return;
    if (path == CK_GEMM_THIN && t->plan->packs_b) return;
    const int64_t whole = t->plan->packs_b ? 0 : whole_columns(t);
    if (whole < t->columns) ck_work_pack_b(t, whole, t->columns - whole, k);
}

static void run_rows(ck_gemm_work *const t, const int64_t row, const int64_t rows) {
    const int64_t kc = ck_gemm_kc(t->plan->kind);
    const ck_k_block all = {.count = t->op.shape.k};
    int64_t pc = 0;
    do {
        const ck_k_block k = {.first = pc, .count = ck_min(kc, t->op.shape.k - pc)};
        t->target.first = pc == 0;
        t->target.last = pc + kc >= t->op.shape.k;
        if (!t->plan->rows_outside) pack_for(t, k);
        multiply_rows(t, row, rows, k, t->plan->rows_outside ? all : k);
        pc += kc;
    } while (pc < t->op.shape.k);
}

// Products whose sums cannot go to C as they come: some rows of them at a time lie in scratch, and go to C
// with the rest of the epilogue. So do those of an exchanged product, transposed, if its tiles cannot be
// stored, and several blocks of K on their way to a C of 16 bits, or from int32 to a C of floats.
static void run_rows_apart(ck_gemm_work *const t, const ck_gemm_operation *const operation, const int64_t row,
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
                                 .direct = ck_gemm_is_plain(&scales),
                                 .alpha = integer ? 1 : operation->alpha,
                                 .beta = integer ? 0 : operation->beta,
                                 .epilogue = &scales};
    for (int64_t i = 0; t->target.beta != 0 && i < rows; ++i)
        for (int64_t j = 0; j < t->columns; ++j)
            c[i * stride + j] =
                ck_load(operation->shape.c_dtype, t->op.c,
                        (row + i) * t->op.shape.c_row_stride + (t->column + j) * t->op.shape.c_column_stride);
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
static void run_strip(ck_gemm_work *const t, const ck_gemm_operation *const operation) {
    const ck_gemm_plan *const plan = t->plan;
    const bool in_blocks = plan->rows_outside || plan->transposes_c;
    const int64_t step = in_blocks ? CK_GEMM_A_ROWS : ck_max(t->rows, 1);
    if (plan->rows_outside) pack_for(t, (ck_k_block){.count = t->op.shape.k});
    for (int64_t i = 0; i < t->rows; i += step) {
        const int64_t rows = ck_min(step, t->rows - i);
        if (plan->transposes_c || plan->keeps_sums)
            run_rows_apart(t, operation, t->row + i, rows);
        else
            run_rows(t, t->row + i, rows);
    }
}

// The columns of a strip and the rows of a part.
static void cut_out(ck_gemm_work *const t, const int64_t strip, const int64_t part) {
    const ck_gemm_plan *const plan = t->plan;
    if (plan->strips == 1 && plan->parts == 1) {
        t->columns = t->op.shape.n;
        t->rows = t->op.shape.m;
        t->next_column = -1;
        return;
    }
    const int64_t unit = ck_gemm_unit(t->ops, plan), height = t->ops->gemm_rows;
    const int64_t panels = ck_ceil_div(t->op.shape.n, unit), heights = ck_ceil_div(t->op.shape.m, height);
    t->column = ck_part_start(panels, plan->strips, strip) * unit;
    t->columns = ck_min(t->op.shape.n, ck_part_start(panels, plan->strips, strip + 1) * unit) - t->column;
    // Tasks go along the strips of a part; what the next part begins with was needed long ago.
    const int64_t next = strip + plan->threads;
    t->next_column = next >= plan->strips ? -1 : ck_part_start(panels, plan->strips, next) * unit;
    t->row = ck_part_start(heights, plan->parts, part) * height;
    t->rows = ck_min(t->op.shape.m, ck_part_start(heights, plan->parts, part + 1) * height) - t->row;
}

void ck_gemm_task(const ck_ops *const ops, const ck_gemm_plan *const plan,
                  const ck_gemm_scratch *const scratch, const ck_gemm_operation *const operation,
                  const int64_t strip, const int64_t part) {
    ck_gemm_work t = {.ops = ops,
                      .plan = plan,
                      .scratch = scratch,
                      .op = plan->exchanged ? exchanged(operation) : *operation};
    t.target = target_of(&t.op, plan->kind);
    cut_out(&t, strip, part);
    // A panel in its own type, and columns that lie along k, are read from end to end as they lie in memory.
    const int64_t along = plan->path == CK_GEMM_STORED ? ops->gemm_panel
                          : plan->path == CK_GEMM_GEMV && t.op.shape.b_column_stride != 1
                              ? ops->lanes * (plan->beside ? CK_GEMV_SIDES : 1)
                              : ck_max(t.columns, 1);
    for (const int64_t end = t.column + t.columns; t.column < end; t.column += along) {
        t.columns = ck_min(along, end - t.column);
        run_strip(&t, operation);
    }
}
