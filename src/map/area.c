/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory of maps: mmap without reservation, or a size-sealed memfd that clients may map too. */
#include "map/area.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096 };

/* Rounds up to pages; -ENOMEM for what the machine could never hold. */
static int whole_pages(u64 len, u64 *out)
{
	u64 pages = len / PAGE + !!(len % PAGE);

	if (pages > (u64)sysconf(_SC_PHYS_PAGES))
		return -ENOMEM;
	*out = pages * PAGE;
	return 0;
}

int area_new(struct area *area, u64 len)
{
	int err = whole_pages(len, &area->len);

	area->mem = NULL;
	if (err)
		return err;
	area->mem = mmap(NULL, area->len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (area->mem == MAP_FAILED) {
		area->mem = NULL;
		return -ENOMEM;
	}
	return 0;
}

int area_new_shared(struct area *area, u64 len)
{
	int err = whole_pages(len, &area->len), fd;

	area->mem = NULL;
	if (err)
		return err;
	fd = memfd_create("bpf-map", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)area->len) || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW))
		goto fail;
	area->mem = mmap(NULL, area->len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (area->mem != MAP_FAILED)
		return fd;
	area->mem = NULL;
fail:
	err = -errno;
	close(fd);
	return err;
}

void area_free(struct area *area)
{
	if (area->mem)
		munmap(area->mem, area->len);
	area->mem = NULL;
}
