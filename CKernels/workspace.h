// A bump arena over one buffer; every block starts at a multiple of 64 bytes.
//
//   base                                                          base + capacity
//   | shared blocks ...  | worker 0: blocks ... | worker 1: ...  | ... |
//
// The plan measures with a null base (only `used` moves); the driver then carves the same sequence
// from memory. One function of each driver does both, so the size and the layout cannot disagree.
#ifndef CK_WORKSPACE_H
#define CK_WORKSPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CK_ALIGNMENT 64

typedef struct {
    char *base;     // null while measuring
    size_t used;    // bytes handed out, a multiple of CK_ALIGNMENT
    bool overflow;  // a size did not fit into size_t
} ck_arena;

// Space for count * size bytes; null while measuring or after an overflow.
static inline void *ck_arena_take(ck_arena *const arena, const int64_t count, const size_t size) {
    size_t bytes, end;
    if (count < 0 || __builtin_mul_overflow((size_t)count, size, &bytes) ||
        __builtin_add_overflow(bytes, (size_t)CK_ALIGNMENT - 1, &bytes)) {
        arena->overflow = true;
        return NULL;
    }
    bytes &= ~(size_t)(CK_ALIGNMENT - 1);
    if (__builtin_add_overflow(arena->used, bytes, &end) || end > (size_t)INT64_MAX) {
        arena->overflow = true;
        return NULL;
    }
    void *const block = arena->base && !arena->overflow ? arena->base + arena->used : NULL;
    arena->used = end;
    return block;
}

#endif
