// Which ISA table runs. Called by the drivers.
#ifndef CK_DISPATCH_H
#define CK_DISPATCH_H

#include "ops.h"

// The table of a resolved ISA.
const ck_ops *ck_ops_for(ck_isa isa);

#endif
