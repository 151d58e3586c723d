// The ordered list of ISA tables, best first: the first one this CPU supports is the default. CK_ISA
// in the environment of the first call overrides the default; a call's own choice overrides both.
#include "dispatch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"

static const ck_ops *const tables[] = {
#if defined(__x86_64__)
    &ck_ops_avx512bf16,
    &ck_ops_avx512,
    &ck_ops_avx2,
#elif defined(__aarch64__)
    &ck_ops_neon,
#endif
    &ck_ops_portable,
};

#define TABLE_COUNT ((int32_t)(sizeof tables / sizeof tables[0]))

static const struct {
    ck_isa isa;
    const char *name;
} names[] = {{CK_ISA_AUTO, "auto"},     {CK_ISA_PORTABLE, "portable"},     {CK_ISA_AVX2, "avx2"},
             {CK_ISA_AVX512, "avx512"}, {CK_ISA_AVX512BF16, "avx512bf16"}, {CK_ISA_NEON, "neon"}};

#define NAME_COUNT ((int32_t)(sizeof names / sizeof names[0]))

int32_t ck_isa_count(void) {
    int32_t count = 0;
    for (int32_t i = 0; i < TABLE_COUNT; ++i) count += ck_cpu_supports(tables[i]->isa);
    return count;
}

ck_isa ck_isa_at(const int32_t index) {
    int32_t seen = 0;
    for (int32_t i = 0; i < TABLE_COUNT; ++i)
        if (ck_cpu_supports(tables[i]->isa) && seen++ == index) return tables[i]->isa;
    return CK_ISA_AUTO;
}

const char *ck_isa_name(const ck_isa isa) {
    for (int32_t i = 0; i < NAME_COUNT; ++i)
        if (names[i].isa == isa) return names[i].name;
    return "unknown";
}

ck_isa ck_isa_named(const char *const name) {
    for (int32_t i = 0; i < NAME_COUNT; ++i)
        if (strcmp(names[i].name, name) == 0) return names[i].isa;
    return CK_ISA_AUTO;
}

static const ck_ops *table_of(const ck_isa isa) {
    for (int32_t i = 0; i < TABLE_COUNT; ++i)
        if (tables[i]->isa == isa) return tables[i];
    return NULL;
}

static bool can_run(const ck_isa isa) { return table_of(isa) && ck_cpu_supports(isa); }

// What CK_ISA_AUTO stands for; itself if the environment names nothing that can run here. Read once: asking
// the environment takes as long as the product of two 16 x 16 matrices.
static ck_isa preferred;
static pthread_once_t preferred_once = PTHREAD_ONCE_INIT;

static void read_preferred(void) {
    const char *const override = getenv("CK_ISA");
    if (!override || !*override || strcmp(override, "auto") == 0) {
        preferred = ck_isa_at(0);
        return;
    }
    const ck_isa named = ck_isa_named(override);
    preferred = can_run(named) ? named : CK_ISA_AUTO;
}

ck_status ck_isa_resolve(const ck_isa isa, ck_isa *const resolved) {
    if (isa != CK_ISA_AUTO) {
        if (!can_run(isa)) return CK_ISA_UNAVAILABLE;
        *resolved = isa;
        return CK_OK;
    }
    pthread_once(&preferred_once, read_preferred);
    if (preferred == CK_ISA_AUTO) return CK_ISA_UNAVAILABLE;
    *resolved = preferred;
    return CK_OK;
}

const ck_ops *ck_ops_for(const ck_isa isa) { return table_of(isa); }
