// What every entry point does between the plan and the tasks: find memory for the workspace.
#ifndef CK_DRIVER_H
#define CK_DRIVER_H

#include <stdlib.h>

#include "CKernels.h"
#include "workspace.h"

// The caller's workspace if it gave one, else memory of our own: `*owned` is what to free.
static inline ck_status ck_workspace_open(const ck_options *const options, const size_t bytes,
                                          ck_arena *const arena, void **const owned,
                                          ck_diagnosis *const diagnosis) {
    *owned = NULL;
    *arena = (ck_arena){0};
    ck_diagnosis problem = {.argument = CK_ARG_WORKSPACE, .dimension = -1, .expected = (int64_t)bytes};
    if (options->workspace) {
        problem.actual = (int64_t)options->workspace_bytes;
        const bool aligned = (uintptr_t)options->workspace % CK_ALIGNMENT == 0;
        if (options->workspace_bytes < bytes || !aligned) {
            *diagnosis = problem;
            return CK_SMALL_WORKSPACE;
        }
        arena->base = options->workspace;
        return CK_OK;
    }
    if (bytes == 0) return CK_OK;
    *owned = aligned_alloc(CK_ALIGNMENT, bytes);  // an arena's size is a multiple of its alignment
    if (!*owned) {
        *diagnosis = problem;
        return CK_OUT_OF_MEMORY;
    }
    arena->base = *owned;
    return CK_OK;
}

#endif
