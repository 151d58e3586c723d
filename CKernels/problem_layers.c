// Validation of the layers' problems.
#include <math.h>

#include "layers.h"
#include "problem.h"

static ck_status report(ck_diagnosis *const diagnosis, const ck_status status, const ck_argument argument,
                        const int32_t dimension, const int64_t actual, const int64_t expected) {
    *diagnosis =
        (ck_diagnosis){.argument = argument, .dimension = dimension, .actual = actual, .expected = expected};
    return status;
}

// Sizes whose product with anything below stays far inside 128 bits; nothing in memory reaches it.
#define LARGEST_SIZE ((int64_t)1 << 48)

static ck_status check_size(const int64_t size, const int64_t least, const ck_argument argument,
                            ck_diagnosis *const diagnosis) {
    if (size < 0) return report(diagnosis, CK_NEGATIVE_SIZE, argument, -1, size, 0);
    if (size > LARGEST_SIZE) return report(diagnosis, CK_SIZE_OVERFLOW, argument, -1, size, LARGEST_SIZE);
    if (size < least) return report(diagnosis, CK_BAD_VALUE, argument, -1, size, least);
    return CK_OK;
}

// An operand of a layer. `columns` counts stored elements: blocks where the type is quantised.
typedef struct {
    ck_argument argument;
    const ck_rows *x;
    int64_t rows, columns;
    bool is_output;
} row_operand;

// The first and one past the last element that a layout reaches.
typedef struct {
    __int128 low, high;
} reach;

static reach reach_of(const row_operand *const o) {
    const __int128 span = (__int128)(o->rows - 1) * o->x->row_stride;
    const __int128 low = o->x->offset + (span < 0 ? span : 0), high = o->x->offset + (span > 0 ? span : 0);
    return (reach){low, high + o->columns};
}

static bool is_empty(const row_operand *const o) { return o->rows == 0 || o->columns == 0; }

static ck_status check_operand(const row_operand *const o, ck_diagnosis *const diagnosis) {
    if (is_empty(o)) return CK_OK;
    const int64_t stride = o->x->row_stride, size = stride < 0 ? -stride : stride;
    if (o->is_output && o->rows > 1 && (stride == INT64_MIN || size < o->columns))
        return report(diagnosis, CK_SMALL_STRIDE, o->argument, 2, stride, o->columns);
    const reach r = reach_of(o);
    if (r.low < 0) return report(diagnosis, CK_SHORT_SPAN, o->argument, -1, (int64_t)ck_near(r.low), 0);
    if (r.high > o->x->count)
        return report(diagnosis, CK_SHORT_SPAN, o->argument, -1, o->x->count, (int64_t)ck_near(r.high));
    if (!o->x->data) return report(diagnosis, CK_NULL_POINTER, o->argument, -1, 0, (int64_t)r.high);
    return CK_OK;
}

typedef struct {
    ck_argument argument;
    uintptr_t start, end;
} byte_range;

static byte_range bytes_of(const row_operand *const o) {
    const reach r = reach_of(o);
    const uintptr_t start = (uintptr_t)o->x->data;
    const __int128 size = ck_element_bytes(o->x->dtype);
    return (byte_range){o->argument, start + (uintptr_t)(r.low * size), start + (uintptr_t)(r.high * size)};
}

static ck_status check_apart(const byte_range output, const byte_range other, ck_diagnosis *const diagnosis) {
    if (output.start >= other.end || other.start >= output.end) return CK_OK;
    const ck_status status = report(diagnosis, CK_OVERLAP, output.argument, -1, 0, 0);
    diagnosis->other = other.argument;
    return status;
}

static bool is_in_place(const row_operand *const a, const row_operand *const b) {
    const ck_rows *const x = a->x, *const y = b->x;
    return a->argument == CK_ARG_X && b->argument == CK_ARG_Y && a->columns == b->columns &&
           x->data == y->data && x->offset == y->offset && x->row_stride == y->row_stride &&
           x->dtype == y->dtype;
}

