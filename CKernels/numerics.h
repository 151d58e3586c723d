// The constants that decide bits: change one and every recorded result changes with it. The reasons
// stand in README.md, "Numerics". Used by the plan, the drivers and the templates.
#ifndef CK_NUMERICS_H
#define CK_NUMERICS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

// Keys that share one look at the running maximum, anchored at absolute key index: a multiple of 4.
#define CK_KEY_GROUP 4
// Bc: keys whose sum is added to l at once, anchored at absolute key index, and whose P^T stays in L1:
// 128 keys x 64 lanes are 32 of 48 KB; 64 keys were 2.5 % slower at d = 128. Summing l key by
// key instead would cost accuracy: 1.9e-6 in the lse of 1024 keys where this errs by 4.4e-7.
#define CK_KEY_BLOCK 128
// Keys after which m, l and O start afresh, anchored at absolute key index; partial results are
// folded left to right. Also the unit of split-KV tasks.
#define CK_KV_CHUNK 1024
// A row's m is the largest of its first scores, and moves only when a later one exceeds it by more than
// this, in the log2 domain; until then probabilities may reach 2^8. It is kept as that score's two parts,
// the dot product and what mask and bias add, so that x = scale * (dot - m_dot) + (added - m_added) loses
// nothing however large the scores: equal ones stay equal, and the one that set m gives exactly 0.
#define CK_RESCALE_THRESHOLD 8.0f
// d of K of 8 bits: sums of its products with the halves of Q (kernels/attention_bytes.inc) stay below 2^24,
// exact in f32.
#define CK_QUANTISED_DIM_MAX 1024
// K of one accumulation chain of a GEMM; the sums of successive chains are added in order.
#define CK_GEMM_KC 512
// Integers that stand for a block of A under CK_ARITHMETIC_INT16 reach from -32767 to this; a block whose
// largest magnitude is less than the other counts as 0, for the quotient of both must be a float.
#define CK_SCALED_LARGEST 32767.0f
#define CK_SCALED_SMALLEST 0x1p-100f
// Rows of A packed at a time: a multiple of the rows of every tile and of the lanes of every ISA.
#define CK_GEMM_A_ROWS 48

_Static_assert(CK_KV_CHUNK % CK_KEY_BLOCK == 0 && CK_KEY_BLOCK % CK_KEY_GROUP == 0, "blocks tile chunks");

#define CK_LOG2E 1.4426950408889634
#define CK_LN2 0.6931471805599453

// d of one accumulation chain of a score: four chains, added in order, none shorter than 16. A chain's
// error grows with its length and is the largest share of an output's error; at d = 64, over eight
// sets of N(0,1) inputs, one chain errs by up to 8.6e-7, chains of 32 by 3.7e-7, of 16 by 2.5e-7.
static inline int64_t ck_score_chain(const int64_t d) { return d <= 64 ? 16 : (d + 15) / 16 * 4; }

// ln(l) + m for l > 0, -inf for l == 0. Only + * / on doubles, so the same bits everywhere, whatever the
// libm: l = 2^e f with f in [sqrt(1/2), sqrt(2)), ln f = 2 atanh(s), s = (f - 1) / (f + 1), |s| < 0.172,
// whose series to s^15 is good to 1e-14.
// Without a branch or a call, so that a loop over rows becomes vector code: frexp is done on the bits,
// which a float as a double allows, never being subnormal.
static inline float ck_lse(const double m, const float l) {
    const double wide = l;
    uint64_t bits;
    memcpy(&bits, &wide, sizeof bits);
    const uint64_t half = (bits & 0x000FFFFFFFFFFFFF) | 0x3FE0000000000000;
    double f;
    memcpy(&f, &half, sizeof f);
    const int32_t low = f < 0.70710678118654752, exponent = (int32_t)(bits >> 52) - 1022 - low;
    f = low ? f * 2 : f;
    const double s = (f - 1) / (f + 1), s2 = s * s;
    double series = 0;
#pragma clang loop unroll(full)
    for (int n = 15; n >= 1; n -= 2) series = series * s2 + 1.0 / n;
    const float sum = (float)(m + exponent * CK_LN2 + 2 * s * series);
    return l == 0.0f ? -INFINITY : l < INFINITY ? sum : (float)(l + m);
}

#endif
