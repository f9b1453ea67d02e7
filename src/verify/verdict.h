/* SPDX-License-Identifier: BSD-2-Clause */
/* A verification's outcome as include/skep.h's struct skep_verdict, with its explanations. */
#ifndef VERIFY_VERDICT_H
#define VERIFY_VERDICT_H

#include "skep.h"
#include "verify/verify.h"

/* Hands verdict to fn. result NULL: refused before the verifier saw it. err: what BPF_PROG_LOAD returns. */
void verdict_tell(const char *program, const struct verify_env *env,
		  const struct verify_result *result, int err, const char *log, bool color,
		  skep_verdict_fn fn, void *arg);

#endif
