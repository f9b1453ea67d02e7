/* SPDX-License-Identifier: BSD-2-Clause */
/* An eventfd, a futex and a thread that sleeps unless buffers are busy. */
#include "util/notify.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "util/lock.h"

enum { TICK_NS = 50000 };

static void futex_wait(u32 *word, u32 value, const struct timespec *timeout)
{
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, timeout, NULL, 0);
}

static void futex_wake(u32 *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

int notify_init(struct notify *notify, bool (*ready)(void *arg), void *arg)
{
	*notify = (struct notify){ .ready = ready, .arg = arg };
	notify->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return notify->fd < 0 ? -errno : 0;
}

void notify_now(struct notify *notify)
{
	u64 one = 1;

	/* A full counter is readable already. */
	if (write(notify->fd, &one, sizeof(one)) < 0)
		return;
}

static void *serve(void *arg)
{
	const struct timespec tick = { 0, TICK_NS };
	struct notify *notify = arg;

	while (!__atomic_load_n(&notify->stop, __ATOMIC_ACQUIRE)) {
		if (__atomic_exchange_n(&notify->asked, 0, __ATOMIC_SEQ_CST)) {
			if (notify->ready(notify->arg))
				notify_now(notify);
			futex_wait(&notify->stop, 0, &tick);
			continue;
		}
		__atomic_store_n(&notify->idle, 1, __ATOMIC_SEQ_CST);
		if (!__atomic_load_n(&notify->asked, __ATOMIC_SEQ_CST))
			futex_wait(&notify->asked, 0, NULL);
		__atomic_store_n(&notify->idle, 0, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

/* The thread takes no signals: they are the application's. */
static int start(struct notify *notify)
{
	sigset_t all, old;
	pthread_t thread;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&thread, NULL, serve, notify);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!err)
		notify->thread = thread;
	return -err;
}

int notify_fd(struct notify *notify)
{
	int err = 0;

	lock_take(&notify->lock);
	if (!notify->watched) {
		err = start(notify);
		__atomic_store_n(&notify->watched, !err, __ATOMIC_SEQ_CST);
	}
	lock_drop(&notify->lock);
	if (err)
		return err;
	if (notify->ready(notify->arg))
		notify_now(notify);
	return notify->fd;
}

void notify_ask(struct notify *notify)
{
	if (!__atomic_exchange_n(&notify->asked, 1, __ATOMIC_SEQ_CST) &&
	    __atomic_load_n(&notify->idle, __ATOMIC_SEQ_CST))
		futex_wake(&notify->asked);
}

void notify_end(struct notify *notify)
{
	if (notify->watched) {
		__atomic_store_n(&notify->stop, 1, __ATOMIC_SEQ_CST);
		__atomic_store_n(&notify->asked, 1, __ATOMIC_SEQ_CST);
		futex_wake(&notify->stop);
		futex_wake(&notify->asked);
		pthread_join(notify->thread, NULL);
	}
	close(notify->fd);
}
