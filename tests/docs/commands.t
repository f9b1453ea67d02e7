#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# Every command in README.md and docs/ does what the page shows. A ```console block holds lines
# "$ COMMAND" (going on in lines "> …") and, below each, its output. The blocks of a page run in order in one scratch folder that
# shows the tree's files. In the comparison every number stands for any number, runs of blanks for one
# blank, a line "…" for any lines, "…" in a line for any text. A block after <!-- not run: REASON -->
# is skipped with that reason, one after <!-- needs: COMMAND --> where that command fails.
use strict;
use warnings;
use utf8;
use open qw(:std :utf8);
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);

my $root = abs_path(dirname($0) . "/../..");
my $skep = $ENV{SKEP} // "$root/build/skep";
my $only = $ENV{DOCS_FILE};
my $n = 0;
my $bad = 0;

sub ok {
	my ($good, $name) = @_;
	$n++;
	$bad++ unless $good;
	print $good ? "ok $n - $name\n" : "not ok $n - $name\n";
	return $good;
}

# A pattern for the shown output.
sub pattern {
	my @lines = @_;
	my $re = "";
	for my $line (@lines) {
		if ($line =~ /^\s*…\s*$/) {
			$re .= "(?:.*\n)*?";
			next;
		}
		my $q = "";
		for my $part (split /(…|0x[0-9a-f]+|\d+|\s+)/, $line) {
			if ($part eq "…") { $q .= ".*" }
			elsif ($part =~ /^0x/) { $q .= "0x[0-9a-f]+" }
			elsif ($part =~ /^\d+$/) { $q .= "\\d+" }
			elsif ($part =~ /^\s+$/) { $q .= "\\s+" }
			else { $q .= quotemeta $part }
		}
		$q =~ s/(?:\\s\+)+$//;
		$re .= ($line =~ /^\s/ ? "\\s*" : "") . $q . "\\s*?\n";
	}
	return $re;
}

# The console blocks of a page: [line, reason not to run or undef, [command, output…], …].
sub blocks {
	my ($file) = @_;
	open my $in, "<", $file or die "$file: $!";
	my (@blocks, $inside, $skip);
	my $indent = 0;
	while (my $line = <$in>) {
		chomp $line;
		$line = substr($line, $indent) if $indent && $line =~ /^ {$indent}/;
		if (!$inside) {
			if ($line =~ /^\s*<!-- not run: (.*) -->$/) { $skip = $1 }
			elsif ($line =~ /^\s*<!-- needs: (.*) -->$/) { $skip = "fails here: $1" if system("bash", "-c", "($1) >/dev/null 2>&1 </dev/null") }
			elsif ($line =~ /^( *)```console\s*$/) { $indent = length $1; $inside = [$., $skip]; $skip = undef }
			elsif ($line =~ /\S/) { $skip = undef }
		} elsif ($line =~ /^```\s*$/) {
			push @blocks, $inside;
			$inside = undef;
			$indent = 0;
		} elsif ($line =~ /^\$ (.*)$/) {
			push @$inside, [$1];
		} elsif (@$inside > 2 && @{ $inside->[-1] } == 1 && $line =~ /^> (.*)$/) {
			$inside->[-1][0] .= "\n$1";
		} elsif (@$inside > 2) {
			push @{ $inside->[-1] }, $line;
		}
	}
	return @blocks;
}

sub run {
	my ($command, $dir) = @_;
	my $pid = open(my $out, "-|") // die "fork: $!";
	if (!$pid) {
		chdir $dir;
		open STDIN, "<", "/dev/null";
		open STDERR, ">&", \*STDOUT;
		setpgrp;
		exec "timeout", "600", "bash", "-c", $command;
	}
	local $/;
	my $text = <$out> // "";
	close $out;
	return $text;
}

my @files = $only ? ($only) : ("$root/README.md", glob("$root/docs/*.md"));
for my $file (grep { -e } @files) {
	(my $name = $file) =~ s/^\Q$root\E\///;
	my $dir = tempdir("skep-docs.XXXXXX", TMPDIR => 1, CLEANUP => 1);
	for my $entry (glob("$root/*")) {
		(my $base = $entry) =~ s/.*\///;
		symlink $entry, "$dir/$base";
	}
	local $ENV{PATH} = dirname($skep) . ":$ENV{PATH}";
	local $ENV{XDG_CACHE_HOME} = "$dir/.cache";
	local $ENV{NO_COLOR} = 1;
	local $ENV{LC_ALL} = "C.UTF-8";
	for my $block (blocks($file)) {
		my ($line, $reason, @commands) = @$block;
		if ($reason) {
			$n++;
			print "ok $n - $name:$line # SKIP $reason\n";
			next;
		}
		for (@commands) {
			my ($command, @want) = @$_;
			my $got = run($command, $dir);
			my $re = pattern(@want);
			next if ok(scalar($got =~ /^$re\s*$/), "$name:$line: " . $command =~ s/\n.*/ …/sr);
			print "# shown:\n", (map { "#   $_\n" } @want), "# got:\n", (map { "#   $_\n" } split /\n/, $got);
		}
	}
}
print $n ? "1..$n\n" : "1..0 # SKIP no commands in the pages\n";
exit($bad ? 1 : 0);
