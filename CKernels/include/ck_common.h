// What every operation shares: status and diagnosis, element types, ISAs, the machine, options.
#ifndef CKERNELS_COMMON_H
#define CKERNELS_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__clang__)
#define CK_ENUM __attribute__((enum_extensibility(closed)))
#define CK_NONNULL_BEGIN                                                                           \
    _Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Wnullability-extension\"") \
        _Pragma("clang assume_nonnull begin")
#define CK_NONNULL_END _Pragma("clang assume_nonnull end") _Pragma("clang diagnostic pop")
#else
#define CK_ENUM
#define CK_NONNULL_BEGIN
#define CK_NONNULL_END
#define _Nullable
#endif
#ifdef __cplusplus
#define CK_DECLARATIONS_BEGIN CK_NONNULL_BEGIN extern "C" {
#define CK_DECLARATIONS_END } CK_NONNULL_END
#else
#define CK_DECLARATIONS_BEGIN CK_NONNULL_BEGIN
#define CK_DECLARATIONS_END CK_NONNULL_END
#endif

CK_DECLARATIONS_BEGIN

typedef enum CK_ENUM ck_status {
    CK_OK = 0,
    CK_NULL_POINTER,        // the argument's data pointer is null though it has elements
    CK_NEGATIVE_SIZE,       // a size of the problem is negative
    CK_HEADS_NOT_MULTIPLE,  // heads is not a multiple of kv_heads
    CK_SMALL_STRIDE,        // two elements of an output, or two rows of an input, share memory
    CK_SHORT_SPAN,          // the layout reaches outside the argument's `count` elements
    CK_SIZE_OVERFLOW,       // a product of sizes or strides does not fit
    CK_OVERLAP,             // an output overlaps another argument
    CK_NOT_FINITE,          // scale, alpha or beta is NaN or infinite
    CK_BAD_VALUE,           // an enumerator is unknown, or an option is out of range
    CK_BAD_KEY_LENGTH,      // kv_lengths[b] is outside 0 ... seqlen_k
    CK_BAD_THREADS,         // threads is outside 1 ... CK_MAX_THREADS and not CK_ALL_THREADS
    CK_ISA_UNAVAILABLE,     // this CPU, or this build, does not have the ISA asked for
    CK_SMALL_WORKSPACE,     // the caller's workspace is too small or not aligned to 64 bytes
    CK_OUT_OF_MEMORY,       // no workspace was given and allocating one failed
    CK_BAD_DTYPE,           // the argument's dtype is not one this operation takes
    CK_BAD_PACKED,          // packed_b was packed for another ISA, size or dtype, or is not a packed matrix
    CK_BAD_PAGE,            // a page table names a page outside the pool, or has too few pages
    CK_SHARED_PAGE,         // rows would be appended to a page that the tables name for keys still seen too
    CK_BAD_LENGTH,          // a query or prefix length is outside 0 ... the length it bounds
    CK_NOT_FUSED,           // fused_only, but the output asked for takes another pass
    CK_BAD_INDEX,           // an index is outside the rows it chooses from
} ck_status;

// The argument a status speaks of.
typedef enum CK_ENUM ck_argument {
    CK_ARG_NONE = 0,
    CK_ARG_BATCH,
    CK_ARG_HEADS,
    CK_ARG_KV_HEADS,
    CK_ARG_SEQLEN_Q,
    CK_ARG_SEQLEN_K,
    CK_ARG_HEAD_DIM,
    CK_ARG_VALUE_DIM,
    CK_ARG_Q,
    CK_ARG_K,
    CK_ARG_V,
    CK_ARG_O,
    CK_ARG_LSE,
    CK_ARG_WEIGHTS,
    CK_ARG_MASK,
    CK_ARG_BIAS,
    CK_ARG_KV_LENGTHS,
    CK_ARG_CAUSAL,
    CK_ARG_QUERY_OFFSET,
    CK_ARG_SCALE,
    CK_ARG_M,
    CK_ARG_N,
    CK_ARG_K_SIZE,
    CK_ARG_A,
    CK_ARG_B,
    CK_ARG_C,
    CK_ARG_ALPHA,
    CK_ARG_BETA,
    CK_ARG_KERNEL,
    CK_ARG_THREADS,
    CK_ARG_ISA,
    CK_ARG_WORKSPACE,
    CK_ARG_ROW_SCALE,
    CK_ARG_COLUMN_SCALE,
    CK_ARG_EPILOGUE_BIAS,
    CK_ARG_ACTIVATION,
    CK_ARG_RESIDUAL,
    CK_ARG_PACKED_B,
    CK_ARG_PAGES,
    CK_ARG_NEW_K,
    CK_ARG_NEW_V,
    CK_ARG_ALIGNMENT,
    CK_ARG_WINDOW_LEFT,
    CK_ARG_WINDOW_RIGHT,
    CK_ARG_QUERY_LENGTHS,
    CK_ARG_PREFIX_LENGTHS,
    CK_ARG_QUERY_SEGMENTS,
    CK_ARG_KEY_SEGMENTS,
    CK_ARG_BLOCK_MASK,
    CK_ARG_SOFTCAP,
    CK_ARG_HEAD_SCALES,
    CK_ARG_ALIBI_SLOPES,
    CK_ARG_SINKS,
    CK_ARG_STATES,
    CK_ARG_STATE_O,
    CK_ARG_STATE_LSE,
    CK_ARG_MAP_QUERIES,
    CK_ARG_MAP_KEYS,
    CK_ARG_COLUMN_MASS,
    CK_ARG_ENTROPY,
    CK_ARG_TOP_COUNT,
    CK_ARG_TOP_WEIGHTS,
    CK_ARG_TOP_KEYS,
    CK_ARG_POOL,
    CK_ARG_POOLED,
    CK_ARG_ROWS,
    CK_ARG_COLUMNS,
    CK_ARG_X,
    CK_ARG_Y,
    CK_ARG_COPY,
    CK_ARG_NORM_SCALE,
    CK_ARG_NORM_SHIFT,
    CK_ARG_EPSILON,
    CK_ARG_ROTATED,
    CK_ARG_COSINES,
    CK_ARG_SINES,
    CK_ARG_POSITIONS,
    CK_ARG_TABLE,
    CK_ARG_IDS,
    CK_ARG_POSITION_TABLE,
    CK_ARG_ADDED,
    CK_ARG_OFFSETS,
    CK_ARG_INDICES,
    CK_ARG_PROBABILITY,
    CK_ARG_KV_STARTS,
    CK_ARG_K_SCALES,
    CK_ARG_V_SCALES,
    CK_ARG_ARITHMETIC,
} ck_argument;

