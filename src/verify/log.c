/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The user's log buffer, byte for byte as the kernel fills it: at most size bytes with the final NUL;
 * when there is more, the last part is kept (or the first, with BPF_LOG_FIXED), the load fails with
 * -ENOSPC and true_size tells what had been enough. A reset goes back to a position, which is how a
 * path that was accepted leaves no trace at level 1.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verify/env.h"

enum { LEVEL_STATES = 2, LEVEL_FIXED = 8 };

static void put(struct env *env, const char *text, u32 len)
{
	struct verify_log_opts *log = &env->in->log;
	u64 end = env->log.end + len;

	log->true_size = (u32)max((u64)log->true_size, min(end + 1, (u64)UINT32_MAX));
	if (!log->buf || !log->size) {
		env->log.end = end;
		return;
	}
	if (log->level & LEVEL_FIXED) {
		if (env->log.end < log->size) {
			u32 fits = (u32)min((u64)len, log->size - 1 - env->log.end);

			memcpy(log->buf + env->log.end, text, fits);
		}
		env->log.end = end;
		return;
	}
	if (end + 1 - env->log.start > log->size)
		env->log.start = end + 1 - log->size;
	for (u32 i = len > log->size ? len - log->size : 0; i < len;) {
		u32 at = (u32)((env->log.end + i) % log->size), run = min(len - i, log->size - at);

		memcpy(log->buf + at, text + i, run);
		i += run;
	}
	env->log.end = end;
}

/* What the last error line was, whatever the log level: parts of a line come one by one. */
static void remember(struct env *env, const char *text)
{
	size_t len = strlen(env->said), room;
	const char *line = text + strlen(text);

	if (line > text && line[-1] == '\n')
		line--;
	while (line > text && line[-1] != '\n')
		line--;
	if (line > text || (len && env->said[len - 1] == '\n'))
		len = 0;
	room = sizeof(env->said) - len;
	snprintf(env->said + len, room, "%s", line);
}

static void vput(struct env *env, const char *fmt, va_list ap, bool error)
{
	char text[1024];
	int len = vsnprintf(text, sizeof(text), fmt, ap);

	if (len < 0)
		return;
	if (error)
		remember(env, text);
	if (env->in->log.level)
		put(env, text, min((u32)len, (u32)sizeof(text) - 1));
}

void say_error(struct env *env, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vput(env, fmt, ap, true);
	va_end(ap);
}

int refuse(struct env *env, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vput(env, fmt, ap, true);
	va_end(ap);
	return err;
}

void trace(struct env *env, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vput(env, fmt, ap, false);
	va_end(ap);
}

void log_reset(struct env *env, u64 pos)
{
	env->log.end = pos;
	env->log.start = min(env->log.start, pos);
	env->log.prev_pos = 0;
}

static void turn(char *at, u32 len)
{
	for (u32 i = 0; i < len / 2; i++) {
		char c = at[i];

		at[i] = at[len - 1 - i];
		at[len - 1 - i] = c;
	}
}

int log_finish(struct env *env)
{
	struct verify_log_opts *log = &env->in->log;

	if (!log->level)
		return 0;
	if (log->buf && log->size) {
		u32 kept = (u32)(env->log.end - env->log.start),
		    at = (u32)(env->log.start % log->size);

		if (!(log->level & LEVEL_FIXED) && env->log.start) { /* rotate by three reversals */
			turn(log->buf, at);
			turn(log->buf + at, log->size - at);
			turn(log->buf, log->size);
		}
		log->buf[min(kept, log->size - 1)] = '\0';
	}
	return log->size && log->true_size > log->size ? -ENOSPC : 0;
}

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The last line record at or before the instruction, if it is not the one printed before. */
/* Records of one source line, of which only the first is shown. */
static bool same_line(const struct bpf_line_info *a, const struct bpf_line_info *b)
{
	return a->file_name_off == b->file_name_off && a->line_col >> 10 == b->line_col >> 10;
}

void log_line(struct env *env, u32 index, const char *prefix)
{
	const struct bpf_line_info *info = env->in->line_info;
	u32 lo = 0, hi = env->in->line_info_count, s = 0;
	const char *text;

	if (!hi || !env->in->btf)
		return;
	while (hi - lo > 1) {
		u32 mid = lo + (hi - lo) / 2;

		if (info[mid].insn_off <= index)
			lo = mid;
		else
			hi = mid;
	}
	if (info[lo].insn_off > index || env->log.line_info == lo + 1)
		return;
	for (u32 i = 0; i < env->nr_subprogs; i++)
		if (env->subprogs[i].start <= index)
			s = i;
	if (info[lo].insn_off < env->subprogs[s].start ||
	    (env->log.line_info && same_line(&info[lo], &info[env->log.line_info - 1])))
		return;
	env->log.line_info = lo + 1;
	text = btf_string(env->in->btf, info[lo].line_off);
	while (*text == ' ' || *text == '\t')
		text++;
	trace(env, "%s%s @ %s:%u\n", prefix, text,
	      file_name(btf_string(env->in->btf, info[lo].file_name_off)), info[lo].line_col >> 10);
}

static const char *call_name(void *arg, const struct insn *insn, char *scratch, size_t size)
{
	const char *name;

	(void)arg;
	if (insn->op != OP_CALL_HELPER)
		return NULL;
	name = helper_name((u32)insn->imm);
	snprintf(scratch, size, "%s", name ? name : "unknown");
	return scratch;
}

static const char *imm_name(void *arg, const struct insn *insn, char *scratch, size_t size)
{
	u64 imm = insn_imm64(insn);

	(void)arg;
	/* A map's low half only: its address is not for a log (as the kernel with pointers allowed shows it). */
	snprintf(scratch, size, "0x%llx", (unsigned long long)imm);
	return scratch;
}

static void insn_string(struct env *env, u32 index, char *buf, size_t size)
{
	static const struct disasm_names names = { .call = call_name, .imm = imm_name };

	insn_text_named(&env->insns[index], index, DISASM_KERNEL, &names, buf, size);
}

void log_insn_text(struct env *env, u32 index, char *buf, size_t size)
{
	insn_string(env, index, buf, size);
}

void log_insn(struct env *env, u32 index)
{
	char text[256];

	env->log.prev_pos = env->log.end;
	insn_string(env, index, text, sizeof(text));
	trace(env, "%u: %s\n", index, text);
	env->log.prev_len = env->log.end - env->log.prev_pos;
	env->log.prev_pos = env->log.end;
}

/* The registers an instruction changed follow it on its line, if nothing was printed in between. */
void log_insn_state(struct env *env, const struct state *state, u32 frame)
{
	if (env->log.prev_pos && env->log.prev_pos == env->log.end) {
		u64 len = env->log.prev_len, pad = round_up(max(len + 4, (u64)40), 8) - len - 1;

		log_reset(env, env->log.end - 1);
		trace(env, "%*c;", (int)pad, ' ');
	} else {
		trace(env, "%u:", env->insn_idx);
	}
	log_state(env, state, frame, false);
}
