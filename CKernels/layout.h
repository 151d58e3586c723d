// Operands as validation sees them: an extent in memory that must fit its buffer, be written once and overlap
// nothing that is read. Used by problem.c and problem_attention.c alone.
#ifndef CK_LAYOUT_H
#define CK_LAYOUT_H

#include "problem.h"

// Lengths stay below 2^31 so that lanes can hold key positions as int32; their products may not.
#define MAX_LENGTH ((int64_t)INT32_MAX - 65536)

// The element types that an operand takes.
typedef enum { TYPES_F32, TYPES_FLOAT, TYPES_I32, TYPES_CACHE } layout_types;

// An operand of any kind, as validation sees it: up to four axes, batch first, columns last.
typedef struct {
    ck_argument argument;
    const void *data;
    int64_t count, offset;
    int64_t sizes[4], strides[4];
    ck_dtype dtype;
    layout_types types;
    size_t element_bytes;
    bool is_output;
    bool is_score;                   // mask or bias: all strides free
    uintptr_t first_byte, end_byte;  // filled by check_layout; equal if the operand is empty
} layout;

static inline ck_status report(ck_diagnosis *const diagnosis, const ck_status status,
                               const ck_argument argument, const int32_t dimension, const int64_t actual,
                               const int64_t expected) {
    *diagnosis = (ck_diagnosis){.argument = argument,
                                .other = CK_ARG_NONE,
                                .dimension = dimension,
                                .actual = actual,
                                .expected = expected};
    return status;
}

static inline ck_status check_sizes(const ck_argument *const arguments, const int64_t *const sizes,
                                    const int count, ck_diagnosis *const diagnosis) {
    for (int i = 0; i < count; ++i) {
        if (sizes[i] < 0) return report(diagnosis, CK_NEGATIVE_SIZE, arguments[i], -1, sizes[i], 0);
        if (sizes[i] > MAX_LENGTH)
            return report(diagnosis, CK_SIZE_OVERFLOW, arguments[i], -1, sizes[i], MAX_LENGTH);
    }
    return CK_OK;
}

static inline int64_t magnitude(const int64_t stride) { return stride < 0 ? -stride : stride; }

// Lowest and highest element index relative to data; false on overflow.
static inline bool extent(const layout *const x, int64_t *const low, int64_t *const high) {
    *low = *high = x->offset;
    for (int axis = 0; axis < 4; ++axis) {
        int64_t reach;
        if (__builtin_mul_overflow(x->sizes[axis] - 1, x->strides[axis], &reach)) return false;
        if (__builtin_add_overflow(reach < 0 ? *low : *high, reach, reach < 0 ? low : high)) return false;
    }
    return true;
}

// The usual case of is_injective: each axis steps over all that the ones after it reach.
static inline bool is_in_order(const layout *const x) {
    int64_t reached = 1;
    for (int axis = 3; axis >= 0; --axis) {
        if (x->sizes[axis] <= 1) continue;
        if (magnitude(x->strides[axis]) < reached) return false;
        reached += (x->sizes[axis] - 1) * magnitude(x->strides[axis]);
    }
    return true;
}

// Whether no two elements share memory: with the axes sorted by stride, each must step over all that
// the smaller ones reach. Sufficient, and exact for every layout made of slices of one array.
static inline bool is_injective(const layout *const x, int32_t *const bad_axis, int64_t *const needed) {
    if (is_in_order(x)) return true;
    int order[4] = {3, 2, 1, 0};
    for (int i = 1; i < 4; ++i) {
        for (int j = i; j > 0 && magnitude(x->strides[order[j]]) < magnitude(x->strides[order[j - 1]]); --j) {
            const int swapped = order[j];
            order[j] = order[j - 1];
            order[j - 1] = swapped;
        }
    }
    int64_t reached = 1;
    for (int i = 0; i < 4; ++i) {
        const int axis = order[i];
        if (x->sizes[axis] <= 1) continue;
        if (magnitude(x->strides[axis]) < reached) {
            *bad_axis = axis;
            *needed = reached;
            return false;
        }
        reached += (x->sizes[axis] - 1) * magnitude(x->strides[axis]);
    }
    return true;
}

