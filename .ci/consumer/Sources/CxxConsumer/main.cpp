#include <CKernels.h>

#include <cstdio>

int main() {
    const ck_machine *const machine = ck_machine_info();
    if (machine->usable_cores < 1 || ck_isa_count() < 1) return 1;
    std::printf("C++: %s, %d cores, %s\n", machine->name, machine->usable_cores, ck_isa_name(ck_isa_at(0)));
    return 0;
}
