/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The seam inside one process. Our private copy of libbpf has its system calls renamed to the
 * seam_* functions of seam.c (seam.syms lists them); they ask the answer that is in use on this
 * thread: skep's core in process, or Linux.
 *
 * libbpf remembers what its probes found, once per process: the first answer's kind stays.
 */
#ifndef LOAD_SEAM_H
#define LOAD_SEAM_H

#include "core/core.h"
#include "util/log.h"

struct answer {
	struct hive *hive; /* NULL: Linux answers */
	struct caller caller;
	struct log *why; /* for a person; may be NULL */
	bool bcc; /* what is loaded was written in BCC's dialect: its implicit reads become calls */
};

/* Fills *answer for this very process; hive NULL: Linux. -EBUSY: libbpf has been used with the other kind. */
int answer_init(struct answer *answer, struct hive *hive, struct log *log);

/* Every call of libbpf stands between these two. What libbpf says goes to log (may be NULL). */
void seam_enter(struct answer *answer, struct log *log);
void seam_leave(void);

#endif
