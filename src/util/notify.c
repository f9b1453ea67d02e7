/* SPDX-License-Identifier: BSD-2-Clause */
/* An eventfd, a futex and a thread that sleeps unless buffers are busy. */
#include "util/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
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
	*notify = (struct notify){ .pipe = -1, .ready = ready, .arg = arg };
	notify->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return notify->fd < 0 ? -errno : 0;
}

/* A full pipe is readable already. */
static void put_byte(int pipe)
{
	if (pipe >= 0 && write(pipe, "", 1) < 0)
		return;
}

void notify_now(struct notify *notify)
{
	u64 one = 1;

	__atomic_store_n(&notify->told, 1, __ATOMIC_SEQ_CST);
	put_byte(__atomic_load_n(&notify->pipe, __ATOMIC_ACQUIRE));
	/* So is a full counter. */
	if (write(notify->fd, &one, sizeof(one)) < 0)
		return;
}

static void tell(struct notify *notify)
{
	lock_take(&notify->lock);
	if (notify->ready(notify->arg))
		notify_now(notify);
	lock_drop(&notify->lock);
}

static void *serve(void *arg)
{
	const struct timespec tick = { 0, TICK_NS };
	struct notify *notify = arg;

	while (!__atomic_load_n(&notify->stop, __ATOMIC_ACQUIRE)) {
		if (__atomic_exchange_n(&notify->asked, 0, __ATOMIC_SEQ_CST)) {
			tell(notify);
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

/* Caller holds the lock. */
static int start_once(struct notify *notify)
{
	int err = notify->watched ? 0 : start(notify);

	__atomic_store_n(&notify->watched, !err, __ATOMIC_SEQ_CST);
	return err;
}

int notify_pipe(struct notify *notify, int pipe)
{
	int copy = -1, err;

	lock_take(&notify->lock);
	err = start_once(notify);
	if (!err && notify->pipe < 0) {
		copy = fcntl(pipe, F_DUPFD_CLOEXEC, 0);
		err = copy < 0 ? -errno : 0;
		__atomic_store_n(&notify->told, notify->ready(notify->arg), __ATOMIC_SEQ_CST);
		__atomic_store_n(&notify->pipe, copy, __ATOMIC_RELEASE);
	}
	lock_drop(&notify->lock);
	return err;
}

static bool is_due(struct notify *notify)
{
	bool ready = notify->ready(notify->arg);

	if (!ready)
		__atomic_store_n(&notify->told, 0, __ATOMIC_SEQ_CST);
	return ready && (!notify->by_asking || __atomic_load_n(&notify->told, __ATOMIC_SEQ_CST));
}

static void drain(int pipe)
{
	char bytes[4096];

	while (read(pipe, bytes, sizeof(bytes)) == sizeof(bytes))
		;
}

/*
 * Emptied before the buffer is looked at for the last time: what comes after that look is told of by
 * the thread, after the emptying. What the thread saw before, it has told before, by the lock.
 */
void notify_level(struct notify *notify)
{
	int held = 0;

	lock_take(&notify->lock);
	if (!is_due(notify))
		drain(notify->pipe);
	if (is_due(notify) && !ioctl(notify->pipe, FIONREAD, &held) && !held)
		put_byte(notify->pipe);
	lock_drop(&notify->lock);
}

int notify_fd(struct notify *notify)
{
	int err;

	lock_take(&notify->lock);
	err = start_once(notify);
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
	if (notify->pipe >= 0)
		close(notify->pipe);
}
