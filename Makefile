# SPDX-License-Identifier: GPL-2.0-or-later
# parascope - `make help` lists the targets.  Everything built lies in .output/.

O      := .output
prefix ?= /usr/local
SHELL  := /bin/bash
export PATH := $(PATH):/usr/sbin:/sbin

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-8s %s\n'
endif

CC      ?= gcc
CLANG   ?= clang
BPFTOOL ?= bpftool
ARCH    := $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(shell uname -m)))

WARN    := -Wall -Wextra -Wshadow -Wformat=2 -Wvla -Wmissing-prototypes $(if $(WERROR)$(CI),-Werror)
HARDEN  := -fPIE -fstack-protector-strong -fstack-clash-protection -fcf-protection=full
LHARDEN := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code
ifeq ($(ARCH),arm64)
HARDEN  := $(filter-out -fcf-protection=full,$(HARDEN))
endif
OPT     := $(if $(DEBUG),-O0,-O2 $(if $(SAN),,-D_FORTIFY_SOURCE=2))
SANFLAG := $(if $(SAN),-fsanitize=address -fsanitize=undefined -fno-sanitize-recover=undefined)
CFLAGS  += -std=gnu11 -g $(OPT) $(WARN) $(HARDEN) $(SANFLAG)
CPPFLAGS += -D_GNU_SOURCE -I. -I$(O) -MMD -MP
LDFLAGS += $(LHARDEN) $(SANFLAG)
LDLIBS  := -lbpf -ldw -lelf -liberty -lseccomp -ljansson -lz -lm
# Workloads: predictable stacks, no surprises by the optimiser, whatever the tool is built with.
WLFLAGS := -std=gnu11 -O1 -g -fno-inline -fno-omit-frame-pointer $(WARN) -fPIE