static inline bool takes(const layout_types types, const ck_dtype dtype) {
    switch (types) {
        case TYPES_F32: return dtype == CK_F32;
        case TYPES_FLOAT: return ck_is_float(dtype);
        case TYPES_I32: return dtype == CK_I32;
        case TYPES_CACHE: return ck_is_float(dtype) || dtype == CK_I8;
    }
    return false;
}

// Stands for the set in a diagnosis.
static inline ck_dtype last_type(const layout_types types) {
    switch (types) {
        case TYPES_F32: return CK_F32;
        case TYPES_FLOAT: return CK_F16;
        case TYPES_I32: return CK_I32;
        case TYPES_CACHE: return CK_I8;
    }
    return CK_F32;
}

static inline ck_status check_layout(layout *const x, const ck_check check, ck_diagnosis *const diagnosis) {
    if (!takes(x->types, x->dtype))
        return report(diagnosis, CK_BAD_DTYPE, x->argument, -1, x->dtype, last_type(x->types));
    for (int axis = 0; axis < 4; ++axis)
        if (x->sizes[axis] == 0) return CK_OK;
    for (int axis = 0; axis < 4; ++axis)
        if (x->strides[axis] == INT64_MIN)
            return report(diagnosis, CK_SIZE_OVERFLOW, x->argument, axis, x->strides[axis], INT64_MAX);
    int64_t low, high;
    if (!extent(x, &low, &high) || high > INT64_MAX / 64)
        return report(diagnosis, CK_SIZE_OVERFLOW, x->argument, -1, x->count, INT64_MAX / 64);
    int32_t axis = 2;
    int64_t needed = x->sizes[3];
    if (x->is_output ? !is_injective(x, &axis, &needed)
                     : !x->is_score && x->sizes[2] > 1 && magnitude(x->strides[2]) < needed)
        return report(diagnosis, CK_SMALL_STRIDE, x->argument, axis, x->strides[axis], needed);
    if (low < 0) return report(diagnosis, CK_SHORT_SPAN, x->argument, -1, low, 0);
    if (high >= x->count) return report(diagnosis, CK_SHORT_SPAN, x->argument, -1, x->count, high + 1);
    if (check == CK_CHECK_LAYOUT) return CK_OK;
    if (!x->data) return report(diagnosis, CK_NULL_POINTER, x->argument, -1, 0, high + 1);
    x->first_byte = (uintptr_t)x->data + (size_t)low * x->element_bytes;
    x->end_byte = (uintptr_t)x->data + (size_t)(high + 1) * x->element_bytes;
    return CK_OK;
}

// Every layout alone, then every output against all the others. Ranges are compared, so an output
// that interleaves with an input inside one buffer is refused too.
static inline ck_status check_layouts(layout *const layouts, const int count, const ck_check check,
                                      ck_diagnosis *const diagnosis) {
    for (int i = 0; i < count; ++i) {
        const ck_status status = check_layout(&layouts[i], check, diagnosis);
        if (status != CK_OK) return status;
    }
    for (int i = 0; i < count; ++i) {
        const layout *const x = &layouts[i];
        if (!x->is_output) continue;
        for (int j = 0; j < count; ++j) {
            const layout *const y = &layouts[j];
            if (i == j) continue;
            if (x->first_byte < y->end_byte && y->first_byte < x->end_byte) {
                const ck_status status = report(diagnosis, CK_OVERLAP, x->argument, -1, 0, 0);
                diagnosis->other = y->argument;
                return status;
            }
        }
    }
    return CK_OK;
}

static inline ck_status check_products(const int64_t *const sizes, const int count,
                                       const ck_argument argument, ck_diagnosis *const diagnosis) {
    int64_t product = 1;
    for (int i = 0; i < count; ++i)
        if (__builtin_mul_overflow(product, ck_max(sizes[i], 1), &product) || product > INT64_MAX / 64)
            return report(diagnosis, CK_SIZE_OVERFLOW, argument, -1, sizes[i], INT64_MAX / 64);
    return CK_OK;
}
// An optional operand counts as given when it has a pointer or claims elements.
static inline bool is_given(const void *const data, const int64_t count) { return data || count != 0; }
#endif
