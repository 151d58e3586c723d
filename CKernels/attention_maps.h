// What the driver of maps shares with its plan, and the k largest weights of a row: a heap with the one to be
// displaced next on top, so that a row of n keys costs O(n log k) at worst and O(n) as a rule.
#ifndef CK_ATTENTION_MAPS_H
#define CK_ATTENTION_MAPS_H

#include <math.h>

#include "CKernels.h"
#include "plan.h"

static inline bool ck_wants(const ck_operand *const x) { return x->data || x->count != 0; }

// Columns of vectors begin at keys that are a multiple of this.
#define CK_KEY_ALIGNMENT 16

typedef struct {
    float weight;
    int32_t key;  // -1: none
} ck_top;

// Whether x stands before y: NaN first, then the larger weight, then the lower key; none last.
static inline bool ck_top_precedes(const ck_top x, const ck_top y) {
    if (x.key < 0 || y.key < 0) return y.key < 0 && x.key >= 0;
    const bool x_nan = x.weight != x.weight, y_nan = y.weight != y.weight;
    if (x_nan != y_nan) return x_nan;
    if (!x_nan && x.weight != y.weight) return x.weight > y.weight;
    return x.key < y.key;
}

static inline void ck_top_clear(ck_top *const top, const int64_t count) {
    for (int64_t i = 0; i < count; ++i) top[i] = (ck_top){.key = -1};
}

// The element at `at` sinks to where no child should be displaced before it.
static inline void ck_top_sink(ck_top *const heap, const int64_t count, int64_t at) {
    for (int64_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && ck_top_precedes(heap[child], heap[child + 1])) child += 1;
        if (!ck_top_precedes(heap[at], heap[child])) return;
        const ck_top moved = heap[at];
        heap[at] = heap[child];
        heap[child] = moved;
    }
}

// Takes in the weights of keys from `first` on; those with a sign, -0, are masked.
static inline void ck_top_take(ck_top *const heap, const int64_t count, const float *const weights,
                               const int64_t first, const int64_t keys) {
    for (int64_t j = 0; j < keys; ++j) {
        // Nearly all fail here, by one comparison; a NaN does not.
        if (weights[j] < heap[0].weight || (weights[j] == 0 && signbit(weights[j]))) continue;
        const ck_top x = {.weight = weights[j], .key = (int32_t)(first + j)};
        if (!ck_top_precedes(x, heap[0])) continue;
        heap[0] = x;
        ck_top_sink(heap, count, 0);
    }
}

// A heap into falling order.
static inline void ck_top_sort(ck_top *const heap, const int64_t count) {
    for (int64_t left = count - 1; left > 0; --left) {
        const ck_top last = heap[0];
        heap[0] = heap[left];
        heap[left] = last;
        ck_top_sink(heap, left, 0);
    }
}

#endif
