#!/usr/bin/env python3
"""Compare hopscope with the libpcap loop over the same captures in the same run.

    compare.py HOPSCOPE LOOP CAPTURE ... [--runs N] [--arg ARG ...]

Prints user+system seconds (median of N runs, taken in turn so that both meet the same noise), their ratio, nanoseconds
a frame and the peak memory.
"""
import argparse, os, statistics, subprocess, sys


def once(command):
    """Runs a command; gives its user+system seconds, its peak memory in MiB and what it printed."""
    with open(os.devnull) as nothing:
        child = subprocess.Popen(command, stdin=nothing, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        out, err = child.stdout.read(), child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 1):
        sys.exit('%s: %s' % (' '.join(command), err.strip()))
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('hopscope'); a.add_argument('loop'); a.add_argument('captures', nargs='+')
    a.add_argument('--runs', type=int, default=5); a.add_argument('--arg', action='append', default=[])
    o = a.parse_args()
    print('%-28s %10s %9s %9s %7s %9s %9s' % ('capture', 'frames', 'libpcap s', 'ours s', 'ratio', 'ns/frame', 'peak MiB'))
    for capture in o.captures:
        floor, ours, peak, frames = [], [], 0, 0
        for _ in range(o.runs):
            seconds, _, out = once([o.loop, capture])
            frames = int(out.split()[0])
            floor.append(seconds)
            seconds, memory, _ = once([o.hopscope, 'replay', '--quiet', '--format', 'json', *o.arg, capture])
            ours.append(seconds)
            peak = max(peak, memory)
        f, h = statistics.median(floor), statistics.median(ours)
        print('%-28s %10d %9.3f %9.3f %7.2f %9.0f %9.0f' % (os.path.basename(capture), frames, f, h, h / f, h * 1e9 / frames, peak))


if __name__ == '__main__':
    main()
