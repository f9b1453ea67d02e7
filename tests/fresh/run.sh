#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# A fresh machine: a bare Debian 12 with git and make in a scratch folder, a clone of this repository in
# it, and there `make demo` and `make check`. Asked for by `make check-fresh` (FRESH="demo" for the
# demo alone); needs root, debootstrap and a Debian mirror (this machine's apt sources are used).
set -eu
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || { echo "check-fresh: must be root, for debootstrap and chroot" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "check-fresh: apt-get install debootstrap" >&2; exit 1; }
mirror=${MIRROR:-$(grep -rhoE 'https?://[^ ]*/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -1)}
fresh=$(mktemp -d "${TMPDIR:-/tmp}/skep-fresh.XXXXXX")
cleanup() {
	umount -l "$fresh/root/proc" "$fresh/root/sys" "$fresh/root/dev" 2>/dev/null || true
	rm -rf --one-file-system "$fresh"
}
trap cleanup EXIT

debootstrap --variant=minbase --include=git,make,ca-certificates bookworm "$fresh/root" ${mirror:+$mirror} >"$fresh/log" 2>&1 ||
	{ tail -20 "$fresh/log" >&2; exit 1; }
rm -f "$fresh/root/etc/apt/sources.list"
cp -r /etc/apt/sources.list* /etc/apt/apt.conf.d "$fresh/root/etc/apt/" 2>/dev/null || true
cp -r /etc/apt/preferences.d "$fresh/root/etc/apt/" 2>/dev/null || true
cp -L /etc/resolv.conf "$fresh/root/etc/resolv.conf" 2>/dev/null || true
mount -t proc proc "$fresh/root/proc"
mount --rbind /sys "$fresh/root/sys"
mount --make-rslave "$fresh/root/sys"
mount --rbind /dev "$fresh/root/dev"
mount --make-rslave "$fresh/root/dev"
git bundle create -q "$fresh/root/skep.bundle" HEAD
chroot "$fresh/root" git -c advice.detachedHead=false clone -q /skep.bundle /root/skep
for goal in ${FRESH:-demo check}; do
	echo "== make $goal on a fresh machine"
	chroot "$fresh/root" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C make -C /root/skep "$goal" </dev/null
done
