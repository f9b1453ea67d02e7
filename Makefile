# SPDX-License-Identifier: BSD-2-Clause
# Plain GNU make. Everything lands in $(B); `make help` lists the targets.

SAN     ?=
ORACLE  ?=
comma   := ,
B       ?= build$(if $(ORACLE),-oracle)$(if $(SAN),-$(subst $(comma),-,$(SAN)))
ifeq ($(origin CC),default)
CC      := gcc
endif
VERSION := 0.1.0
SOVERSION := 0
WERROR  ?=
Q       := $(if $(V),,@)
PREFIX  ?= /usr/local
JOBS    ?= 2

# What is missing is installed before anything else is looked at; a few milliseconds when nothing is.
GOALS   := $(or $(MAKECMDGOALS),all)
ifneq ($(filter-out clean help format uninstall check-fresh,$(GOALS)),)
ifneq ($(shell ./bootstrap $(if $(filter check thread-tests bench,$(GOALS)),test,build) >&2; echo $$?),0)
$(error something that skep needs is missing; see above)
endif
endif

OPT     ?= -O2
CFLAGS  ?= -g $(OPT)
SKEP_CFLAGS := -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wstrict-prototypes $(if $(WERROR),-Werror) \
	-fvisibility=hidden -fPIC -fno-strict-aliasing -pthread -Isrc -Iinclude -DSKEP_VERSION='"$(VERSION)"' \
	$(if $(ORACLE),-DSKEP_ORACLE) $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
LDFLAGS += -pthread $(if $(SAN),-fsanitize=$(SAN))
LDLIBS  := -lelf -lz -lcapstone -ljansson -ldl -lm