// The float types of all, their memory, and that no output lies over anything else.
static ck_status check_operands(const row_operand *const operands, const int count,
                                ck_diagnosis *const diagnosis) {
    for (int i = 0; i < count; ++i) {
        const row_operand *const o = &operands[i];
        if (!ck_is_float(o->x->dtype) && o->argument != CK_ARG_TABLE)
            return report(diagnosis, CK_BAD_DTYPE, o->argument, -1, o->x->dtype, CK_BF16);
        const ck_status status = check_operand(o, diagnosis);
        if (status != CK_OK) return status;
    }
    for (int i = 0; i < count; ++i)
        for (int j = 0; j < count; ++j) {
            if (i == j || !operands[i].is_output || is_empty(&operands[i]) || is_empty(&operands[j]))
                continue;
            if (is_in_place(&operands[j], &operands[i])) continue;
            const ck_status status = check_apart(bytes_of(&operands[i]), bytes_of(&operands[j]), diagnosis);
            if (status != CK_OK) return status;
        }
    return CK_OK;
}

static ck_status check_f32(const ck_rows *const x, const ck_argument argument,
                           ck_diagnosis *const diagnosis) {
    return x->dtype == CK_F32 ? CK_OK : report(diagnosis, CK_BAD_DTYPE, argument, -1, x->dtype, CK_F32);
}

static ck_status check_vector(const ck_vector *const x, const ck_argument argument, const int64_t count,
                              ck_diagnosis *const diagnosis) {
    if (!x->data && x->count == 0) return CK_OK;
    if (x->count != count) return report(diagnosis, CK_SHORT_SPAN, argument, -1, x->count, count);
    return x->data || count == 0 ? CK_OK : report(diagnosis, CK_NULL_POINTER, argument, -1, 0, count);
}

// `rows` indices, each in 0 ..< limit.
static ck_status check_indices(const ck_indices *const x, const ck_argument argument, const int64_t rows,
                               const int64_t limit, ck_diagnosis *const diagnosis) {
    if (x->count != rows) return report(diagnosis, CK_SHORT_SPAN, argument, -1, x->count, rows);
    if (!x->data && rows > 0) return report(diagnosis, CK_NULL_POINTER, argument, -1, 0, rows);
    for (int64_t i = 0; i < rows; ++i)
        if (x->data[i] < 0 || x->data[i] >= limit)
            return report(diagnosis, CK_BAD_INDEX, argument, (int32_t)ck_min(i, INT32_MAX), x->data[i],
                          limit);
    return CK_OK;
}

static ck_status check_sizes(const int64_t rows, const int64_t columns, ck_diagnosis *const diagnosis) {
    const ck_status status = check_size(rows, 0, CK_ARG_ROWS, diagnosis);
    return status == CK_OK ? check_size(columns, 0, CK_ARG_COLUMNS, diagnosis) : status;
}

static ck_status check_activation(const ck_activation activation, ck_diagnosis *const diagnosis) {
    if ((uint32_t)activation <= CK_ACTIVATION_SILU) return CK_OK;
    return report(diagnosis, CK_BAD_VALUE, CK_ARG_ACTIVATION, -1, activation, CK_ACTIVATION_SILU);
}

ck_status ck_normalize_validate(const ck_normalize_problem *const p, ck_diagnosis *const diagnosis) {
    ck_status status = check_sizes(p->rows, p->columns, diagnosis);
    if (status == CK_OK && (uint32_t)p->norm > CK_NORM_RMS)
        return report(diagnosis, CK_BAD_VALUE, CK_ARG_KERNEL, -1, p->norm, CK_NORM_RMS);
    if (status == CK_OK && !(p->epsilon >= 0 && isfinite(p->epsilon)))
        return report(diagnosis, CK_NOT_FINITE, CK_ARG_EPSILON, -1, 0, 0);
    if (status == CK_OK) status = check_vector(&p->scale, CK_ARG_NORM_SCALE, p->columns, diagnosis);
    if (status == CK_OK) status = check_vector(&p->shift, CK_ARG_NORM_SHIFT, p->columns, diagnosis);
    if (status != CK_OK) return status;
    const row_operand operands[] = {{CK_ARG_X, &p->x, p->rows, p->columns, false},
                                    {CK_ARG_Y, &p->y, p->rows, p->columns, true},
                                    {CK_ARG_COPY, &p->copy, p->rows, p->columns, true}};
    return check_operands(operands, p->copy.data || p->copy.count ? 3 : 2, diagnosis);
}

