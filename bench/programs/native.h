/* SPDX-License-Identifier: BSD-2-Clause */
/* Added after a program when it is compiled natively: how the harness finds it in the shared object. */
#define EXPORT __attribute__((visibility("default")))
EXPORT u64 native_run(void) { return program(0); }
EXPORT void *native_data(unsigned *size)
{
	*size = sizeof(data);
	return &data;
}
