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
// 128 keys x 64 lanes are 32 of 48 KB; for speed all from 64 to 512 is within noise. Summing l key by
// key instead would cost accuracy: 1.9e-6 in the lse of 1024 keys where this errs by 4.4e-7.
#define CK_KEY_BLOCK 128
// Keys after which m, l and O start afresh, anchored at absolute key index; partial results are
// folded left to right. Also the unit of split-KV tasks.
#define CK_KV_CHUNK 1024
// A row's maximum m moves only when a score exceeds it by more than this, in the log2 domain; until
// then probabilities may reach 2^8. A row starts at m = 0 unless its first scores lie beyond +-8.
#define CK_RESCALE_THRESHOLD 8.0f
// K of one accumulation chain of a GEMM; the sums of successive chains are added in order.
#define CK_GEMM_KC 256

_Static_assert(CK_KV_CHUNK % CK_KEY_BLOCK == 0 && CK_KEY_BLOCK % CK_KEY_GROUP == 0, "blocks tile chunks");

#define CK_LOG2E 1.4426950408889634
#define CK_LN2 0.6931471805599453

// d of one accumulation chain of a score: four chains, added in order, none shorter than 16. A chain's
// error grows with its length and is the largest share of an output's error; at d = 64, over eight
// sets of N(0,1) inputs, one chain errs by up to 8.6e-7, chains of 32 by 3.7e-7, of 16 by 2.5e-7.
static inline int64_t ck_score_chain(const int64_t d) { return d <= 64 ? 16 : (d + 15) / 16 * 4; }

// 2^k exactly for an integral k <= 127, and 0 below the normal range; NaN stays NaN.
static inline float ck_pow2(const float k) {
    if (!(k >= -126.0f)) return k != k ? k : 0.0f;
    const uint32_t bits = (uint32_t)((int32_t)k + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return power;
}

// How two partial softmax states (m, l, O) become one: m and l, and O = keep * O_total + take * O_part.
// m are integers, so both factors are exact powers of two. A part that saw no key has l == 0.
typedef struct {
    float m, l, keep, take;
} state_fold;

static inline state_fold fold_of(const float total_m, const float total_l, const float part_m,
                                 const float part_l) {
    if (part_l == 0) return (state_fold){.m = total_m, .l = total_l, .keep = 1, .take = 0};
    if (total_l == 0) return (state_fold){.m = part_m, .l = part_l, .keep = 0, .take = 1};
    const float m = part_m > total_m ? part_m : total_m;
    const float keep = ck_pow2(total_m - m), take = ck_pow2(part_m - m);
    return (state_fold){.m = m, .l = total_l * keep + part_l * take, .keep = keep, .take = take};
}

// ln(2^m * l) for l > 0. Only + * / on doubles, so the same bits everywhere, whatever the libm:
// l = 2^e f with f in [sqrt(1/2), sqrt(2)), ln f = 2 atanh(s), s = (f - 1) / (f + 1), |s| < 0.172,
// whose series to s^15 is good to 1e-14.
static inline float ck_lse(const float m, const float l) {
    if (l == 0.0f) return -INFINITY;
    if (!(l < INFINITY)) return l + m;
    int exponent;
    double f = frexp((double)l, &exponent);
    if (f < 0.70710678118654752) {
        f *= 2;
        exponent -= 1;
    }
    const double s = (f - 1) / (f + 1), s2 = s * s;
    double series = 0;
    for (int n = 15; n >= 1; n -= 2) series = series * s2 + 1.0 / n;
    return (float)(((double)m + exponent) * CK_LN2 + 2 * s * series);
}

#endif
