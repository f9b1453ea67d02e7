/* SPDX-License-Identifier: BSD-2-Clause */
/* What is left of a program when it has been loaded: code that cannot run and jumps that lead nowhere else are gone. */
#include "bpf/both.h"

#define RAW(c, d, s, o, i) \
	((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })
#define MOV(r, i)	RAW(BPF_ALU64 | BPF_MOV | BPF_K, r, 0, 0, i)
#define ADD(r, i)	RAW(BPF_ALU64 | BPF_ADD | BPF_K, r, 0, 0, i)
#define IF(op, r, i, o) RAW(BPF_JMP | BPF_##op | BPF_K, r, 0, o, i)
#define GOTO(o)		RAW(BPF_JMP | BPF_JA, 0, 0, o, 0)
#define LONG_GOTO(o)	RAW(BPF_JMP32 | BPF_JA, 0, 0, 0, o)
#define RANDOM()	RAW(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_prandom_u32)
#define EXIT()		RAW(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

static void show(struct ask *ask, const struct bpf_insn *insns, unsigned int count)
{
	struct bpf_insn left[64] = { 0 };
	struct bpf_prog_info info = { .xlated_prog_len = sizeof(left),
				      .xlated_prog_insns = PTR(left) };
	int fd = BPF(ask, BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_XDP, .insns = PTR(insns),
		     .insn_cnt = count, .license = PTR("GPL"));

	note_fd(ask, "load", fd);
	note(ask, "info",
	     BPF(ask, BPF_OBJ_GET_INFO_BY_FD,
		 .info = { .bpf_fd = (__u32)fd, .info_len = sizeof(info), .info = PTR(&info) }));
	note(ask, "length", info.xlated_prog_len);
	note(ask, "verified", info.verified_insns);
	for (unsigned int i = 0; i < info.xlated_prog_len / sizeof(left[0]); i++) {
		long long words[1];

		memcpy(words, &left[i], sizeof(words));
		ask->key = i;
		if (left[i].code == (BPF_JMP | BPF_CALL))
			words[0] &= 0xffffffff; /* Linux inlines or numbers it by its own means */
		note(ask, "instruction", words[0]);
	}
	ask->key = 0;
	close(fd);
}
#define SHOW(...)                                                   \
	({                                                          \
		const struct bpf_insn insns[] = { __VA_ARGS__ };    \
		show(ask, insns, sizeof(insns) / sizeof(insns[0])); \
	})

static void plain(struct ask *ask)
{
	SHOW(MOV(0, 1), GOTO(0), EXIT());
	SHOW(MOV(0, 1), GOTO(0), GOTO(0), GOTO(0), EXIT());
	SHOW(MOV(0, 1), GOTO(1), GOTO(0), EXIT());
	SHOW(MOV(0, 1), LONG_GOTO(0), EXIT());
	SHOW(MOV(0, 1), GOTO(1), EXIT(), GOTO(-2));
}

static void decided(struct ask *ask)
{
	SHOW(MOV(0, 1), IF(JEQ, 0, 1, 2), ADD(0, 5), ADD(0, 7), EXIT());
	SHOW(MOV(0, 1), IF(JNE, 0, 1, 2), ADD(0, 5), ADD(0, 7), EXIT());
	SHOW(MOV(0, 1), IF(JEQ, 0, 1, 1), EXIT(), ADD(0, 7), EXIT());
	SHOW(MOV(0, 1), IF(JEQ, 0, 1, 0), EXIT());
	SHOW(MOV(0, 1), IF(JEQ, 0, 1, 1), GOTO(1), GOTO(0), EXIT());
	SHOW(MOV(0, 1), IF(JEQ, 0, 1, 2), ADD(0, 1), GOTO(1), GOTO(0), IF(JEQ, 0, 2, 1), ADD(0, 3),
	     EXIT());
}

static void open_ended(struct ask *ask)
{
	SHOW(RANDOM(), IF(JEQ, 0, 1, 1), ADD(0, 5), MOV(0, 2), EXIT());
	SHOW(RANDOM(), IF(JEQ, 0, 1, 0), MOV(0, 2), EXIT());
	SHOW(RANDOM(), IF(JEQ, 0, 1, 2), MOV(0, 2), GOTO(1), GOTO(0), MOV(0, 1), EXIT());
}

int main(void)
{
#ifdef SKEP_ORACLE
	(void)plain, (void)decided, (void)open_ended;
	skip("this build keeps all instructions");
#else
	both("plain jumps", plain);
	both("jumps that are decided", decided);
	both("jumps that are not", open_ended);
#endif
	return done();
}
