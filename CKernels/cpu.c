// CPU features from CPUID, caches and cores from the operating system. Everything is read once,
// under pthread_once, and constant from then on. Called by dispatch.c, plan.c and the Swift Machine.
#if defined(__linux__)
#define _GNU_SOURCE
#include <sched.h>
#endif
#include "cpu.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__APPLE__)
#include <sys/sysctl.h>
#endif

#include "parallel.h"

#if defined(__x86_64__)

enum { LEAF7_EBX_AVX2 = 1u << 5, LEAF7_EBX_AVX512F = 1u << 16, LEAF7_EBX_AVX512DQ = 1u << 17 };
#define LEAF7_EBX_AVX512BW (1u << 30)
#define LEAF7_EBX_AVX512VL (1u << 31)
#define LEAF7_ECX_AVX512VNNI (1u << 11)
#define LEAF7_1_EAX_AVX512BF16 (1u << 5)
// The 8-bit dot product: every CPU with the one of bf16 has it.
#define LEAF7_ECX_AVX512VNNI (1u << 11)
#define LEAF1_ECX_FMA (1u << 12)
#define LEAF1_ECX_F16C (1u << 29)
#define LEAF1_ECX_OSXSAVE (1u << 27)
#define XCR0_AVX 0x6u
#define XCR0_AVX512 0xe6u

static uint64_t enabled_state(void) {
    unsigned low = 0, high = 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return ((uint64_t)high << 32) | low;
}

static bool detect(const ck_isa isa) {
    if (isa == CK_ISA_PORTABLE) return true;
    unsigned eax, ebx, ecx, edx, leaf1_ecx;
    if (!__get_cpuid(1, &eax, &ebx, &leaf1_ecx, &edx)) return false;
    const unsigned base = LEAF1_ECX_OSXSAVE | LEAF1_ECX_FMA | LEAF1_ECX_F16C;
    if ((leaf1_ecx & base) != base) return false;
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return false;
    const unsigned highest_subleaf = eax;
    const uint64_t state = enabled_state();
    const bool avx2 = (state & XCR0_AVX) == XCR0_AVX && (ebx & LEAF7_EBX_AVX2);
    const unsigned wanted = LEAF7_EBX_AVX512F | LEAF7_EBX_AVX512DQ | LEAF7_EBX_AVX512BW | LEAF7_EBX_AVX512VL;
    const bool avx512 = avx2 && (state & XCR0_AVX512) == XCR0_AVX512 && (ebx & wanted) == wanted;
    switch (isa) {
        case CK_ISA_AVX2: return avx2;
        case CK_ISA_AVX512: return avx512;
        case CK_ISA_AVX512BF16:
            if (!avx512 || !(ecx & LEAF7_ECX_AVX512VNNI) || highest_subleaf < 1) return false;
            return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax & LEAF7_1_EAX_AVX512BF16);
        default: return false;
    }
}

static void read_name(char *const name, const size_t capacity) {
    unsigned words[12];
    for (unsigned leaf = 0; leaf < 3; ++leaf) {
        if (!__get_cpuid(0x80000002u + leaf, &words[4 * leaf], &words[4 * leaf + 1], &words[4 * leaf + 2],
                         &words[4 * leaf + 3])) {
            snprintf(name, capacity, "x86-64");
            return;
        }
    }
    char text[sizeof words + 1];
    memcpy(text, words, sizeof words);
    text[sizeof words] = 0;
    const char *start = text;
    while (*start == ' ') ++start;
    snprintf(name, capacity, "%s", start);
    for (size_t end = strlen(name); end > 0 && name[end - 1] == ' '; --end) name[end - 1] = 0;
}

#else

static bool detect(const ck_isa isa) {
#if defined(__aarch64__)
    return isa == CK_ISA_PORTABLE || isa == CK_ISA_NEON;
#else
    return isa == CK_ISA_PORTABLE;
#endif
}

static void read_name(char *const name, const size_t capacity) {
#if defined(__APPLE__)
    size_t length = capacity;
    if (sysctlbyname("machdep.cpu.brand_string", name, &length, NULL, 0) == 0) return;
#endif
#if defined(__aarch64__)
    snprintf(name, capacity, "arm64");
#else
    snprintf(name, capacity, "unknown");
#endif
}

#endif

#if defined(__linux__)

