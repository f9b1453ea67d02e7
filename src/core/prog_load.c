/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF_PROG_LOAD: attributes checked in Linux's order, everything copied from the caller once, then
 * verifier, fix-ups, engine. A program object exists only for what the verifier accepted.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/command.h"
#include "core/prog.h"
#include "def/helper.h"
#include "def/prog.h"
#include "helper/helper.h"
#include "util/sha256.h"

enum {
	MAX_INSNS = 1000000, /* BPF_COMPLEXITY_LIMIT_INSNS */
	MAX_REC_SIZE = 252,  /* MAX_FUNCINFO_REC_SIZE, MAX_LINEINFO_REC_SIZE */
	LOG_LEVELS = 15,     /* BPF_LOG_MASK */
	PROG_FLAGS = BPF_F_STRICT_ALIGNMENT | BPF_F_ANY_ALIGNMENT | BPF_F_TEST_STATE_FREQ |
		     BPF_F_SLEEPABLE | BPF_F_TEST_RND_HI32 | BPF_F_XDP_HAS_FRAGS |
		     BPF_F_XDP_DEV_BOUND_ONLY | BPF_F_TEST_REG_INVARIANTS | BPF_F_TOKEN_FD,
};

static void prog_end(struct epoch_item *item)
{
	struct prog *prog = container_of(item, struct prog, ending);

	for (u32 i = 0; i < prog->map_count; i++)
		put_map(prog->maps[i]);
	put_btf(prog->btf);
	put_btf(prog->attach_btf);
	put_prog(prog->attach_prog);
	code_free(prog->code);
	pthread_mutex_destroy(&prog->maps_lock);
	free(prog->maps);
	free(prog->xlated);
	free(prog->subprogs);
	free(prog->func_info);
	free(prog->line_info);
	free(prog->stats);
	free(prog);
}

/* A slot may be running it still. */
static void prog_release(struct object *object)
{
	struct prog *prog = to_prog(object);

	hive_defer(object->hive, &prog->ending, prog_end);
}

static const struct object_ops prog_object_ops = { .release = prog_release };

/* One load: what was copied from the caller, and what the verifier asked for. */
struct load {
	struct call *call;
	struct prog *prog;
	struct bpf_insn *insns;
	struct verify_env env;
	struct verify_result *result;
	struct map_object **maps; /* found so far, a reference each */
	u32 map_count, map_room;
};

/* Attributes. */

static bool takes_btf_id(u32 type)
{
	return type == BPF_PROG_TYPE_TRACING || type == BPF_PROG_TYPE_LSM ||
	       type == BPF_PROG_TYPE_STRUCT_OPS || type == BPF_PROG_TYPE_EXT;
}

/* attach_prog_fd may be a program or BTF. */
static int find_attach_target(struct load *l)
{
	const union bpf_attr *attr = &l->call->attr;
	struct prog *prog = l->prog;

	if (attr->attach_prog_fd) {
		if (!prog_from_fd(l->call->hive, l->call->caller, (int)attr->attach_prog_fd,
				  &prog->attach_prog))
			return 0;
		if (btf_from_fd(l->call->hive, l->call->caller, (int)attr->attach_btf_obj_fd,
				&prog->attach_btf))
			return -EINVAL;
		return prog->attach_btf->kernel ? 0 : -ENOTSUPP;
	}
	if (attr->attach_btf_id && btf_kernel_object(l->call->hive, &prog->attach_btf))
		return fail(
			l->call->hive->log, -EINVAL,
			"prog_load: attach_btf_id names a type of the kernel's BTF, and there is none here (%s)",
			l->call->hive->btf_path);
	return 0;
}

static int check_attach(struct load *l)
{
	const union bpf_attr *attr = &l->call->attr;
	struct prog *prog = l->prog;

	if (attr->attach_btf_id) {
		if (attr->attach_btf_id > 0xfffff || (!prog->attach_btf && !prog->attach_prog))
			return -EINVAL;
		if (!takes_btf_id(attr->prog_type))
			return -EINVAL;
	}
	if (prog->attach_btf && (!attr->attach_btf_id || prog->attach_prog))
		return -EINVAL;
	if (prog->attach_prog && attr->prog_type != BPF_PROG_TYPE_TRACING &&
	    attr->prog_type != BPF_PROG_TYPE_EXT)
		return -EINVAL;
	return prog_info(attr->prog_type) ? prog_check_attach(attr->prog_type, &prog->attach_type)
					  : 0;
}

static int check_token(struct call *call)
{
	struct fd_key key;
	int err = call->caller->ops->identify(call->caller, call->attr.prog_token_fd, &key);

	return err ? err : -EINVAL;
}

