/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf_timer: the timers of a hive and the thread they fire on. A struct bpf_timer in a map value holds
 * the number of its timer here, which in turn knows the value: the number alone is never believed.
 */
#ifndef HELPER_TIMERS_H
#define HELPER_TIMERS_H

#include "def/run.h"

struct timers;

/* What timers need from above: programs. prog is run->prog of the run that set the callback. */
struct timers_ops {
	void (*hold)(void *prog);
	void (*put)(void *prog);
	/* Calls callback(map, key, value) of the program on some slot, once timers_begin() has said that it may: what
	 * comes before that (waiting for the slot) nobody who cancels the timer waits for. From the timers' thread. */
	void (*fire)(void *arg, void *prog, u64 callback, struct map *map, void *key, void *value);
};

int timers_new(struct timers **out, const struct timers_ops *ops, void *arg); /* 0, -ENOMEM */
/* Ends the thread and gives all programs back; nothing fires any more. Requires that no program runs. */
void timers_stop(struct timers *timers);
void timers_free(struct timers *timers); /* after timers_stop() */

/* For fire(): false where the timer was cancelled meanwhile, and its callback must not run. */
bool timers_begin(struct timers *timers);

/* A value (its bpf_timer zeroed), or all values of a map, are going: cancels and forgets their timers. Does not wait
 * for a callback that runs now, which holds its program, which holds the map. */
void timers_drop_value(struct timers *timers, struct map *map, void *value);
void timers_drop_map(struct timers *timers, struct map *map);

#endif