// What was wrong, with numbers. `dimension` names the axis of the argument (0 batch, 1 head,
// 2 row, 3 column), or is -1 when the status is not about one axis. `other` is the second
// argument of an overlap; or CK_ARG_ISA where a packed matrix is for the ISA `actual`, not `expected`, CK_ARG_A
// where it is not for an A of the dtype `expected`.
typedef struct ck_diagnosis {
    ck_argument argument;
    ck_argument other;
    int32_t dimension;
    int64_t actual;
    int64_t expected;
} ck_diagnosis;

// A short lower-case description of a status; a static string.
const char *ck_status_text(ck_status status);

// CK_Q8_0, CK_Q4_0 and CK_Q4_1 are the blocks of GGUF files, 32 consecutive k of one column of a GEMM's B:
//   CK_Q8_0  f16 d, 32 int8 q                             w = d q
//   CK_Q4_0  f16 d, 16 bytes of two q in 0 ... 15         w = d (q - 8)    low nibbles are weights 0 ... 15,
//   CK_Q4_1  f16 d, f16 m, 16 bytes of two q in 0 ... 15  w = d q + m      high ones 16 ... 31
typedef enum CK_ENUM ck_dtype { CK_F32 = 0, CK_BF16, CK_F16, CK_I8, CK_I32, CK_Q8_0, CK_Q4_0, CK_Q4_1 } ck_dtype;

typedef enum CK_ENUM ck_kernel {
    CK_NAIVE = 0,  // three plain passes, scores materialised: the specification
    CK_BLOCKED,    // GEMM, row softmax, GEMM on blocks of query rows
    CK_FUSED,      // tiled online softmax, scores never materialised
} ck_kernel;

typedef enum CK_ENUM ck_isa {
    CK_ISA_AUTO = 0,  // the environment variable CK_ISA if set, else the first available
    CK_ISA_PORTABLE,
    CK_ISA_AVX2,
    CK_ISA_AVX512,
    CK_ISA_AVX512BF16,
    CK_ISA_NEON,
} ck_isa;

// The ISAs this CPU and this build can run, best first: index 0 ..< ck_isa_count().
int32_t ck_isa_count(void);
ck_isa ck_isa_at(int32_t index);
const char *ck_isa_name(ck_isa isa);
// CK_ISA_AUTO if the name is unknown.
ck_isa ck_isa_named(const char *name);
// What `isa` resolves to here; CK_ISA_UNAVAILABLE if it cannot run, or if CK_ISA names none.
ck_status ck_isa_resolve(ck_isa isa, ck_isa *resolved);

typedef struct ck_machine {
    char name[64];         // the CPU's own name, or its architecture
    int32_t usable_cores;  // affinity mask and cgroup quota respected, at least 1
    int64_t l1d_bytes;     // a core's first-level data cache
    int64_t l2_bytes;      // a core's second-level cache
    int64_t l3_bytes;      // the last-level cache one core reaches; 0 if there is none
    const char *parallel;  // "openmp" or "pthreads"
} ck_machine;

// Read once, then constant.
const ck_machine *ck_machine_info(void);

#define CK_MAX_THREADS 1024
#define CK_ALL_THREADS (-1)

// How a call runs. Zero-initialised is not valid: start from ck_options_default().
typedef struct ck_options {
    int32_t threads;  // 1 ... CK_MAX_THREADS, or CK_ALL_THREADS for every usable core
    ck_isa isa;
    // Scratch memory of at least ck_*_workspace() bytes, aligned to 64; null: the call allocates
    // and frees its own. With a workspace a call makes no heap allocation. Never shared by two
    // calls at the same time.
    void *_Nullable workspace;
    size_t workspace_bytes;
    // Refuse, with CK_NOT_FUSED, what CK_FUSED would compute beside its one pass: the weights.
    bool fused_only;
} ck_options;

ck_options ck_options_default(void);

CK_DECLARATIONS_END

#endif
