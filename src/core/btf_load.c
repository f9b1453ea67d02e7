/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF_BTF_LOAD, and the BTF objects of a hive. Id 1 is the kernel's own BTF, as on Linux, where that
 * can be read; it is made when ids are first asked for.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/command.h"
#include "core/objects.h"

enum { BTF_MAX = 16 << 20, LOG_LEVELS = 15 }; /* BTF_MAX_SIZE, BPF_LOG_MASK */

static void btf_release(struct object *object)
{
	struct btf_object *btf = to_btf(object);

	if (!btf->kernel)
		btf_free(btf->btf);
	free(btf);
}

static const struct object_ops btf_object_ops = { .release = btf_release };

static int btf_object_new(struct btf_object **out, struct hive *hive)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	object_init(&(*out)->object, hive, OBJECT_BTF, &btf_object_ops);
	return 0;
}

/* The log: kept whole up to the caller's size, the rest counted. */
struct btf_log {
	char *text;
	u32 size, len;
};

static void btf_log_write(void *arg, const char *text, size_t len)
{
	struct btf_log *log = arg;
	size_t fits = log->len + 1 < log->size ? min(len, (size_t)(log->size - 1 - log->len)) : 0;

	memcpy(log->text + min(log->len, log->size), text, fits);
	log->len += (u32)min(len, (size_t)(UINT32_MAX / 2 - log->len));
}

/* About what BTF takes with all that is made of it. */
enum { BTF_ITSELF = 8192, BTF_TIMES = 3 };

static int load(struct call *call, struct btf_object *btf, struct btf_log *log)
{
	struct log sink = { .write = btf_log_write, .arg = log };
	void *bytes;
	int err;

	err = object_charge(&btf->object, BTF_ITSELF + BTF_TIMES * (u64)call->attr.btf_size);
	if (err)
		return err;
	err = call_copy(call, &bytes, call->attr.btf, call->attr.btf_size);
	if (err)
		return err;
	err = btf_new(&btf->btf, bytes, call->attr.btf_size, NULL,
		      call->attr.btf_log_level ? &sink : NULL);
	free(bytes);
	return err;
}

/* Log and true size to the caller: what the load had returned, or -ENOSPC, -EFAULT. */
static int close_log(struct call *call, struct btf_log *log, int err)
{
	u32 need = log->len ? log->len + 1 : 0;

	if (call->size >= offsetof(union bpf_attr, btf_log_true_size) + sizeof(u32) &&
	    call_put(call, btf_log_true_size, need))
		return -EFAULT;
	if (!log->size || !call->attr.btf_log_level)
		return err;
	if (log->len) {
		log->text[min(log->len, log->size - 1)] = 0;
		if (call_write(call, call->attr.btf_log_buf, log->text, min(need, log->size)))
			return -EFAULT;
	}
	return need > log->size ? -ENOSPC : err;
}

int cmd_btf_load(struct call *call)
{
	const union bpf_attr *attr = &call->attr;
	struct btf_log log = { .size = attr->btf_log_size };
	struct btf_object *btf;
	struct fd_key key;
	int err;

	if (attr->btf_flags & ~(u32)BPF_F_TOKEN_FD)
		return -EINVAL;
	if (attr->btf_flags) {
		err = call->caller->ops->identify(call->caller, attr->btf_token_fd, &key);
		return err ? err : -EINVAL;
	}
	if (attr->btf_size > BTF_MAX)
		return -E2BIG;
	if (!attr->btf_log_buf != !attr->btf_log_size ||
	    (attr->btf_log_buf && !attr->btf_log_level) || attr->btf_log_level & ~(u32)LOG_LEVELS ||
	    attr->btf_log_size > UINT32_MAX >> 2)
		return -EINVAL;
	err = btf_object_new(&btf, call->hive);
	if (err)
		return err;
	log.text = malloc(max(log.size, 1u));
	err = log.text ? load(call, btf, &log) : -ENOMEM;
	if (log.text)
		err = close_log(call, &log, err);
	free(log.text);
	if (!err) {
		btf_ensure_kernel(call->hive);
		err = object_publish(&btf->object);
	}
	if (!err)
		err = object_install(&btf->object, call->caller, O_RDWR);
	put_btf(btf);
	return err;
}

int btf_from_fd(struct hive *hive, struct caller *caller, int fd, struct btf_object **out)
{
	struct object *object;
	int err = object_from_fd(hive, caller, fd, OBJECT_BTF, &object, NULL);

	if (!err)
		*out = to_btf(object);
	return err;
}

/* Takes id 1 before any other BTF gets an id; the file itself is opened when somebody wants it. */
void btf_ensure_kernel(struct hive *hive)
{
	struct btf_object *btf;

	pthread_mutex_lock(&hive->btf_lock);
	if (!hive->vmlinux_object && !access(hive->btf_path, R_OK) && !btf_object_new(&btf, hive)) {
		btf->kernel = true;
		if (object_publish(&btf->object))
			put_btf(btf);
		else
			hive->vmlinux_object = &btf->object;
	}
	pthread_mutex_unlock(&hive->btf_lock);
}

int btf_kernel_object(struct hive *hive, struct btf_object **out)
{
	btf_ensure_kernel(hive);
	if (!hive->vmlinux_object || !hive_vmlinux(hive))
		return -ENOENT;
	*out = to_btf(hive->vmlinux_object);
	(*out)->btf = hive->vmlinux;
	object_get(hive->vmlinux_object);
	return 0;
}
