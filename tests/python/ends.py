#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""How Python and the command end: each alone, by Ctrl-C, skep killed; what the exit status is then."""
import glob
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
skep = os.environ.get("SKEP", root + "/build/skep")


def skip_all(why):
    print("1..0 # SKIP " + why)
    sys.exit(0)


if os.environ.get("SAN"):
    skip_all("sanitizer build: Python is not built with it")
if not shutil.which("clang"):
    skip_all("no clang")
if not os.path.exists("/usr/lib/python3/dist-packages/bcc/libbcc.py"):
    skip_all("no python3-bpfcc (./bootstrap --python)")

scratch = tempfile.TemporaryDirectory(prefix="skep-test.")
T = scratch.name
os.environ.update(XDG_CACHE_HOME=T + "/cache", PYTHONDONTWRITEBYTECODE="1", LC_ALL="C")
for name in ("PYTHONPATH", "PYTHONHOME", "PYTHON"):
    os.environ.pop(name, None)
count = failed = 0


def ok(good, name, text=""):
    global count, failed
    count += 1
    print(("ok " if good else "not ok ") + "%d - %s" % (count, name))
    if not good:
        failed += 1
        for line in str(text).splitlines():
            print("#   " + line)


def program(name, text):
    with open(T + "/" + name, "w") as file:
        file.write(text)
    return T + "/" + name


