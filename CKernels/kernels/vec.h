// The vector vocabulary of the templates, over clang's vector extension: VL lanes of f32 or int32.
// An isa/*.c defines CK_VL, CK_FMA, vi_round and, where the machine has masks, vf_load_n and
// vf_store_n; the rest is the same for all. Everything here is inlined; vectors never cross a file.
#ifndef CK_HAS_BF16_DOT
#define CK_HAS_BF16_DOT 0  // a dot product of bf16 pairs, see isa/avx512bf16.c
#endif

#define CK_INLINE static inline __attribute__((always_inline))

typedef float vf __attribute__((ext_vector_type(CK_VL)));
typedef int32_t vi __attribute__((ext_vector_type(CK_VL)));

CK_INLINE vf vf_load(const float *const p) {
    vf v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

// VL words of 32 bits at any address.
CK_INLINE vf vf_load_words(const void *const p) {
    vf v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

CK_INLINE void vf_store(float *const p, const vf v) { __builtin_memcpy(p, &v, sizeof v); }

CK_INLINE vi vi_load(const int32_t *const p) {
    vi v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

CK_INLINE vf vf_set1(const float x) { return (vf)x; }
// A broadcast load kept out of the FMA: folded into its memory operand it costs 8 % of peak on Zen 5.
// The 32 bits may lie at any address.
CK_INLINE vf vf_broadcast(const void *const p) {
    float x;
    __builtin_memcpy(&x, p, sizeof x);
    vf v = (vf)x;
    CK_PIN(v);
    return v;
}

// Nothing is known of a pointer any more.
#define CK_HIDE(p) __asm__ volatile("" : "+r"(p))

CK_INLINE vi vi_set1(const int32_t x) { return (vi)x; }
CK_INLINE vf vf_bits(const vi v) { return __builtin_bit_cast(vf, v); }
CK_INLINE vi vi_bits(const vf v) { return __builtin_bit_cast(vi, v); }

// One rounding with an FMA unit, two without (the documented exception, `portable`).
CK_INLINE vf vf_fma(const vf a, const vf b, const vf c) {
#if CK_FMA
    return __builtin_elementwise_fma(a, b, c);
#else
    return a * b + c;
#endif
}

// acc += x * y in the inner loops. Where the ISA gives the instruction, it is written out: left to
// itself clang 21 picks the form that overwrites x, copies registers about and spills (GEMM 1024^3 on
// 2 threads: 45 % of peak instead of 82).
CK_INLINE void vf_accumulate(vf *const acc, const vf x, const vf y) {
#ifdef CK_FMA_INSTRUCTION
    __asm__ volatile(CK_FMA_INSTRUCTION : "+v"(*acc) : "v"(x), "v"(y));
#else
    *acc = vf_fma(x, y, *acc);
#endif
}

// The same where `mask` is set; elsewhere acc stays, whatever x * y may be.
#ifdef CK_FMA_INSTRUCTION_MASKED
CK_INLINE void vf_accumulate_where(const vmask mask, vf *const acc, const vf x, const vf y) {
    __asm__ volatile(CK_FMA_INSTRUCTION_MASKED : "+v"(*acc) : "v"(x), "v"(y), "Yk"(mask));
}
#else
typedef vi vmask;
CK_INLINE vmask vf_sign_clear(const vf x) { return vi_bits(x) >= vi_set1(0); }
CK_INLINE void vf_accumulate_where(const vmask mask, vf *const acc, const vf x, const vf y) {
    *acc = mask ? vf_fma(x, y, *acc) : *acc;
}
#endif

CK_INLINE vi vi_shift_right_16(const vi v) {
    typedef uint32_t vu __attribute__((ext_vector_type(CK_VL)));
    return (vi)((vu)v >> 16);
}

CK_INLINE vf vf_max(const vf a, const vf b) { return a > b ? a : b; }
CK_INLINE vf vf_min(const vf a, const vf b) { return a < b ? a : b; }
CK_INLINE vf vf_select(const vi condition, const vf a, const vf b) { return condition ? a : b; }
CK_INLINE bool vi_any(const vi condition) { return __builtin_reduce_or(condition) != 0; }

CK_INLINE vi vi_lanes(void) {
    vi v;
    for (int i = 0; i < CK_VL; ++i) v[i] = i;
    return v;
}

#ifndef CK_HAS_PARTIAL
// The first n lanes, 0 <= n <= VL; the others are 0, and their memory is not touched.
CK_INLINE vf vf_load_n(const float *const p, const int64_t n) {
    float lanes[CK_VL] = {0};
    for (int64_t i = 0; i < n; ++i) lanes[i] = p[i];
    return vf_load(lanes);
}

CK_INLINE void vf_store_n(float *const p, const vf v, const int64_t n) {
    float lanes[CK_VL];
    vf_store(lanes, v);
    for (int64_t i = 0; i < n; ++i) p[i] = lanes[i];
}
#endif

// In each four lanes of a and b: a0 b0 a1 b1 and a2 b2 a3 b3; a0 a1 b0 b1 and a2 a3 b2 b3. Of blocks of four
// lanes: the even ones of a, then of b; the odd ones.
#if CK_VL == 16
#define CK_SHUFFLE4(a, b, i, j, k, l)                                                                 \
    __builtin_shufflevector(a, b, i, j, k, l, i + 4, j + 4, k + 4, l + 4, i + 8, j + 8, k + 8, l + 8, \
                            i + 12, j + 12, k + 12, l + 12)
#define CK_EVEN_BLOCKS(a, b) \
    __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
#define CK_ODD_BLOCKS(a, b) \
    __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31)
#elif CK_VL == 8
#define CK_SHUFFLE4(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l, i + 4, j + 4, k + 4, l + 4)
#define CK_EVEN_BLOCKS(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11)
#define CK_ODD_BLOCKS(a, b) __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15)
#elif CK_VL == 4
#define CK_SHUFFLE4(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#endif

// Four chosen lanes in the lowest ones; those above are of no interest.
#if CK_VL == 16
#define CK_SHUFFLE_LOW(v, i, j, k, l) \
    __builtin_shufflevector(v, v, i, j, k, l, i, j, k, l, i, j, k, l, i, j, k, l)
#elif CK_VL == 8
#define CK_SHUFFLE_LOW(v, i, j, k, l) __builtin_shufflevector(v, v, i, j, k, l, i, j, k, l)
#elif CK_VL == 4
#define CK_SHUFFLE_LOW(v, i, j, k, l) __builtin_shufflevector(v, v, i, j, k, l)
#endif

// The lower and upper half of a0 b0 a1 b1 ...
#if CK_VL == 16
#define CK_ZIP_LO(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define CK_ZIP_HI(a, b) \
    __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#elif CK_VL == 8
#define CK_ZIP_LO(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define CK_ZIP_HI(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#elif CK_VL == 4
#define CK_ZIP_LO(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define CK_ZIP_HI(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#endif

// The same within each 128 bits, and for pairs of lanes.
#if CK_VL == 16
#define CK_QUAD_LO(a, b) \
    __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define CK_QUAD_HI(a, b) \
    __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define CK_PAIR_LO(a, b) \
    __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define CK_PAIR_HI(a, b) \
    __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#elif CK_VL == 8
#define CK_QUAD_LO(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define CK_QUAD_HI(a, b) __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define CK_PAIR_LO(a, b) __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define CK_PAIR_HI(a, b) __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
#elif CK_VL == 4
#define CK_QUAD_LO(a, b) CK_ZIP_LO(a, b)
#define CK_QUAD_HI(a, b) CK_ZIP_HI(a, b)
#define CK_PAIR_LO(a, b) __builtin_shufflevector(a, b, 0, 1, 4, 5)
#define CK_PAIR_HI(a, b) __builtin_shufflevector(a, b, 2, 3, 6, 7)
#endif

// VL / 2 words of 32 bits at `low`, at any address, then those at `high`; with 4 lanes, all at `low`.
CK_INLINE vf vf_load_halves(const void *const low, const void *const high) {
#if CK_VL == 4
    (void)high;
    return vf_load_words(low);
#else
    typedef float vf_half __attribute__((ext_vector_type(CK_VL / 2)));
    vf_half a, b;
    __builtin_memcpy(&a, low, sizeof a);
    __builtin_memcpy(&b, high, sizeof b);
#if CK_VL == 16
    return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#else
    return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7);
#endif
#endif
}

// A slab: SLAB words of each of VL rows. Rows enter as the halves of vectors, vector i those of rows
// SLAB_LOW(i) and SLAB_HIGH(i), so that no more than SLAB vectors are alive, and the shuffles left are those
// within 128 bits and one of whole quads. What leaves is word i of all rows.
#define CK_SLAB (CK_VL == 16 ? 8 : 4)
#define CK_SLAB_LOW(i) ((i) / 4 * 8 + (i) % 4)
#define CK_SLAB_HIGH(i) (CK_SLAB_LOW(i) + (CK_VL == 4 ? 0 : 4))

// Four lanes of their own: quad `index` of a vector.
typedef float vf4 __attribute__((ext_vector_type(4)));
CK_INLINE vf4 vf4_load(const float *const p) {
    vf4 v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}
CK_INLINE vf4 vf4_of(const vf v, const int index) {
    vf4 quads[CK_VL / 4];
    __builtin_memcpy(quads, &v, sizeof v);
    return quads[index];
}

// In-place transposes of 4 x 4 within each 128 bits of four vectors.
CK_INLINE void vf_transpose_quads(vf w[4]) {
    const vf a = CK_QUAD_LO(w[0], w[1]), b = CK_QUAD_HI(w[0], w[1]), c = CK_QUAD_LO(w[2], w[3]),
             d = CK_QUAD_HI(w[2], w[3]);
    w[0] = CK_PAIR_LO(a, c);
    w[1] = CK_PAIR_HI(a, c);
    w[2] = CK_PAIR_LO(b, d);
    w[3] = CK_PAIR_HI(b, d);
}

CK_INLINE void vf_transpose_slab(vf w[CK_SLAB]) {
    vf_transpose_quads(w);
#if CK_VL == 16
    vf_transpose_quads(w + 4);
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; ++i) {
        const vf even = CK_EVEN_BLOCKS(w[i], w[i + 4]);
        w[i + 4] = CK_ODD_BLOCKS(w[i], w[i + 4]);
        w[i] = even;
    }
#endif
}