SRC     := $(filter-out user/main.c,$(wildcard user/*/*.c))
OBJ     := $(SRC:%.c=$(O)/%.o) $(O)/schema.o
WLSRC   := $(wildcard workloads/*.c)
UNIT    := $(patsubst tests/unit/%_test.c,$(O)/unit/%_test,$(wildcard tests/unit/*_test.c))
BPFTEST := $(patsubst tests/bpf/%.c,$(O)/bpftest/%,$(wildcard tests/bpf/*.c))
PACKAGES = $(shell sed -e '/^\#/d' $(if $(VM),,-e '/\[vm\]/d') $(if $(BENCH),,-e '/\[bench\]/d') -e 's/[[:space:]].*//' .packages)
MISSING  = $(shell dpkg-query -W -f '$${db:Status-Status} $${Package}\n' $(PACKAGES) 2>/dev/null \
	| sed -n 's/^installed //p' | sort -u | comm -13 - <(printf '%s\n' $(PACKAGES) | sort -u))

.PHONY: all help deps deps-vm demo check check-vm check-python fuzz arm64 lint bench-bpf bench-cost bench-flood \
	deps-bench install uninstall clean vmlinux-check FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: $(O)/parascope $(O)/workload ## build the program and the workloads

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16
	@echo 'Knobs: V=1 (show commands) DEBUG=1 (-O0) SAN=1 (address and undefined sanitizers)'
	@echo '       WERROR=1 CC= CLANG= BPFTOOL= prefix= DESTDIR= ONLY="unit cli" KERNELS="6.1 newest"'
	@echo '       PYTHONS="3.9 3.1?"'

deps: ## install what is missing (Debian packages of .packages)
	@missing="$(MISSING)"; [ -z "$$missing" ] && exit 0; \
	if [ "$$(id -u)" = 0 ]; then \
		echo "installing: $$missing"; export DEBIAN_FRONTEND=noninteractive; \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	else \
		echo "missing packages; as root: apt-get install $$missing" >&2; exit 1; \
	fi

deps-vm: ## the same and what check-vm needs
	@$(MAKE) --no-print-directory deps VM=1

demo: deps ## attach to a live Python process and print its contention report (root)
	@$(MAKE) --no-print-directory all
	@tests/demo.sh $(O)

check: deps ## all tests (root; without it the tests that load BPF are skipped)
	@$(MAKE) --no-print-directory all tests-build
	@tests/run.sh $(O) $(ONLY)

KERNELS ?= 6.1 6.12 newest 6.1-arm64 6.12-arm64 5.10 6.1-locked
check-vm: deps-vm ## load and truth tests under other kernels in QEMU (KERNELS="6.1 6.12 ...")
	@$(MAKE) --no-print-directory all tests-build $(if $(findstring arm64,$(KERNELS)),arm64)
	@KERNELS="$(KERNELS)" tests/run.sh $(O) vm

check-python: deps ## truth tests with CPython 3.9 - 3.15 (PYTHONS="3.1? pyenv-*"; root)
	@$(MAKE) --no-print-directory all
	@PYTHONS="$(PYTHONS)" tests/run.sh $(O) python

arm64: deps-vm ## cross-compile into .output/arm64
	@sysroot=$$(tests/vm/cache.sh root arm64) || { echo "$$sysroot" >&2; exit 1; }; \
	$(MAKE) --no-print-directory O=$(O)/arm64 ARCH=arm64 AR=aarch64-linux-gnu-ar \
		LD=aarch64-linux-gnu-ld CC="aarch64-linux-gnu-gcc --sysroot=$$sysroot" \
		all $(O)/arm64/bpftest/load

.PHONY: tests-build
tests-build: all $(UNIT) $(BPFTEST) $(O)/fuzz/elf_driver $(O)/fuzz/elf/.expect

FUZZ_N ?= 100000
FUZZ_SEED ?= 1
fuzz: all $(O)/fuzz/elf_driver $(O)/fuzz/elf/.expect ## crafted and mutated ELF files (FUZZ_N=100000 FUZZ_SEED=1)
	@FUZZ_N=$(FUZZ_N) FUZZ_SEED=$(FUZZ_SEED) tests/run.sh $(O) fuzz

lint: ## include rules, shell scripts
	$(Q)tests/lint.sh

PERF    := $(O)/perf/load $(O)/perf/floor
bench-cost: deps ## what watching costs, beside other tools (root; COST='--quick --only LOAD')
	@$(MAKE) --no-print-directory all $(PERF)
	@/usr/bin/python3 tests/perf/cost.py $(O) $(COST)

bench-bpf: deps ## of it: parascope alone, its worst cases and ns per run of each BPF program (root)
	@$(MAKE) --no-print-directory all $(PERF)
	@/usr/bin/python3 tests/perf/cost.py $(O) --own --only ping-pong,mutex,programs $(COST)

deps-bench: ## install the tools that bench-cost compares with (Debian packages)
	@$(MAKE) --no-print-directory deps BENCH=1

bench-flood: all $(O)/perf/replay ## a million records a second for 10 s: lost ones, CPU of the reader (root)
	@/usr/bin/python3 tests/perf/flood.py $(O)

# --- BPF ---------------------------------------------------------------------------------------
$(O)/parascope.bpf.o: bpf/parascope.bpf.c | $(O)
	$(say) CLANG $@
	$(Q)$(CLANG) -g -O2 -mcpu=v3 -target bpf -D__TARGET_ARCH_$(ARCH) -Wall -Wextra \
		-Wno-unused-parameter $(if $(WERROR)$(CI),-Werror) -Ivmlinux -Ibpf -MMD -MP \
		-MT $@ -MF $(O)/parascope.bpf.d -c $< -o $@

$(O)/collector.o: $(O)/parascope.bpf.o # the link pass drops the DWARF
	$(Q)$(BPFTOOL) gen object $@ $<

$(O)/collector.skel.h: $(O)/collector.o
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name collector > $@

vmlinux-check: $(O)/parascope.bpf.o ## compare vmlinux/vmlinux.h with this kernel's types (or BTF=FILE)
	$(Q)/usr/bin/python3 tests/vmlinux-check.py $< $(BTF)

# --- program, workloads, tests -----------------------------------------------------------------
$(O)/version.h: FORCE | $(O)
	@v="$$(git describe --always --dirty 2>/dev/null || echo unknown)"; \
	line="#define PARASCOPE_VERSION \"0.1-$$v\""; \
	[ "$$(cat $@ 2>/dev/null)" = "$$line" ] || echo "$$line" > $@

$(patsubst %,$(O)/user/session/%.o,session window counts): | $(O)/collector.skel.h
$(O)/user/main.o $(patsubst %.c,$(O)/%.o,$(wildcard user/cmd/*.c)): | $(O)/version.h

$(O)/%.o: %.c | $(O)
	$(say) CC $@
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) -Ibpf $(CFLAGS) -c $< -o $@

$(O)/schema.o: user/render/report.schema.json | $(O)
	$(Q)$(LD) -r -b binary -z noexecstack $< -o $@

$(O)/libcore.a: $(OBJ)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(O)/parascope: $(O)/user/main.o $(O)/libcore.a
	$(say) LINK $@
	$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(O)/workloads/%.o: workloads/%.c | $(O)
	$(say) CC $@
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) -Iworkloads $(WLFLAGS) -c $< -o $@

$(O)/workload: $(WLSRC:%.c=$(O)/%.o)
	$(say) LINK $@
	$(Q)$(CC) -pie $^ -ljansson -lpthread -lm -o $@

$(O)/unit/%_test: $(O)/tests/unit/%_test.o $(O)/tests/unit/report_sample.o \
		$(O)/tests/unit/report_python.o $(O)/tests/unit/report_native.o $(O)/libcore.a
	$(Q)mkdir -p $(@D) && $(CC) $(LDFLAGS) $^ $(LDLIBS) -lcmocka -o $@

$(O)/bpftest/%: $(O)/tests/bpf/%.o $(O)/libcore.a
	$(Q)mkdir -p $(@D) && $(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(O)/perf/load: tests/perf/load.c
	$(say) CC $@
	$(Q)mkdir -p $(@D) && $(CC) -D_GNU_SOURCE $(WLFLAGS) -pie $< -lpthread -o $@

$(O)/perf/floor.bpf.o: tests/perf/floor.bpf.c
	$(say) CLANG $@
	$(Q)mkdir -p $(@D) && $(CLANG) -g -O2 -mcpu=v3 -target bpf -Wall -Wextra -Wno-unused-parameter -Ivmlinux -c $< -o $@

$(O)/perf/floor.skel.h: $(O)/perf/floor.bpf.o
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name floor > $@

$(O)/perf/floor: tests/perf/floor.c $(O)/perf/floor.skel.h
	$(say) CC $@
	$(Q)$(CC) $(CPPFLAGS) -I$(O)/perf $(CFLAGS) $(LDFLAGS) $< -lbpf -o $@

$(O)/perf/replay: $(O)/tests/perf/replay.o $(O)/libcore.a
	$(Q)mkdir -p $(@D) && $(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(O)/fuzz/elf_driver: $(O)/tests/fuzz/elf_driver.o $(O)/libcore.a
	$(Q)mkdir -p $(@D) && $(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(O)/fuzz/elf/.expect: tests/fuzz/elf_files.py
	$(Q)rm -rf $(@D) && mkdir -p $(@D) && /usr/bin/python3 $< $(@D) >/dev/null

$(O)/tests/bpf/%.o: | $(O)/collector.skel.h

# --- install -----------------------------------------------------------------------------------
$(O):
	$(Q)mkdir -p $@

install: all ## into DESTDIR/prefix
	install -D -m 755 $(O)/parascope $(DESTDIR)$(prefix)/bin/parascope
	install -D -m 755 $(O)/workload $(DESTDIR)$(prefix)/bin/parascope-workload
	install -D -m 644 user/parascope.1 $(DESTDIR)$(prefix)/share/man/man1/parascope.1
	install -d $(DESTDIR)$(prefix)/share/parascope/py
	install -m 644 workloads/py/*.py $(DESTDIR)$(prefix)/share/parascope/py

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(prefix)/bin/parascope $(DESTDIR)$(prefix)/bin/parascope-workload \
		$(DESTDIR)$(prefix)/share/man/man1/parascope.1
	rm -rf $(DESTDIR)$(prefix)/share/parascope

clean: ## remove .output
	rm -rf $(O)

-include $(O)/parascope.bpf.d $(shell find $(O) -name '*.d' 2>/dev/null)
