// The vector vocabulary of the templates, over clang's vector extension: VL lanes of f32 or int32.
// An isa/*.c defines CK_VL, CK_FMA, vi_round and, where the machine has masks, vf_load_n and
// vf_store_n; the rest is the same for all. Everything here is inlined; vectors never cross a file.
#define CK_INLINE static inline __attribute__((always_inline))

typedef float vf __attribute__((ext_vector_type(CK_VL)));
typedef int32_t vi __attribute__((ext_vector_type(CK_VL)));

CK_INLINE vf vf_load(const float *const p) {
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
CK_INLINE vf vf_broadcast(const float *const p) {
    vf v = (vf)*p;
    CK_PIN(v);
    return v;
}

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

// In-place transpose of VL vectors. Each round of zips rotates the bits of (row, lane) by one;
// after log2(VL) rounds rows and lanes have changed places.
CK_INLINE void vf_transpose(vf r[CK_VL]) {
#pragma clang loop unroll(full)
    for (int round = 1; round < CK_VL; round *= 2) {
        vf t[CK_VL];
#pragma clang loop unroll(full)
        for (int i = 0; i < CK_VL / 2; ++i) {
            t[2 * i] = CK_ZIP_LO(r[i], r[i + CK_VL / 2]);
            t[2 * i + 1] = CK_ZIP_HI(r[i], r[i + CK_VL / 2]);
        }
#pragma clang loop unroll(full)
        for (int i = 0; i < CK_VL; ++i) r[i] = t[i];
    }
}
