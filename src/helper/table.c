/* SPDX-License-Identifier: BSD-2-Clause */
/* Number to body. */
#include "helper/helper.h"

#include "helper/body.h"

helper_fn helper_body(u32 number)
{
	static const helper_fn bodies[] = {
#define BODY(name) [BPF_FUNC_##name] = helper_##name,
#include "helper/bodies.def"
#undef BODY
	};

	return number < ARRAY_SIZE(bodies) ? bodies[number] : NULL;
}