// In-place transpose of VL vectors: first 4 x 4 inside each four lanes, then blocks of four lanes change
// places. Instructions that stay inside four lanes, or move them whole, need no index and no copy.
CK_INLINE void vf_transpose(vf r[CK_VL]) {
#pragma clang loop unroll(full)
    for (int i = 0; i < CK_VL; i += 4) {
        const vf a = CK_SHUFFLE4(r[i], r[i + 1], 0, CK_VL, 1, CK_VL + 1);
        const vf b = CK_SHUFFLE4(r[i], r[i + 1], 2, CK_VL + 2, 3, CK_VL + 3);
        const vf c = CK_SHUFFLE4(r[i + 2], r[i + 3], 0, CK_VL, 1, CK_VL + 1);
        const vf d = CK_SHUFFLE4(r[i + 2], r[i + 3], 2, CK_VL + 2, 3, CK_VL + 3);
        r[i] = CK_SHUFFLE4(a, c, 0, 1, CK_VL, CK_VL + 1);
        r[i + 1] = CK_SHUFFLE4(a, c, 2, 3, CK_VL + 2, CK_VL + 3);
        r[i + 2] = CK_SHUFFLE4(b, d, 0, 1, CK_VL, CK_VL + 1);
        r[i + 3] = CK_SHUFFLE4(b, d, 2, 3, CK_VL + 2, CK_VL + 3);
    }
#if CK_VL > 4
    vf t[CK_VL];
    // Each round halves the distance of the blocks that a vector still has to gather.
#pragma clang loop unroll(full)
    for (int round = 4; round < CK_VL; round *= 2) {
#pragma clang loop unroll(full)
        for (int i = 0; i < CK_VL / 2; ++i) {
            const int group = i / 4, k = i % 4;
            t[group * 4 + k] = CK_EVEN_BLOCKS(r[group * 8 + k], r[group * 8 + 4 + k]);
            t[CK_VL / 2 + group * 4 + k] = CK_ODD_BLOCKS(r[group * 8 + k], r[group * 8 + 4 + k]);
        }
#pragma clang loop unroll(full)
        for (int i = 0; i < CK_VL; ++i) r[i] = t[i];
    }
#endif
}