ck_status ck_rotate_validate(const ck_rotate_problem *const p, ck_diagnosis *const diagnosis) {
    ck_status status = check_sizes(p->rows, 0, diagnosis);
    if (status == CK_OK) status = check_size(p->heads, 0, CK_ARG_HEADS, diagnosis);
    if (status == CK_OK) status = check_size(p->width, 0, CK_ARG_HEAD_DIM, diagnosis);
    if (status == CK_OK) status = check_size(p->table_rows, 0, CK_ARG_TABLE, diagnosis);
    if (status != CK_OK) return status;
    if ((__int128)p->heads * p->width > LARGEST_SIZE)
        return report(diagnosis, CK_SIZE_OVERFLOW, CK_ARG_HEADS, -1, p->heads, LARGEST_SIZE);
    if (p->rotated_heads < 0 || p->rotated_heads > p->heads)
        return report(diagnosis, CK_BAD_LENGTH, CK_ARG_HEADS, 1, p->rotated_heads, p->heads);
    if (p->rotated < 0 || p->rotated > p->width || p->rotated % 2 != 0)
        return report(diagnosis, CK_BAD_VALUE, CK_ARG_ROTATED, -1, p->rotated, p->width);
    status = check_f32(&p->cosines, CK_ARG_COSINES, diagnosis);
    if (status == CK_OK) status = check_f32(&p->sines, CK_ARG_SINES, diagnosis);
    if (status == CK_OK)
        status = check_indices(&p->positions, CK_ARG_POSITIONS, p->rows, p->table_rows, diagnosis);
    if (status != CK_OK) return status;
    const int64_t columns = p->heads * p->width, half = p->rotated / 2;
    const row_operand operands[] = {{CK_ARG_X, &p->x, p->rows, columns, false},
                                    {CK_ARG_Y, &p->y, p->rows, columns, true},
                                    {CK_ARG_COSINES, &p->cosines, p->table_rows, half, false},
                                    {CK_ARG_SINES, &p->sines, p->table_rows, half, false}};
    return check_operands(operands, 4, diagnosis);
}

ck_status ck_gate_validate(const ck_gate_problem *const p, ck_diagnosis *const diagnosis) {
    ck_status status = check_sizes(p->rows, p->columns, diagnosis);
    if (status == CK_OK) status = check_activation(p->activation, diagnosis);
    if (status != CK_OK) return status;
    const row_operand operands[] = {{CK_ARG_X, &p->x, p->rows, 2 * p->columns, false},
                                    {CK_ARG_Y, &p->y, p->rows, p->columns, true}};
    return check_operands(operands, 2, diagnosis);
}

ck_status ck_embed_validate(const ck_embed_problem *const p, ck_diagnosis *const diagnosis) {
    ck_status status = check_sizes(p->rows, p->columns, diagnosis);
    if (status == CK_OK) status = check_size(p->table_rows, 0, CK_ARG_TABLE, diagnosis);
    if (status != CK_OK) return status;
    const ck_dtype dtype = p->table.dtype;
    const bool is_quantised = ck_is_quantised(dtype),
               has_positions = p->position_table.data || p->position_table.count;
    if (!ck_is_float(dtype) && !is_quantised)
        return report(diagnosis, CK_BAD_DTYPE, CK_ARG_TABLE, -1, dtype, CK_BF16);
    if (is_quantised && p->columns % CK_QUANT_BLOCK != 0)
        return report(diagnosis, CK_BAD_VALUE, CK_ARG_COLUMNS, -1, p->columns, CK_QUANT_BLOCK);
    if (!isfinite(p->factor)) return report(diagnosis, CK_NOT_FINITE, CK_ARG_SCALE, -1, 0, 0);
    status = check_indices(&p->ids, CK_ARG_IDS, p->rows, p->table_rows, diagnosis);
    if (status == CK_OK) status = check_vector(&p->added, CK_ARG_ADDED, p->columns, diagnosis);
    if (status == CK_OK && has_positions) {
        status = check_size(p->position_rows, 0, CK_ARG_POSITION_TABLE, diagnosis);
        if (status == CK_OK) status = check_f32(&p->position_table, CK_ARG_POSITION_TABLE, diagnosis);
        if (status == CK_OK)
            status = check_indices(&p->positions, CK_ARG_POSITIONS, p->rows, p->position_rows, diagnosis);
    }
    if (status != CK_OK) return status;
    const int64_t stored = is_quantised ? p->columns / CK_QUANT_BLOCK : p->columns;
    const row_operand operands[] = {
        {CK_ARG_TABLE, &p->table, p->table_rows, stored, false},
        {CK_ARG_Y, &p->y, p->rows, p->columns, true},
        {CK_ARG_POSITION_TABLE, &p->position_table, p->position_rows, p->columns, false}};
    return check_operands(operands, has_positions ? 3 : 2, diagnosis);
}