def run(*words):
    return subprocess.run([skep, "run", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)


def on_terminal(words, keys):
    """Runs words on a terminal of their own; keys are (what to wait for, what to type). The status and all that was shown."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(words[0], words)
    text, until = "", time.monotonic() + 600
    while time.monotonic() < until:
        if keys and re.search(keys[0][0], text):
            os.write(fd, keys.pop(0)[1])
        if select.select([fd], [], [], 0.1)[0]:
            try:
                text += os.read(fd, 4096).decode()
            except OSError:
                break
    status = os.waitpid(pid, 0)[1]
    os.close(fd)
    return status, text


hello = root + "/examples/python/hello.py"
counts = program("counts.py", '''
from bcc import BPF
import sys, time
b = BPF(text="BPF_HASH(h, u32); int hello(void *ctx) { u32 k = 1; h.increment(k); return 0; }")
b.attach_kprobe(event=b.get_syscall_fnname("execve"), fn_name="hello")
try:
    time.sleep(float(sys.argv[1]))
except KeyboardInterrupt:
    print("interrupted")
print("counted", [v.value for v in b["h"].values()])
''')

# The command's end is the program's Ctrl-C.
r = run(counts, "9999", "--", "/bin/sh", "-c", "/bin/true; exit 5")
ok(r.returncode == 5 and r.stdout == "interrupted\ncounted [2]\n" and not r.stderr,
   "the command ends: KeyboardInterrupt in the program, which reports; the status is the command's", r)
# A report that takes long is not interrupted once more.
slow = program("slow.py", '''
from bcc import BPF
import time
b = BPF(text="BPF_HASH(h, u32); int hello(void *ctx) { u32 k = 1; h.increment(k); return 0; }")
b.attach_kprobe(event=b.get_syscall_fnname("execve"), fn_name="hello")
try:
    time.sleep(9999)
except KeyboardInterrupt:
    until = time.monotonic() + 4
    while time.monotonic() < until:
        sum(range(1000))
    print("counted", [v.value for v in b["h"].values()])
''')
r = run(slow, "--", "/bin/true")
ok(r.returncode == 0 and r.stdout == "counted [1]\n" and not r.stderr, "a report of four seconds comes whole", r)
# The program ends first: the command goes on.
two = program("two.py", '''
from bcc import BPF
import time
b = BPF(text="BPF_HASH(h, u32); int hello(void *ctx) { u32 k = 1; h.increment(k); return 0; }")
b.attach_kprobe(event=b.get_syscall_fnname("execve"), fn_name="hello")
while sum(v.value for v in b["h"].values()) < 2:
    time.sleep(0.01)
b.cleanup()
print("seen", flush=True)
open("%s/done", "w")
''' % T)
r = run(two, "--", "/bin/sh", "-c", "/bin/true; while ! [ -e %s/done ]; do /bin/sleep 0.1; done; echo ran on; exit 6" % T)
ok(r.returncode == 6 and r.stdout == "seen\nran on\n" and not r.stderr,
   "the program ends: the command goes on, the status is its own", r)
r = run(counts, "0.1", "--", "/bin/sh", "-c", "kill -9 $$")
ok(r.returncode == -9, "the command dies of a signal: so does skep", r)

# It ends before it waits: nothing is run.
early = program("early.py", "import sys\nfrom bcc import BPF\nsys.exit(int(sys.argv[1]))\n")
r = run(early, "4", "--", "/bin/echo", "ran")
ok(r.returncode == 4 and not r.stdout and "early.py ended before it waited for events: /bin/echo was not run" in r.stderr,
   "the program ends before it waits: its status, and the command is not run", r)
r = run(program("dies.py", "import bcc\nraise RuntimeError('no')\n"), "--", "/bin/echo", "ran")
ok(r.returncode == 1 and "RuntimeError: no" in r.stderr and "ran" not in r.stdout, "an exception before that: its traceback, 1", r)

# Words and options after X.py are its own.
r = run(program("args.py", "import sys\nprint(sys.argv[1:])\n"), "-p", "12", "--kernel", "--", "/bin/true")
ok("['-p', '12', '--kernel']" in r.stdout, "what follows X.py is given to it", r)

# Bad beginnings
os.environ["PATH"] = "/usr/bin:/bin"  # a folder that may not be looked into would make it "Permission denied"
r = run(hello, "--", "skep-no-such-command")
ok(r.returncode == 127 and "skep-no-such-command" in r.stderr, "no such command: 127", r)
r = run(T + "/nosuch.py", "--", "/bin/true")
ok(r.returncode == 125 and "nosuch.py: No such file" in r.stderr, "no such program: 125", r)
program("bcc.py", "")
r = run(counts, "1", "--", "/bin/true")
ok(r.returncode == 125 and T + "/bcc.py, which is not the bcc of BPF" in r.stderr, "an unrelated bcc module that wins is named", r)
os.unlink(T + "/bcc.py")
r = run("--every", "1", hello, "--", "/bin/true")
ok(r.returncode == 2 and "Python program" in r.stderr, "options that are for C programs: usage", r)

# Ctrl-C on a terminal reaches both.
status, text = on_terminal([skep, "run", hello, "--", "/bin/sh", "-c", "echo ready; exec /bin/sleep 6000"],
                           [("(?s)Hello World.*Hello World", b"\x03")])
ok(os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT and "Traceback" not in text,
   "Ctrl-C ends both, without a traceback; the status is SIGINT's", "%d\n%s" % (status, text))
status, text = on_terminal([skep, "run", counts, "6000", "--", "/bin/sh", "-c", "echo ready; exec /bin/sleep 6000"],
                           [("ready", b"\x03")])
ok(os.WIFSIGNALED(status) and "interrupted" in text and "counted" in text, "a program that catches it reports", "%d\n%s" % (status, text))

# Without a command: the shell.
os.environ["SHELL"] = "/bin/sh"
status, text = on_terminal([skep, "run", counts, "6000"], [("[$#] ", b"/bin/echo typed; exit 3\n")])
ok(os.WIFEXITED(status) and os.WEXITSTATUS(status) == 3 and "typed" in text and "counted [2]" in text,
   "no command: $SHELL, in whose tree the events are", "%d\n%s" % (status, text))

# skep is killed: the command goes on, the program does not stay behind.
marker = T + "/alive"
p = subprocess.Popen([skep, "run", hello, "--", "/bin/sh", "-c", "echo ready; /bin/sleep 1; /bin/true; echo went on >" + marker],
                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
seen = b""
while b"ready" not in seen:
    seen += os.read(p.stdout.fileno(), 4096)
p.kill()
p.wait()
rest = p.stdout.read()  # to the end: nobody of the tree is left then
ok(os.path.exists(marker), "skep killed: the command runs on to its end")
ok(len(rest) < 4096, "and the program has ended, too", len(rest))

print("1..%d" % count)
sys.exit(failed != 0)
