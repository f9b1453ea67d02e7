# SPDX-License-Identifier: BSD-2-Clause
# A machine with a distribution's kernel (Debian's for clouds: Linux 6.1, kprobes) under qemu without KVM, for the tests
# that want a kernel other than the running one. Source it after tests/cli/lib.sh.
#
#   need_machine            skips the test where there is no qemu, busybox or kernel
#   guest_file FROM [TO]    a file for the guest, with the shared libraries it wants; TO: where, default the same path
#   guest_run SCRIPT        boots, runs the shell script as root, and leaves what it writes in $T/serial;
#                           "== NAME" lines in it divide that into parts
#   part NAME               the lines of one part

case ${B:=build} in /*) kernel_cache=$B/qemu ;; *) kernel_cache=$root/$B/qemu ;; esac
guest=$T/guest

# The kernel and three of its modules in $kernel_cache, fetched once by apt-get, which needs no privilege for that.
fetch_kernel() {
	local package
	[ -e "$kernel_cache/vmlinuz" ] && return
	command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return
	package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -1)
	[ -n "$package" ] || return
	mkdir -p "$T/deb" && (cd "$T/deb" && timeout 120 apt-get -q download "$package" && dpkg-deb -x ./*.deb .) >&2 || return
	mkdir -p "$kernel_cache.$$"
	find "$T/deb" \( -name veth.ko -o -name bridge.ko -o -name stp.ko -o -name llc.ko \) -exec cp {} "$kernel_cache.$$" \;
	cp "$T"/deb/boot/vmlinuz-* "$kernel_cache.$$/vmlinuz" || return
	mkdir -p "$kernel_cache"
	mv "$kernel_cache.$$"/*.ko "$kernel_cache"
	mv "$kernel_cache.$$/vmlinuz" "$kernel_cache"
	rm -rf "$kernel_cache.$$" "$T/deb"
}

need_machine() {
	[ "$(uname -m)" = x86_64 ] || skip_all "the guest is a PC, like its programs"
	[ -z "${SAN:-}" ] || skip_all "a sanitizer's memory does not fit into the guest"
	command -v qemu-system-x86_64 >/dev/null || skip_all "no qemu-system-x86_64"
	busybox=$(command -v busybox) || skip_all "no busybox"
	"$busybox" cpio --help 2>&1 | grep -q newc || skip_all "busybox has no cpio"
	"$busybox" true && ! ldd "$busybox" >/dev/null 2>&1 || skip_all "busybox is not static"
	fetch_kernel
	[ -e "$kernel_cache/vmlinuz" ] || skip_all "no kernel: linux-image-cloud-amd64 could not be fetched"
	mkdir -p "$guest"/{bin,sbin,etc,proc,sys,dev,tmp,probe,lib64,usr/lib}
	chmod 1777 "$guest/tmp"
	cp "$busybox" "$guest/bin/busybox"
	for applet in $("$busybox" --list | grep -vx busybox); do ln -sf busybox "$guest/bin/$applet"; done
	printf 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/tmp:/bin/sh\n' >"$guest/etc/passwd"
	printf 'root:x:0:\nnogroup:x:65534:\n' >"$guest/etc/group"
	cp "$kernel_cache"/*.ko "$guest/probe"
}

guest_file() {
	local to=${2:-$1} library
	mkdir -p "$guest/${to%/*}"
	cp "$1" "$guest/$to"
	for library in $(ldd "$1" 2>/dev/null | grep -o '/[^ ]*'); do
		[ -e "$guest$library" ] || { mkdir -p "$guest${library%/*}"; cp -L "$library" "$guest$library"; }
	done
}

guest_run() {
	cat >"$guest/init" <<'END'
#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tracefs tracefs /sys/kernel/tracing
mount -t bpf bpf /sys/fs/bpf
ip link set lo up
for m in llc stp bridge veth; do insmod /probe/$m.ko; done 2>/dev/null
export PATH=/bin:/sbin HOME=/
cd /tmp
sh /script </dev/null 2>&1
echo "== end"
poweroff -f
END
	chmod +x "$guest/init"
	cp "$1" "$guest/script"
	(cd "$guest" && find . | "$busybox" cpio -o -H newc 2>/dev/null) >"$T/initrd"
	timeout "${GUEST_SECONDS:-1800}" qemu-system-x86_64 -accel tcg -cpu max -smp 2 -m 512 -nodefaults -no-reboot \
		-display none -serial stdio -kernel "$kernel_cache/vmlinuz" -initrd "$T/initrd" \
		-append "console=ttyS0 quiet panic=-1 rdinit=/init" </dev/null 2>"$T/qemu.err" | tr -d '\r' >"$T/serial"
	grep -q '^== end$' "$T/serial"
}

part() { sed -n "/^== $1\$/,/^== /{/^== /!p}" "$T/serial"; }
