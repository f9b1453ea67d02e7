# SPDX-License-Identifier: BSD-2-Clause
# Plain GNU make. Everything lands in $(B); `make help` lists the targets.

B       ?= build
CC      ?= gcc
VERSION := 0.1.0
SAN     ?=
WERROR  ?=
PREFIX  ?= /usr/local

OPT     ?= -O2
CFLAGS  ?= -g $(OPT)
SKEP_CFLAGS := -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wstrict-prototypes $(if $(WERROR),-Werror) \
	-fvisibility=hidden -fPIC -fno-strict-aliasing -pthread -Isrc -Iinclude -DSKEP_VERSION='"$(VERSION)"' \
	$(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
LDFLAGS += -pthread $(if $(SAN),-fsanitize=$(SAN))
LDLIBS  := -lpcap -lelf -lz -lcapstone -ljansson -ldl -lm

LIB_SRC := $(wildcard src/*/*.c)
LIB_OBJ := $(LIB_SRC:%.c=$(B)/obj/%.o)
CLI_SRC := $(wildcard cli/*.c)
CLI_OBJ := $(CLI_SRC:%.c=$(B)/obj/%.o)
UNIT    := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/*.c tests/api/*.c tests/bpf/*.c))

.DEFAULT_GOAL := all
.PHONY: all unit check clean
all: $(B)/libskep.a $(if $(CLI_SRC),$(B)/skep)

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(SKEP_CFLAGS) -MMD -MP -c $< -o $@

# libbpf is ours alone: a copy of the distribution's archive with its system calls renamed to src/load/seam.c's,
# linked into one object with src/load, of which only src/load's own names stay visible. So it does not meet
# another libbpf in the program that embeds us.
OBJCOPY  ?= objcopy
LIBBPF_A ?= $(shell $(CC) -print-file-name=libbpf.a)
LOAD_OBJ := $(filter $(B)/obj/src/load/%,$(LIB_OBJ))
LIB_OBJ  := $(filter-out $(LOAD_OBJ),$(LIB_OBJ)) $(if $(LOAD_OBJ),$(B)/obj/load.o)

$(B)/obj/libbpf.a: $(LIBBPF_A) src/load/seam.syms
	@mkdir -p $(@D)
	$(OBJCOPY) --redefine-syms=src/load/seam.syms $< $@

$(B)/obj/load.o: $(LOAD_OBJ) $(B)/obj/libbpf.a
	$(LD) -r -o $@.all $(LOAD_OBJ) --whole-archive $(B)/obj/libbpf.a
	nm -g --defined-only --format=posix $(LOAD_OBJ) | sed -n 's/^\([^ :]*\) [A-Z] .*/\1/p' > $@.keep
	$(OBJCOPY) --keep-global-symbols=$@.keep $@.all $@
	@rm -f $@.all $@.keep

$(B)/libskep.a: $(LIB_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(B)/skep: $(CLI_OBJ) $(B)/libskep.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# A test is one C file; it prints TAP (tests/tap.h).
$(B)/tests/%: tests/%.c $(B)/libskep.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(SKEP_CFLAGS) -Itests -MMD -MP $(LDFLAGS) -o $@ $< $(B)/libskep.a $(LDLIBS)
unit: $(UNIT)

check: all unit
	prove -e '' $(UNIT)

clean:
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
