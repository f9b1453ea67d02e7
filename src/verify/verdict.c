/* SPDX-License-Identifier: BSD-2-Clause */
/* From what the verifier left to what a caller of the library is told. */
#include "verify/verdict.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "def/prog.h"
#include "verify/explain.h"

struct text {
	char *at;
	size_t len;
	bool failed;
};

static void append(void *arg, const char *from, size_t len)
{
	struct text *t = arg;
	char *grown = t->failed ? NULL : realloc(t->at, t->len + len + 1);

	if (!grown) {
		t->failed = true;
		return;
	}
	memcpy(grown + t->len, from, len);
	t->at = grown;
	t->len += len;
	grown[t->len] = 0;
}

void verdict_tell(const char *program, const struct verify_env *env,
		  const struct verify_result *result, int err, const char *log, bool color,
		  skep_verdict_fn fn, void *arg)
{
	struct verify_reason plain = { .err = err, .insn = ~0u, .regno = -1 };
	const struct prog_info *type = prog_info(env->prog_type);
	struct skep_verdict v = { .sz = sizeof(v),
				  .program = program,
				  .type = type ? type->name : "",
				  .err = err,
				  .insns = env->insn_count,
				  .log = log };
	struct text text = { 0 }, json = { 0 };

	if (result) {
		v.processed = result->processed;
		v.total_states = result->total_states;
		v.peak_states = result->peak_states;
		v.stack_depth = result->stack_depth;
		v.time_ns = result->time_ns;
		v.memory = result->peak_memory;
	}
	if (err) {
		const struct verify_reason *reason =
			result && result->reason ? result->reason : &plain;
		struct explanation *e = malloc(sizeof(*e));

		snprintf(plain.message, sizeof(plain.message), "%s", strerror(-err));
		if (e) {
			verify_explain(e, reason, env, program);
			explain_text(e, color, &(struct log){ append, &text });
			explain_json(e, &(struct log){ append, &json });
		}
		free(e);
		v.explanation = text.at && !text.failed ? text.at : "";
		v.json = json.at && !json.failed ? json.at : "{}";
	}
	fn(arg, &v);
	free(text.at);
	free(json.at);
}
