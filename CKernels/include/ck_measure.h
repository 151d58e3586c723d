// For tests and harnesses: the oracle in double precision, and probes of the machine's limits.
#ifndef CKERNELS_MEASURE_H
#define CKERNELS_MEASURE_H

#include "ck_attention.h"
#include "ck_gemm.h"

CK_DECLARATIONS_BEGIN

// The oracle: one row of the same problem in double precision, by the textbook formula. `o` has
// value_dim elements, `lse` one, `weights` seqlen_k; the problem's own outputs are not touched.
// Returns what validation of the inputs returns.
ck_status ck_oracle_attention_row(const ck_attention_problem *problem, int64_t batch, int64_t head,
                                  int64_t row, double *_Nullable o, double *_Nullable lse, double *weights,
                                  ck_diagnosis *_Nullable diagnosis);
// One row of C, and of its magnitude |alpha scales| |A| |B| + |beta C| + |bias| + |residual| for a
// componentwise bound; n each.
ck_status ck_oracle_gemm_row(const ck_gemm_problem *problem, int64_t batch, int64_t row, double *c,
                             double *_Nullable magnitude, ck_diagnosis *_Nullable diagnosis);

// The limits of the machine that ck_probe_run drives, and what one operation of each is.
typedef enum CK_ENUM ck_probe_kind {
    CK_PROBE_FMA = 0,   // a multiply or an add of independent f32 FMAs in registers (an FMA counts two)
    CK_PROBE_DOT_BF16,  // the same of a bf16 dot product into f32 sums; 0 where the ISA has none
    CK_PROBE_DOT_INT8,  // the same of an 8-bit dot product into 32-bit sums; 0 where the ISA has none
    CK_PROBE_EXP2,      // one exp2 of an element of the slice, as the kernels compute it
    CK_PROBE_READ,      // a byte of the slice read
    CK_PROBE_WRITE,     // a byte of the slice written
    CK_PROBE_COPY,      // a byte read or written: the slice's second half goes to its first
    CK_PROBE_TRIAD,     // a byte read or written: a[i] = b[i] + 3 c[i], the thirds of the slice
    CK_PROBE_CLOCK,     // a dependent integer addition: one cycle
} ck_probe_kind;

// `count` must be a multiple of this.
#define CK_PROBE_COUNT_MULTIPLE 384

typedef struct ck_probe {
    ck_probe_kind kind;
    bool streaming;  // stores go past the caches, where the ISA can
    int64_t rounds;  // in registers: rounds of 64 to 192 instructions; else passes over the slice
    // From exp2 to triad: threads * count floats, aligned to 64 bytes; thread t works on the `count` floats
    // from t * count on.
    float *_Nullable data;
    int64_t count;
} ck_probe;

// Runs the probe on each of `threads` threads and returns the operations of all; 0 if the probe or the
// options are invalid. The caller holds the clock.
int64_t ck_probe_run(const ck_probe *probe, const ck_options *options);

CK_DECLARATIONS_END

#endif
