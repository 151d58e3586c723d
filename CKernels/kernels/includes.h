// What the templates need from outside, included before an ISA's target region opens: a function of a
// system header compiled for AVX-512 could otherwise replace the baseline copy for every caller.
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "../kv_cache.h"
#include "../gemm_stored.h"
#include "../numerics.h"
#include "../ops.h"
#include "../problem.h"
