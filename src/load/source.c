// SPDX-License-Identifier: BSD-2-Clause
/* Source files cut into lines; a file that cannot be read is remembered as one without lines. */
#include "load/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SOURCE_MAX = 16 << 20 };

struct source {
	struct source *next;
	char *path, *text; /* text: its line ends made NUL; NULL: unreadable */
	const char **line;
	u32 count;
};
struct texts {
	struct source *first;
};

struct texts *texts_new(void)
{
	return calloc(1, sizeof(struct texts));
}

void texts_free(struct texts *sources)
{
	for (struct source *s = sources->first, *next; s; s = next) {
		next = s->next;
		free(s->path);
		free(s->text);
		free(s->line);
		free(s);
	}
	free(sources);
}

static char *read_text(const char *path, size_t *len)
{
	FILE *file = fopen(path, "re");
	struct stat st;
	char *text = NULL;

	if (file && !fstat(fileno(file), &st) && S_ISREG(st.st_mode) && st.st_size <= SOURCE_MAX)
		text = malloc((size_t)st.st_size + 1);
	if (text)
		text[ *len = fread(text, 1, (size_t)st.st_size, file)] = 0;
	if (file)
		fclose(file);
	return text;
}

static void cut(struct source *s, size_t len)
{
	u32 room = 1;

	for (size_t i = 0; i < len; i++)
		room += s->text[i] == '\n';
	s->line = calloc(room, sizeof(*s->line));
	for (char *at = s->text; s->line && at < s->text + len;) {
		char *end = memchr(at, '\n', (size_t)(s->text + len - at));

		s->line[s->count++] = at;
		if (!end)
			break;
		*end = 0;
		if (end > at && end[-1] == '\r')
			end[-1] = 0;
		at = end + 1;
	}
}

static struct source *find(struct texts *sources, const char *path)
{
	struct source *s;
	size_t len = 0;

	for (s = sources->first; s; s = s->next)
		if (!strcmp(s->path, path))
			return s;
	s = calloc(1, sizeof(*s));
	if (!s || !(s->path = strdup(path))) {
		free(s);
		return NULL;
	}
	s->text = read_text(path, &len);
	if (s->text)
		cut(s, len);
	s->next = sources->first;
	sources->first = s;
	return s;
}

bool texts_have(struct texts *sources, const char *path)
{
	struct source *s = find(sources, path);

	return s && s->count;
}

const char *texts_line(struct texts *sources, const char *path, u32 number)
{
	struct source *s = find(sources, path);

	return s && number && number <= s->count ? s->line[number - 1] : "";
}