ck_status ck_pool_validate(const ck_pool_problem *const p, ck_diagnosis *const diagnosis) {
    ck_status status = check_sizes(p->rows, p->columns, diagnosis);
    if (status == CK_OK) status = check_size(p->segments, 0, CK_ARG_BATCH, diagnosis);
    if (status == CK_OK)
        status = check_indices(&p->offsets, CK_ARG_OFFSETS, p->segments + 1, p->rows + 1, diagnosis);
    if (status != CK_OK) return status;
    for (int64_t i = 0; i < p->segments; ++i)
        if (p->offsets.data[i + 1] < p->offsets.data[i])
            return report(diagnosis, CK_BAD_VALUE, CK_ARG_OFFSETS, (int32_t)ck_min(i + 1, INT32_MAX),
                          p->offsets.data[i + 1], p->offsets.data[i]);
    const row_operand operands[] = {{CK_ARG_X, &p->x, p->rows, p->columns, false},
                                    {CK_ARG_Y, &p->y, p->segments, p->columns, true}};
    status = check_operands(operands, 2, diagnosis);
    // A mean reads rows after others are written.
    if (status == CK_OK && !is_empty(&operands[0]) && !is_empty(&operands[1]))
        status = check_apart(bytes_of(&operands[1]), bytes_of(&operands[0]), diagnosis);
    return status;
}

ck_status ck_argmax_validate(const ck_argmax_problem *const p, ck_diagnosis *const diagnosis) {
    ck_status status = check_size(p->rows, 0, CK_ARG_ROWS, diagnosis);
    if (status == CK_OK) status = check_size(p->columns, 1, CK_ARG_COLUMNS, diagnosis);
    if (status != CK_OK) return status;
    if (p->columns >= INT32_MAX)
        return report(diagnosis, CK_SIZE_OVERFLOW, CK_ARG_COLUMNS, -1, p->columns, INT32_MAX - 1);
    if (p->indices_count != p->rows)
        return report(diagnosis, CK_SHORT_SPAN, CK_ARG_INDICES, -1, p->indices_count, p->rows);
    if (!p->indices && p->rows > 0) return report(diagnosis, CK_NULL_POINTER, CK_ARG_INDICES, -1, 0, p->rows);
    const row_operand operands[] = {{CK_ARG_X, &p->x, p->rows, p->columns, false}};
    status = check_operands(operands, 1, diagnosis);
    if (status != CK_OK || p->rows == 0) return status;
    const byte_range indices = {CK_ARG_INDICES, (uintptr_t)p->indices,
                                (uintptr_t)p->indices + (uintptr_t)p->rows * sizeof(int64_t)};
    return check_apart(indices, bytes_of(&operands[0]), diagnosis);
}

// x and y of the same size.
static ck_status check_elementwise(const int64_t rows, const int64_t columns, const ck_rows *const x,
                                   const ck_rows *const y, ck_diagnosis *const diagnosis) {
    const ck_status status = check_sizes(rows, columns, diagnosis);
    if (status != CK_OK) return status;
    const row_operand operands[] = {{CK_ARG_X, x, rows, columns, false}, {CK_ARG_Y, y, rows, columns, true}};
    return check_operands(operands, 2, diagnosis);
}

ck_status ck_softmax_validate(const ck_softmax_problem *const p, ck_diagnosis *const diagnosis) {
    if (!isfinite(p->factor)) return report(diagnosis, CK_NOT_FINITE, CK_ARG_SCALE, -1, 0, 0);
    ck_status status = check_f32(&p->x, CK_ARG_X, diagnosis);
    if (status == CK_OK) status = check_f32(&p->y, CK_ARG_Y, diagnosis);
    return status == CK_OK ? check_elementwise(p->rows, p->columns, &p->x, &p->y, diagnosis) : status;
}

ck_status ck_dropout_validate(const ck_dropout_problem *const p, ck_diagnosis *const diagnosis) {
    if (!(p->probability >= 0 && p->probability < 1))
        return report(diagnosis, CK_BAD_VALUE, CK_ARG_PROBABILITY, -1, 0, 1);
    return check_elementwise(p->rows, p->columns, &p->x, &p->y, diagnosis);
}
