#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
# On a terminal: keys reach the command once, signals sent to skep are passed on, jobs stop and go on.
use strict;
use warnings;
use Cwd 'abs_path';
use File::Basename;
use File::Temp 'tempdir';
use POSIX ();

my $root = abs_path(dirname($0) . '/../..');
my $skep = $ENV{SKEP} || "$root/build/skep";
my $dir = tempdir('skep-test.XXXXXX', TMPDIR => 1, CLEANUP => 1);
my @run = ($skep, 'run', '--attach', 'kprobe:execve', "$root/examples/hello.c");
my ($count, $failed) = (0, 0);
$ENV{XDG_CACHE_HOME} = "$dir/cache";

sub ok($$;$) {
	my ($good, $name, $text) = @_;
	$count++;
	print $good ? "ok $count - $name\n" : "not ok $count - $name\n";
	return if $good;
	$failed++;
	print map { "#   $_\n" } split /\r?\n/, $text // '';
}

sub skip_all { print "1..0 # SKIP $_[0]\n"; exit 0 }

# A command on a terminal of its own, which it controls: its pid and our end.
sub on_terminal {
	my ($zero, $number, $pid) = (pack('i', 0), pack('i', 0));
	open(my $master, '+<', '/dev/ptmx') or skip_all('no pseudo-terminals');
	ioctl($master, 0x40045431, $zero) or skip_all('no pseudo-terminals');	# TIOCSPTLCK
	ioctl($master, 0x80045430, $number) or skip_all('no pseudo-terminals');	# TIOCGPTN
	$pid = fork;
	if (!$pid) {
		POSIX::setsid();
		open(my $tty, '+<', '/dev/pts/' . unpack('i', $number)) or POSIX::_exit(99);
		POSIX::dup2(fileno $tty, $_) for 0 .. 2;
		close $master;
		exec(@_) or POSIX::_exit(98);
	}
	return ($pid, $master);
}

# Reads until what was read matches, at most two minutes; all that was read.
sub expect {
	my ($master, $text, $pattern) = @_;
	my $bits = '';
	vec($bits, fileno $master, 1) = 1;
	while ($text !~ $pattern) {
		my $ready = $bits;
		last unless select($ready, undef, undef, 120);
		last unless sysread($master, $text, 4096, length $text);
	}
	return $text;
}

# The wait status, within two minutes.
sub status {
	my ($pid) = @_;
	for (1 .. 12000) {
		return $? if waitpid($pid, POSIX::WNOHANG()) == $pid;
		select undef, undef, undef, 0.01;
	}
	kill 'KILL', $pid;
	waitpid $pid, 0;
	return -1;
}

sub stat_of {
	open(my $file, '<', $_[0]) or return '';
	return <$file> // '';
}

sub touch { open my $file, '>', "$dir/stop"; close $file }

# A command that counts signals of one name until it is told to stop, and ends with 5.
sub counter {
	my ($signal) = @_;
	unlink "$dir/stop";
	return ('perl', '-e', '$| = 1; $SIG{' . $signal . '} = sub { $n++; print "caught\n" }; print "ready\n";' .
		'select undef, undef, undef, 0.02 until -e "' . $dir . '/stop"; print "times $n\n"; exit 5');
}

sub check_signal {
	my ($what, $signal, $send) = @_;
	my ($pid, $master) = on_terminal(@run, '--', counter($signal));
	my $text = expect($master, '', qr/ready/);
	$send->($pid, $master);
	$text = expect($master, $text, qr/caught/);
	touch();
	$text = expect($master, $text, qr/times \d+/);
	ok($text =~ /times 1\b/, "$what reaches the command once", $text);
	my $status = status($pid);
	ok($status == 5 << 8, "$what: skep ends with the command, as it does", "status $status");
}

check_signal('Ctrl-C', 'INT', sub { syswrite $_[1], "\x03" });
check_signal('Ctrl-\\', 'QUIT', sub { syswrite $_[1], "\x1c" });
check_signal("SIG$_ sent to skep", $_, sub { kill $_, $_[0] }) for qw(INT TERM HUP);

{
	my ($pid, $master) = on_terminal(@run, '--', 'sh', '-c', 'echo ready; exec sleep 10000');
	expect($master, '', qr/ready/);
	syswrite $master, "\x03";
	my $status = status($pid);
	ok(($status & 127) == 2, 'a command that Ctrl-C kills: skep dies of SIGINT, too', "status $status");
}
{
	my $job = join ' ', map { "'$_'" } @run, '--', counter('INT');
	my ($pid, $master) = on_terminal('bash', '-c', "set -m; $job; echo stopped \$?; fg; echo end \$?");
	my $text = expect($master, '', qr/ready/);
	syswrite $master, "\x1a";
	$text = expect($master, $text, qr/stopped \d+/);
	ok($text =~ /stopped 148/, 'Ctrl-Z stops skep and the command', $text);
	touch();
	$text = expect($master, $text, qr/end \d+/);
	ok($text =~ /end 5\b/, 'fg lets them go on to their end', $text);
	status($pid);
}
{
	local $ENV{SHELL} = '/bin/sh';
	my ($pid, $master) = on_terminal(@run);
	syswrite $master, "echo \$((6 * 7))\nexit 3\n";
	my $text = expect($master, '', qr/^\W*42\r?$/m);
	ok($text =~ /^\W*42\r?$/m, 'without a command, $SHELL runs', $text);
	ok(status($pid) == 3 << 8, 'with its exit status');
}
{
	# The command has ended, and nobody reads its trace: skep waits for the reader, and can be told not to.
	pipe(my $reader, my $writer);
	my $pid = fork;
	if (!$pid) {
		close $reader;
		POSIX::dup2(fileno $writer, 1);
		exec(@run[0, 1], '--attach', 'kprobe:getppid', $run[4], '--', 'perl', '-e',
			'syscall(110) for 1 .. 5000; open F, ">", "' . $dir . '/ended"');
	}
	close $writer;
	for (1 .. 6000) { last if -e "$dir/ended"; select undef, undef, undef, 0.02 }
	# perl's end is seen by its zombie's going
	for (1 .. 6000) {
		last unless grep { stat_of($_) =~ /\(perl\) . $pid / } glob('/proc/[0-9]*/stat');
		select undef, undef, undef, 0.02;
	}
	kill 'TERM', $pid;
	my $status = status($pid);
	ok(($status & 127) == 15, 'waiting for a slow reader at the end, skep can be ended by a signal', "status $status");
}
print "1..$count\n";
exit($failed ? 1 : 0);