static bool read_text(const char *const path, char *const text, const size_t capacity) {
    FILE *const file = fopen(path, "r");
    if (!file) return false;
    const size_t length = fread(text, 1, capacity - 1, file);
    fclose(file);
    text[length] = 0;
    return length > 0;
}

static void read_caches(ck_machine *const machine) {
    for (int index = 0; index < 8; ++index) {
        char path[96], level[16], type[32], size[32];
        const char *const folder = "/sys/devices/system/cpu/cpu0/cache/index%d/%s";
        snprintf(path, sizeof path, folder, index, "level");
        if (!read_text(path, level, sizeof level)) return;
        snprintf(path, sizeof path, folder, index, "type");
        if (!read_text(path, type, sizeof type) || strncmp(type, "Instruction", 11) == 0) continue;
        snprintf(path, sizeof path, folder, index, "size");
        if (!read_text(path, size, sizeof size)) continue;
        char *unit;
        int64_t bytes = strtoll(size, &unit, 10);
        bytes *= *unit == 'K' ? 1024 : *unit == 'M' ? 1024 * 1024 : 1;
        switch (atoi(level)) {
            case 1: machine->l1d_bytes = bytes; break;
            case 2: machine->l2_bytes = bytes; break;
            case 3: machine->l3_bytes = bytes; break;
        }
    }
}

// Cores a container may use, from its cgroup's CPU quota (v2, then v1); 0 if there is no limit.
static int32_t quota_cores(void) {
    char text[64], period_text[64];
    double quota = 0, period = 0;
    if (read_text("/sys/fs/cgroup/cpu.max", text, sizeof text)) {
        if (sscanf(text, "%lf %lf", &quota, &period) != 2) return 0;
    } else if (read_text("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", text, sizeof text) &&
               read_text("/sys/fs/cgroup/cpu/cpu.cfs_period_us", period_text, sizeof period_text)) {
        quota = atof(text);
        period = atof(period_text);
    }
    if (quota <= 0 || period <= 0) return 0;
    const int32_t cores = (int32_t)((quota + period - 1) / period);
    return cores > 0 ? cores : 1;
}

static int32_t usable_cores(void) {
    cpu_set_t set;
    int32_t cores = 0;
    if (sched_getaffinity(0, sizeof set, &set) == 0) cores = CPU_COUNT(&set);
    if (cores <= 0) cores = (int32_t)sysconf(_SC_NPROCESSORS_ONLN);
    const int32_t quota = quota_cores();
    return quota > 0 && quota < cores ? quota : cores;
}

#else

static void read_size(const char *const key, int64_t *const bytes) {
#if defined(__APPLE__)
    int64_t value = 0;
    size_t length = sizeof value;
    if (sysctlbyname(key, &value, &length, NULL, 0) == 0 && value > 0) *bytes = value;
#else
    (void)key, (void)bytes;
#endif
}

static void read_caches(ck_machine *const machine) {
    read_size("hw.perflevel0.l1dcachesize", &machine->l1d_bytes);
    read_size("hw.perflevel0.l2cachesize", &machine->l2_bytes);
    read_size("hw.l3cachesize", &machine->l3_bytes);
}

static int32_t usable_cores(void) { return (int32_t)sysconf(_SC_NPROCESSORS_ONLN); }

#endif

static ck_machine machine;
// CPUID traps to the hypervisor in a virtual machine: tens of microseconds, too much for every call.
static bool supported[CK_ISA_NEON + 1];
static pthread_once_t machine_once = PTHREAD_ONCE_INIT;

static void read_machine(void) {
    // Where the system tells nothing: the smallest caches of the last ten years.
    machine.l1d_bytes = 32 * 1024;
    machine.l2_bytes = 256 * 1024;
    read_name(machine.name, sizeof machine.name);
    read_caches(&machine);
    machine.usable_cores = usable_cores();
    if (machine.usable_cores < 1) machine.usable_cores = 1;
    if (machine.usable_cores > CK_MAX_THREADS) machine.usable_cores = CK_MAX_THREADS;
    machine.parallel = ck_parallel_name();
    for (int isa = CK_ISA_PORTABLE; isa <= CK_ISA_NEON; ++isa) supported[isa] = detect((ck_isa)isa);
}

const ck_machine *ck_machine_info(void) {
    pthread_once(&machine_once, read_machine);
    return &machine;
}

bool ck_cpu_supports(const ck_isa isa) {
    pthread_once(&machine_once, read_machine);
    return isa > CK_ISA_AUTO && isa <= CK_ISA_NEON && supported[isa];
}
