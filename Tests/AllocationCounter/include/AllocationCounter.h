// Counts the heap allocations of the whole process, by defining malloc and its relatives in front of
// the C library's. For tests; linked into nothing else.
#ifndef ALLOCATION_COUNTER_H
#define ALLOCATION_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

// Whether this build counts: on glibc, and not under a sanitizer, which needs malloc for itself.
bool allocation_counter_is_active(void);

// Whether this build runs under a sanitizer, whose malloc ends the process where another returns null.
bool allocation_counter_is_sanitized(void);

// The number of blocks allocated so far, by any thread; 0 if this build does not count.
int64_t allocation_counter_value(void);

#endif
