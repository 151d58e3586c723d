// What this CPU can do, read once: instruction sets, caches, usable cores. Called by dispatch and plan.
#ifndef CK_CPU_H
#define CK_CPU_H

#include "CKernels.h"

// Whether the CPU and the operating system support every instruction the ISA's file is compiled for.
bool ck_cpu_supports(ck_isa isa);

#endif
