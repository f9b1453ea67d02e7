/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nearest names by edit distance (insert, delete, replace cost 1), at most a third of the name
 * away; a name that contains the wanted one, or is contained in it, counts as near.
 */
#include "event/names.h"

#include <string.h>

enum { LONGEST = 64, SUGGESTIONS = 3 };

static u32 distance(const char *a, const char *b)
{
	u32 row[LONGEST + 1], len = (u32)strlen(b);

	if (len > LONGEST)
		return ~0u;
	for (u32 j = 0; j <= len; j++)
		row[j] = j;
	for (u32 i = 1; a[i - 1]; i++) {
		u32 diagonal = row[0];

		row[0] = i;
		for (u32 j = 1; j <= len; j++) {
			u32 replace = diagonal + (a[i - 1] != b[j - 1]),
			    edge = min(row[j], row[j - 1]) + 1;

			diagonal = row[j];
			row[j] = min(replace, edge);
		}
	}
	return row[len];
}

/* Lower is nearer; ~0 is not near at all. */
static u32 rank(const char *name, const char *candidate)
{
	u32 away = distance(name, candidate), len = (u32)strlen(name);

	if (away <= (len + 2) / 3)
		return away;
	if (len >= 3 && strlen(candidate) >= 3 &&
	    (strstr(candidate, name) || strstr(name, candidate)))
		return LONGEST + away;
	return ~0u;
}

void names_suggest(struct log *log, const char *name, const char *prefix, const char *const *names,
		   size_t count)
{
	const char *best[SUGGESTIONS] = { NULL };
	u32 ranks[SUGGESTIONS] = { ~0u, ~0u, ~0u };

	for (size_t i = 0; i < count; i++) {
		u32 r = names[i] ? rank(name, names[i]) : ~0u;
		int at = SUGGESTIONS;

		while (at && r < ranks[at - 1])
			at--;
		for (int j = SUGGESTIONS - 1; j > at; j--)
			best[j] = best[j - 1], ranks[j] = ranks[j - 1];
		if (at < SUGGESTIONS)
			best[at] = names[i], ranks[at] = r;
	}
	for (int i = 0; i < SUGGESTIONS && best[i]; i++)
		say(log, "%s%s%s", i ? ", " : "; nearest: ", prefix, best[i]);
}