BCC_SRC := $(wildcard src/libbcc/*.c)
LIB_SRC := $(filter-out $(BCC_SRC),$(wildcard src/*/*.c))
LIB_OBJ := $(LIB_SRC:%.c=$(B)/obj/%.o)
CLI_SRC := $(wildcard cli/*.c)
CLI_OBJ := $(CLI_SRC:%.c=$(B)/obj/%.o)
UNIT    := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/*.c tests/api/*.c tests/bpf/*.c))

.DEFAULT_GOAL := all
.PHONY: all unit demo check bench install uninstall format check-fresh clean help FORCE
all: $(B)/libskep.a $(B)/libskep.so $(if $(CLI_SRC),$(B)/skep) $(B)/lib/libbcc.so.0   ## the library and the command (the default)

# Objects are remade when the compiler or its flags change: this file changes then, and only then.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(CC) $(CFLAGS) $(filter-out -Werror,$(SKEP_CFLAGS)) $(LDFLAGS))' > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC    $@")
	$(Q)$(CC) $(CFLAGS) $(SKEP_CFLAGS) -MMD -MP -c $< -o $@

# libbpf is ours alone: a copy of the distribution's archive with its system calls renamed to src/load/seam.c's,
# linked into one object with src/load, of which only src/load's own names stay visible. So it does not meet
# another libbpf in the program that embeds us.
OBJCOPY  ?= objcopy
LIBBPF_A ?= $(shell $(CC) -print-file-name=libbpf.a)
LOAD_OBJ := $(filter $(B)/obj/src/load/%,$(LIB_OBJ))
LIB_OBJ  := $(filter-out $(LOAD_OBJ),$(LIB_OBJ)) $(if $(LOAD_OBJ),$(B)/obj/load.o)

$(B)/obj/src/bcc/header.o: include/skep/bcc.h include/skep/helpers.h include/skep/kernel.h include/skep/maps.h include/skep/proto.h

$(B)/obj/libbpf.a: $(LIBBPF_A) src/load/seam.syms
	@mkdir -p $(@D)
	$(Q)$(OBJCOPY) --redefine-syms=src/load/seam.syms $< $@

$(B)/obj/load.o: $(LOAD_OBJ) $(B)/obj/libbpf.a
	$(Q)$(LD) -r -o $@.all $(LOAD_OBJ) --whole-archive $(B)/obj/libbpf.a
	$(Q)nm -g --defined-only --format=posix $(LOAD_OBJ) | sed -n 's/^\([^ :]*\) [A-Z] .*/\1/p' > $@.keep
	$(Q)$(OBJCOPY) --keep-global-symbols=$@.keep $@.all $@
	@rm -f $@.all $@.keep

$(B)/libskep.a: $(LIB_OBJ)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

# Only what src/skep.map names is visible, and only as that version of it.
$(B)/libskep.so: $(LIB_OBJ) src/skep.map
	$(if $(V),,@echo "  LD    $@")
	$(Q)$(CC) $(CFLAGS) -shared -Wl,-soname,libskep.so.$(SOVERSION) -Wl,--version-script=src/skep.map \
		$(if $(SAN),,-Wl,--no-undefined) $(LDFLAGS) -o $@.$(SOVERSION) $(LIB_OBJ) $(LDLIBS)
	@ln -sf $(@F).$(SOVERSION) $@

$(B)/skep: $(CLI_OBJ) $(B)/libskep.a
	$(if $(V),,@echo "  LD    $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# The library under Python's bcc: a client that loads with the distribution's libbpf as it is, and takes the compiler's side
# of libskep. Only what src/libbcc/libbcc.map names is visible. (Not for sanitizers: Python would have to be built with them.)
BCC_OBJ := $(BCC_SRC:%.c=$(B)/obj/%.o) $(patsubst %,$(B)/obj/src/%.o,bcc/dialect bcc/edit bcc/packet bcc/share bcc/token bcc/tracepoint bcc/header bcc/reads \
	load/compile load/cache load/clang load/vmlinux load/assemble load/unprobed load/records \
	event/names util/log util/sha256 isa/asm isa/read isa/insn def/helper)
$(B)/lib/libbpf.a: $(LIBBPF_A) Makefile # the archive is not made for shared objects: one symbol of the C library has to be ours
	@mkdir -p $(@D)
	$(Q)$(OBJCOPY) --redefine-sym stderr=libbcc_stderr --redefine-sym syscall=libbcc_syscall $< $@
$(B)/lib/libbcc.so.0: $(BCC_OBJ) src/libbcc/libbcc.map $(B)/lib/libbpf.a
	$(if $(V),,@echo "  LD    $@")
	$(Q)$(CC) $(CFLAGS) -shared -Wl,-soname,$(@F) -Wl,--version-script=src/libbcc/libbcc.map -Wl,--gc-sections \
		$(if $(SAN),,-Wl,--no-undefined) $(LDFLAGS) -o $@ $(BCC_OBJ) $(B)/lib/libbpf.a -lelf -lz

# A test is one C file that prints TAP (tests/tap.h); a folder's runner.c is what its *.test files are given to.
$(B)/tests/%: tests/%.c $(B)/libskep.a $(B)/flags
	@mkdir -p $(@D)
	$(if $(V),,@echo "  TEST  $@")
	$(Q)$(CC) $(CFLAGS) $(SKEP_CFLAGS) -Itests -MMD -MP $(LDFLAGS) -o $@ $< $(B)/libskep.a $(LDLIBS)
RUNNERS := $(patsubst %.c,$(B)/%,$(wildcard tests/*/runner.c))

# The engines' test runner once more for arm64, static, to run under qemu-aarch64: where there is a cross compiler.
ARM64_CC  ?= aarch64-linux-gnu-gcc
ARM64_SRC := $(wildcard src/util/log.c src/isa/*.c src/def/*.c src/jit/*.c src/vm/*.c)
ifneq ($(shell command -v $(ARM64_CC)),)
RUNNERS += $(B)/tests/insn/runner.arm64
endif
$(B)/tests/insn/runner.arm64: tests/insn/runner.c $(ARM64_SRC) $(wildcard src/*/*.h)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  ARM64 $@")
	$(Q)$(ARM64_CC) -DENGINES_ONLY -O2 -g -static $(filter-out -fsanitize% -DSKEP_ORACLE,$(SKEP_CFLAGS)) -Itests -o $@ $< $(ARM64_SRC)
unit: $(UNIT) $(RUNNERS) $(if $(ORACLE),$(B)/fuzz/oracle)   ## the tests that are C programs

demo: all   ## three eBPF programs on live events
	@SKEP=$(abspath $(B))/skep CC='$(CC)' examples/demo.sh

# TESTS=… runs some of them: C tests as $(B)/tests/unit/x, scripts and data as they lie in tests/.
SCRIPTS := $(sort $(wildcard tests/*/*.t tests/*.sh tests/*/*.test))
TESTS   ?= $(UNIT) $(SCRIPTS)
check: all unit   ## every test, as root and without privilege; SAN=address,undefined, SAN=thread or ORACLE=1
	@SKEP=$(abspath $(B))/skep B=$(B) CC='$(CC)' SAN='$(SAN)' prove -j $(JOBS) --exec tests/exec $(TESTS)

# What has threads, for SAN=thread: names with these words, and everything that goes through bpf(2).
.PHONY: thread-tests
thread-tests:
	@echo $(filter $(B)/tests/bpf/% $(B)/tests/api/%,$(UNIT)) \
		$(foreach w,epoch thread stress ring hash hold cycle timers,$(foreach t,$(filter $(B)/tests/unit/%,$(UNIT)),$(if $(findstring $(w),$t),$t)))

# What runs programs, for ORACLE=1, whose interpreter checks while they run what the verifier believed.
.PHONY: oracle-tests
oracle-tests:
	@echo $(filter $(B)/tests/bpf/% $(B)/tests/api/%,$(UNIT)) $(filter-out tests/clients/info.t,$(sort $(foreach d,verify insn bcc cli clients net,\
		$(wildcard tests/$d/*.t tests/$d/*.test))))	# info.t is about machine code

BENCHES := $(patsubst %.c,$(B)/%,$(wildcard bench/*.c))
$(B)/bench/%: bench/%.c $(B)/libskep.a $(B)/flags
	@mkdir -p $(@D)
	$(if $(V),,@echo "  BENCH $@")
	$(Q)$(CC) $(CFLAGS) $(SKEP_CFLAGS) -Itests -MMD -MP $(LDFLAGS) -o $@ $< $(B)/libskep.a $(LDLIBS)
# A client of libbpf's: the archive's system calls go where the benchmark says.
$(B)/bench/ring: LDLIBS := $(LIBBPF_A) $(LDLIBS) -Wl,--wrap=syscall,--wrap=epoll_ctl
.PHONY: benches
benches: $(BENCHES)
bench: all benches   ## every figure, beside native code and the kernel where it may be asked
	@for b in $(BENCHES); do echo "== $$b"; SKEP=$(abspath $(B))/skep B=$(B) $$b || exit; done

FUZZERS := $(patsubst %.c,$(B)/%,$(wildcard fuzz/*.c))
SECONDS ?= 30
$(B)/fuzz/%: fuzz/%.c $(B)/libskep.a $(B)/flags
	@mkdir -p $(@D)
	$(if $(V),,@echo "  FUZZ  $@")
	$(Q)$(CC) $(CFLAGS) $(SKEP_CFLAGS) -Itests -MMD -MP $(LDFLAGS) -o $@ $< $(B)/libskep.a $(LDLIBS)
.PHONY: fuzz
fuzz: all $(FUZZERS)   ## every fuzzer for SECONDS (30); best with SAN=address,undefined
	@for f in $(FUZZERS); do $$f $(SECONDS) || exit; done

DEST := $(DESTDIR)$(PREFIX)
install: all   ## into PREFIX (/usr/local), below DESTDIR
	install -d $(DEST)/bin $(DEST)/lib/pkgconfig $(DEST)/lib/skep $(DEST)/include/skep $(DEST)/share/man/man1
	install $(B)/skep $(DEST)/bin/skep
	install -m 644 $(B)/libskep.a $(DEST)/lib/libskep.a
	install $(B)/libskep.so.$(SOVERSION) $(DEST)/lib/libskep.so.$(SOVERSION)
	ln -sf libskep.so.$(SOVERSION) $(DEST)/lib/libskep.so
	install $(B)/lib/libbcc.so.0 $(DEST)/lib/skep/libbcc.so.0
	install -m 644 include/skep.h $(DEST)/include/skep.h
	install -m 644 $(wildcard include/skep/*.h) $(DEST)/include/skep
	install -m 644 man/skep.1 $(DEST)/share/man/man1/skep.1
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|; s|@LIBS@|$(LDLIBS) -pthread|' src/skep.pc.in > $(DEST)/lib/pkgconfig/skep.pc

uninstall:   ## takes away what install put there
	rm -f $(DEST)/bin/skep $(DEST)/lib/libskep.* $(DEST)/include/skep.h $(DEST)/share/man/man1/skep.1 $(DEST)/lib/pkgconfig/skep.pc
	rm -rf $(DEST)/include/skep $(DEST)/lib/skep

format:   ## clang-format over the sources (tables keep their columns)
	clang-format -i $(filter-out src/def/uapi.h,$(wildcard src/*/*.[ch] cli/*.[ch] include/*.h tests/*.h tests/*/*.[ch] bench/*.c fuzz/*.c))

.PHONY: docs
docs: $(B)/tests/unit/compatibility   ## the pages that are made from the tables
	$< print > docs/compatibility.md

check-fresh:   ## make demo and make check on a bare Debian 12 in a scratch folder (root, network)
	tests/fresh/run.sh

clean:   ## takes $(B) away
	rm -rf $(B)

help:   ## this list
	@sed -n 's/^\([a-z-]*\):[^=].*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

-include $(shell find $(B) -name '*.d' 2>/dev/null)
