// Validation of the layers, whose drivers are in layers.c.
#ifndef CK_LAYERS_H
#define CK_LAYERS_H

#include "CKernels.h"

// CK_OK, or the first thing wrong with the problem, told in `diagnosis` (not null).
ck_status ck_normalize_validate(const ck_normalize_problem *problem, ck_diagnosis *diagnosis);
ck_status ck_rotate_validate(const ck_rotate_problem *problem, ck_diagnosis *diagnosis);
ck_status ck_gate_validate(const ck_gate_problem *problem, ck_diagnosis *diagnosis);
ck_status ck_embed_validate(const ck_embed_problem *problem, ck_diagnosis *diagnosis);
ck_status ck_pool_validate(const ck_pool_problem *problem, ck_diagnosis *diagnosis);
ck_status ck_argmax_validate(const ck_argmax_problem *problem, ck_diagnosis *diagnosis);
ck_status ck_softmax_validate(const ck_softmax_problem *problem, ck_diagnosis *diagnosis);
ck_status ck_dropout_validate(const ck_dropout_problem *problem, ck_diagnosis *diagnosis);

#endif