static bool licence_is_gpl(const char *licence)
{
	static const char *const texts[] = {
		"GPL",		"GPL v2",	"GPL and additional rights",
		"Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (!strcmp(licence, texts[i]))
			return true;
	return false;
}

static int check_attr(struct load *l)
{
	const union bpf_attr *attr = &l->call->attr;
	struct prog *prog = l->prog;
	int err;

	if (attr->prog_flags & ~(u32)PROG_FLAGS)
		return -EINVAL;
	prog->type = attr->prog_type;
	prog->attach_type = attr->expected_attach_type;
	prog->flags = attr->prog_flags;
	prog->attach_btf_id = attr->attach_btf_id;
	if (attr->prog_flags & BPF_F_TOKEN_FD)
		return check_token(l->call);
	if (!attr->insn_cnt || attr->insn_cnt > MAX_INSNS)
		return -E2BIG;
	err = find_attach_target(l);
	return err ? err : check_attach(l);
}

static int copy_program(struct load *l)
{
	struct call *call = l->call;
	const union bpf_attr *attr = &call->attr;
	char licence[128];
	int err = call_copy(call, (void **)&l->insns, attr->insns,
			    (size_t)attr->insn_cnt * sizeof(struct bpf_insn));

	if (err)
		return err;
	if (call_string(call, licence, sizeof(licence), attr->license) < 0)
		return -EFAULT;
	l->prog->gpl = licence_is_gpl(licence);
	if (attr->prog_ifindex)
		return fail(call->hive->log, -EINVAL,
			    "prog_load: programs cannot be bound to a device");
	if (!attr->prog_type || attr->prog_type >= __MAX_BPF_PROG_TYPE)
		return -EINVAL;
	if (check_name(attr->prog_name))
		return -EINVAL;
	memcpy(l->prog->name, attr->prog_name, sizeof(l->prog->name));
	if (attr->signature || attr->signature_size)
		return fail(call->hive->log, -EOPNOTSUPP,
			    "prog_load: signed programs are not supported");
	return 0;
}

/* Function and line info: records of the caller's size, of which we know the first part. */

/* A size that is none copies nothing: the verifier tells. *tail: 1 + the first record with more than zeros behind. */
static int copy_records(struct call *call, void **out, u64 from, u32 count, u32 given, u32 known,
			u32 *tail)
{
	u8 *all;
	int err;

	if (!count || given < known || given > MAX_REC_SIZE || given % 4)
		return 0;
	err = call_copy(call, (void **)&all, from, (size_t)count * given);
	if (err)
		return err;
	for (u32 i = 0; i < count && !*tail; i++)
		for (u32 j = known; j < given && !*tail; j++)
			*tail = all[(size_t)i * given + j] ? i + 1 : 0;
	for (u32 i = 0; i < count; i++)
		memmove(all + (size_t)i * known, all + (size_t)i * given, known);
	*out = all;
	return 0;
}

/*
 * Of more records than instructions one is wrong, and Linux says which: they rise, so as many as there are
 * instructions and one more are enough to see it.
 */
static int copy_info(struct load *l)
{
	struct call *call = l->call;
	const union bpf_attr *attr = &call->attr;
	struct prog *prog = l->prog;
	int err;

	if (!attr->func_info_cnt && !attr->line_info_cnt)
		return 0;
	err = btf_from_fd(call->hive, call->caller, (int)attr->prog_btf_fd, &prog->btf);
	if (err)
		return err;
	if (prog->btf->kernel)
		return -EACCES;
	prog->func_info_count = min(attr->func_info_cnt, attr->insn_cnt + 1);
	prog->line_info_count = min(attr->line_info_cnt, attr->insn_cnt + 1);
	err = copy_records(call, (void **)&prog->func_info, attr->func_info, prog->func_info_count,
			   attr->func_info_rec_size, sizeof(struct bpf_func_info),
			   &l->env.func_tail);
	return err ? err
		   : copy_records(call, (void **)&prog->line_info, attr->line_info,
				  prog->line_info_count, attr->line_info_rec_size,
				  sizeof(struct bpf_line_info), &l->env.line_tail);
}

/* What the verifier may ask. */

static int keep_map(struct load *l, struct map_object *map)
{
	for (u32 i = 0; i < l->map_count; i++)
		if (l->maps[i] == map) {
			object_put(&map->object);
			return 0;
		}
	if (l->map_count == l->map_room) {
		u32 room = l->map_room ? 2 * l->map_room : 8;
		struct map_object **wider = realloc(l->maps, room * sizeof(struct map_object *));

		if (!wider) {
			object_put(&map->object);
			return -ENOMEM;
		}
		l->maps = wider;
		l->map_room = room;
	}
	l->maps[l->map_count++] = map;
	return 0;
}

static int find_map(void *arg, s32 fd, bool index, const struct verify_map **out)
{
	struct load *l = arg;
	struct map_object *map;
	int err;

	if (index) {
		if (!l->call->attr.fd_array)
			return -EPROTO;
		if (call_read(l->call, &fd, l->call->attr.fd_array + 4ull * (u32)fd, sizeof(fd)))
			return -EFAULT;
	}
	err = map_from_fd(l->call->hive, l->call->caller, fd, &map, NULL);
	if (!err)
		err = keep_map(l, map);
	if (!err)
		*out = &map->view;
	return err;
}

static bool helper_runs(void *arg, u32 number)
{
	(void)arg;
	return number == BPF_FUNC_tail_call /* an engine's own */ || helper_body(number);
}

/* Opening the kernel's BTF takes milliseconds: only for programs that may look at it. */
static bool needs_kernel_btf(const struct load *l)
{
	const union bpf_attr *attr = &l->call->attr;

	if (takes_btf_id(attr->prog_type) || attr->attach_btf_id)
		return true;
	for (u32 i = 0; i < attr->insn_cnt; i++) {
		const struct bpf_insn *insn = &l->insns[i];
		const struct helper_proto *proto;

		if (insn->code == (BPF_LD | BPF_IMM | BPF_DW) && insn->src_reg == BPF_PSEUDO_BTF_ID)
			return true;
		if (insn->code != (BPF_JMP | BPF_CALL))
			continue;
		if (insn->src_reg == BPF_PSEUDO_KFUNC_CALL)
			return true;
		proto = insn->src_reg ? NULL : helper_any((u32)insn->imm);
		if (proto && proto->ret_btf)
			return true;
		for (int arg = 0; proto && arg < 5; arg++)
			if (proto->args[arg].btf)
				return true;
	}
	return false;
}

/* Verifying. */

static int open_log(struct load *l)
{
	const union bpf_attr *attr = &l->call->attr;

	if (!attr->log_buf != !attr->log_size || (attr->log_buf && !attr->log_level) ||
	    attr->log_level & ~(u32)LOG_LEVELS || attr->log_size > UINT32_MAX >> 2)
		return -EINVAL;
	l->env.log.level = attr->log_level;
	l->env.log.size = attr->log_size;
	if (attr->log_size)
		l->env.log.buf = malloc(attr->log_size);
	return attr->log_size && !l->env.log.buf ? -ENOMEM : 0;
}

/* The log and its true size back to the caller; what the load had returned, or why the log is not whole. */
static int close_log(struct load *l, int err)
{
	struct call *call = l->call;
	struct verify_log_opts *log = &l->env.log;

	if (call->size >= offsetof(union bpf_attr, log_true_size) + sizeof(u32) &&
	    call_put(call, log_true_size, log->true_size))
		return -EFAULT;
	if (log->buf &&
	    call_write(call, call->attr.log_buf, log->buf, min(log->true_size, log->size)))
		err = -EFAULT;
	free(log->buf);
	return err;
}

static int add_fd_array(struct load *l)
{
	const union bpf_attr *attr = &l->call->attr;

	if (attr->fd_array_cnt >= UINT32_MAX / sizeof(int))
		return -EINVAL;
	for (u32 i = 0; i < attr->fd_array_cnt; i++) {
		struct object *object;
		int fd, err;

		if (call_read(l->call, &fd, attr->fd_array + 4ull * i, sizeof(fd)))
			return -EFAULT;
		err = object_any_from_fd(l->call->hive, l->call->caller, fd, &object, NULL);
		if (!err && object->kind == OBJECT_MAP) {
			err = keep_map(l, to_map(object));
		} else if (!err) {
			err = object->kind == OBJECT_BTF ? 0 : -EINVAL;
			object_put(object);
		}
		if (err)
			return err;
	}
	return 0;
}

static int run_verifier(struct load *l)
{
	const union bpf_attr *attr = &l->call->attr;
	struct prog *prog = l->prog;

	l->env.insns = l->insns;
	l->env.insn_count = l->call->attr.insn_cnt;
	l->env.prog_type = prog->type;
	l->env.expected_attach_type = prog->attach_type;
	l->env.prog_flags = prog->flags;
	l->env.gpl_compatible = prog->gpl;
	l->env.nr_cpus = l->call->hive->nr_cpus;
	l->env.btf = prog->btf ? prog->btf->btf : NULL;
	l->env.vmlinux_btf = needs_kernel_btf(l) ? hive_vmlinux(l->call->hive) : NULL;
	l->env.attach_btf_id = prog->attach_btf_id;
	l->env.func_info = prog->func_info;
	l->env.func_info_count = prog->func_info_count;
	l->env.line_info = prog->line_info;
	l->env.line_info_count = prog->line_info_count;
	l->env.func_size = attr->func_info_rec_size;
	l->env.line_size = attr->line_info_rec_size;
	l->env.profile = l->call->judge ? VERIFY_LINUX : VERIFY_SKEP;
	l->env.arg = l;
	l->env.map = find_map;
	l->env.helper_runs = helper_runs;
	return verify_prog(&l->env, &l->result);
}

static int verify(struct load *l)
{
	int err = open_log(l);

	if (err)
		return err;
	err = add_fd_array(l);
	if (!err)
		err = copy_info(l);
	if (!err)
		err = run_verifier(l);
	return close_log(l, err);
}

/* Taking over what the verifier left. */

static void take_info(struct prog *prog, struct verify_result *result)
{
	prog->xlated = result->xlated;
	prog->xlated_count = result->xlated_count;
	prog->subprogs = result->subprogs;
	prog->subprog_count = result->subprog_count;
	prog->verified = result->processed;
	prog->max_ctx_offset = result->max_ctx_offset;
	prog->max_rdonly_access = result->max_rdonly_access;
	prog->max_rdwr_access = result->max_rdwr_access;
	if (result->line_info) {
		free(prog->line_info);
		prog->line_info = result->line_info;
		prog->line_info_count = result->line_info_count;
	}
	for (u32 i = 0; i < prog->func_info_count && i < result->subprog_count; i++)
		prog->func_info[i].insn_off = result->subprogs[i].start;
	result->xlated = NULL;
	result->subprogs = NULL;
	result->line_info = NULL;
}

/* The program refers to the maps it uses; a prog_array among them must hold programs of its kind. */
static int take_maps(struct load *l)
{
	struct prog *prog = l->prog;

	prog->maps = l->maps;
	prog->map_count = l->map_count;
	l->maps = NULL;
	l->map_count = 0;
	for (u32 i = 0; i < prog->map_count; i++) {
		if (prog->maps[i]->map->spec.type != BPF_MAP_TYPE_PROG_ARRAY)
			continue;
		prog->tail_calls = true;
		if (map_admit_prog(prog->maps[i], prog))
			return -EINVAL;
	}
	return 0;
}

/* Once: that a program runs, but slower than its user may think. (Its info says so as Linux's: there is no jited image.) */
static void tell_interpreted(struct hive *hive, const struct prog *prog)
{
	u32 len;

	if (hive->engine != ENGINE_AUTO || code_image(prog->code, &len) ||
	    __atomic_exchange_n(&hive->told_interpreted, 1, __ATOMIC_RELAXED))
		return;
	say(hive->log,
	    "note: program %s is interpreted: no memory for machine code can be had here\n",
	    prog->name);
}

static int make_code(struct load *l)
{
	struct hive *hive = l->call->hive;
	struct prog *prog = l->prog;
	struct code_subprog *subprogs = calloc(max(prog->subprog_count, 1u), sizeof(*subprogs));
	struct code_spec spec = {
		.insns = prog->xlated,
		.count = prog->xlated_count,
		.subprogs = subprogs,
		.subprog_count = prog->subprog_count,
		.engine = hive->engine,
		.helper = helper_body,
		.beliefs = l->result->beliefs,
	};
	bool judged;
	int err;

	if (!subprogs)
		return -ENOMEM;
	for (u32 i = 0; i < prog->subprog_count; i++)
		subprogs[i] = (struct code_subprog){ prog->subprogs[i].start,
						     prog->subprogs[i].stack_depth };
	l->result->beliefs = NULL;
	judged = spec.beliefs != NULL; /* those are interpreted anyway */
	err = code_new(&prog->code, &spec, hive->log);
	free(subprogs);
	if (!err && !judged)
		tell_interpreted(hive, prog);
	return err;
}

int prog_tag(u8 tag[BPF_TAG_SIZE], const struct bpf_insn *insns, u32 count)
{
	size_t size = (size_t)count * sizeof(struct bpf_insn);
	struct bpf_insn *copy = malloc(size);
	bool second = false;
	u8 digest[32];

	if (!copy)
		return -ENOMEM;
	memcpy(copy, insns, size);
	for (u32 i = 0; i < count; i++) {
		struct bpf_insn *insn = &copy[i];
		bool map = insn->code == (BPF_LD | BPF_IMM | BPF_DW) &&
			   (insn->src_reg == BPF_PSEUDO_MAP_FD ||
			    insn->src_reg == BPF_PSEUDO_MAP_VALUE);

		if (second && !insn->code && !insn->dst_reg && !insn->src_reg && !insn->off)
			insn->imm = 0;
		if (!second && map)
			insn->imm = 0;
		second = !second && map;
	}
	sha256(digest, copy, size);
	memcpy(tag, digest, BPF_TAG_SIZE);
	free(copy);
	return 0;
}

static int publish(struct load *l)
{
	struct prog *prog = l->prog;
	struct timespec now;
	int err = prog_tag(prog->tag, l->insns, l->call->attr.insn_cnt);

	if (err)
		return err;
	prog->stats = aligned_alloc(64, l->call->hive->nr_cpus * sizeof(*prog->stats));
	if (!prog->stats)
		return -ENOMEM;
	memset(prog->stats, 0, l->call->hive->nr_cpus * sizeof(*prog->stats));
	clock_gettime(CLOCK_BOOTTIME, &now);
	prog->load_time = (u64)now.tv_sec * 1000000000 + (u64)now.tv_nsec;
	prog->uid = l->call->caller->uid;
	err = object_publish(&prog->object);
	return err ? err : object_install(&prog->object, l->call->caller, O_RDWR);
}

static int finish(struct load *l)
{
	struct prog *prog = l->prog;
	int err;

	take_info(prog, l->result);
	err = make_code(l);
	if (!err)
		err = take_maps(l);
	return err ? err : publish(l);
}

/* Judged, never run: what the caller gets is a program object without code, if anything. */
static int judge(struct load *l, int err)
{
	const struct core_judge *judge = l->call->judge;
	enum judged how = judge->judge(judge->arg, &l->call->attr, &l->env, l->result, err);

	if (how == JUDGED || (how == JUDGED_FD_IF_GOOD && err))
		return err;
	return l->insns ? publish(l) : err;
}

/* About what a program takes, in all its forms. */
enum { PROG_ITSELF = 16384, PROG_INSN = 96 };

int cmd_prog_load(struct call *call)
{
	struct load l = { .call = call };
	int err;

	l.prog = calloc(1, sizeof(*l.prog));
	if (!l.prog)
		return -ENOMEM;
	object_init(&l.prog->object, call->hive, OBJECT_PROG, &prog_object_ops);
	pthread_mutex_init(&l.prog->maps_lock, NULL);
	err = check_attr(&l);
	if (!err)
		err = object_charge(&l.prog->object,
				    PROG_ITSELF + (u64)call->attr.insn_cnt * PROG_INSN);
	if (!err)
		err = copy_program(&l);
	if (!err)
		err = verify(&l);
	if (call->judge)
		err = judge(&l, err);
	else if (!err)
		err = finish(&l);
	else if (call->hive->observer && l.result)
		call->hive->observer->judge(call->hive->observer->arg, &call->attr, &l.env,
					    l.result, err);
	verify_free(l.result);
	for (u32 i = 0; i < l.map_count; i++)
		put_map(l.maps[i]);
	free(l.maps);
	free(l.insns);
	put_prog(l.prog);
	return err;
}

int prog_from_fd(struct hive *hive, struct caller *caller, int fd, struct prog **out)
{
	struct object *object;
	int err = object_from_fd(hive, caller, fd, OBJECT_PROG, &object, NULL);

	if (!err)
		*out = to_prog(object);
	return err;
}

int cmd_prog_bind_map(struct call *call)
{
	const union bpf_attr *attr = &call->attr;
	struct map_object *map, **wider;
	struct prog *prog;
	int err;

	if (attr->prog_bind_map.flags)
		return -EINVAL;
	err = prog_from_fd(call->hive, call->caller, (int)attr->prog_bind_map.prog_fd, &prog);
	if (err)
		return err;
	err = map_from_fd(call->hive, call->caller, (int)attr->prog_bind_map.map_fd, &map, NULL);
	if (err)
		goto out_prog;
	pthread_mutex_lock(&prog->maps_lock);
	for (u32 i = 0; i < prog->map_count; i++)
		if (prog->maps[i] == map) {
			object_put(&map->object);
			goto out_unlock;
		}
	wider = realloc(prog->maps, (prog->map_count + 1) * sizeof(struct map_object *));
	if (wider) {
		prog->maps = wider;
		prog->maps[prog->map_count++] = map;
	} else {
		object_put(&map->object);
		err = -ENOMEM;
	}
out_unlock:
	pthread_mutex_unlock(&prog->maps_lock);
out_prog:
	object_put(&prog->object);
	return err;
}
