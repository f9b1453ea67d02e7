/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For LD_PRELOAD: a program that calls bpf(2) through libc's syscall(), as libbpf does, is answered by
 * skep in its own process. An epoll on a map's fd, which Linux refuses for what it is here, seems to succeed.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "skep.h"

static struct skep *skep;

static int answer(int cmd, void *attr, unsigned int size)
{
	int got = skep ? 0 : skep_new(&skep, NULL);

	if (!got)
		got = skep_bpf(skep, cmd, attr, size);
	if (got >= 0)
		return got;
	errno = -got;
	return -1;
}

__attribute__((visibility("default"))) long syscall(long number, ...)
{
	long (*real)(long, ...), a[6];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (number == SYS_bpf)
		return answer((int)a[0], (void *)a[1], (unsigned int)a[2]);
	*(void **)&real = dlsym(RTLD_NEXT, "syscall");
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

__attribute__((visibility("default"))) int epoll_ctl(int epoll, int op, int fd,
						     struct epoll_event *event)
{
	int (*real)(int, int, int, struct epoll_event *), got;

	*(void **)&real = dlsym(RTLD_NEXT, "epoll_ctl");
	got = real(epoll, op, fd, event);
	return got && errno == EPERM ? 0 : got;
}

__attribute__((destructor)) static void end(void)
{
	skep_free(skep);
}
