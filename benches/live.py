#!/usr/bin/env python3
"""Sends captures through a network of its own at their own speed, and holds what `hopscope capture` finds against `replay`.

    benches/live.py [--jobs N] [--workers N...] [--rings N...] HOPSCOPE CAPTURE...

Needs root, iproute2, tcpreplay and tcpdump. Captures that are not Ethernet, do not fit the MTU or last longer than three
minutes are left out. Of each finding the last line counts. Two comparisons: with a replay of what tcpdump recorded at the same
time, which has the same times; and with a replay of the capture, where `same` leaves times out of account, and `measured` also
what is computed from times, which tcpreplay changes a little.
"""
import argparse, json, os, re, signal, struct, subprocess, sys, time
from concurrent.futures import ThreadPoolExecutor

MTU, LONGEST_SECONDS = 9000, 180
LIFE = {"raised", "status"}
TIMES = LIFE | {"first_seen", "last_seen", "least_delay_us", "most_delay_us"}
MEASURED = TIMES | {"chance", "flights", "matched_flights", "gaps", "least_s", "most_s", "period_s", "spread", "title", "names"}


def frames(path):
    """Seconds and number of frames of a classic Ethernet pcap that fits; None of any other file."""
    data = open(path, "rb").read()
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}.get(data[:4])
    if order is None or struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF != 1:
        return None
    at, times = 24, []
    while at + 16 <= len(data):
        seconds, micros, captured, wire = struct.unpack_from(order + "IIII", data, at)
        if captured != wire or captured > MTU + 14 or captured < 14:
            return None
        times.append(seconds + micros / 1e6)
        at += 16 + captured
    if at != len(data) or not times or max(times) - min(times) > LONGEST_SECONDS or times != sorted(times):
        return None
    return times[-1] - times[0], len(times)


def findings(lines):
    """The last line about each finding, by id."""
    return {finding["id"]: finding for finding in map(json.loads, lines.splitlines())}


def without(keys, value):
    if isinstance(value, dict):
        return {key: without(keys, inner) for key, inner in value.items() if key not in keys}
    return [without(keys, inner) for inner in value] if isinstance(value, list) else value


def differences(one, other, key=""):
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted(set(one) | set(other)):
            yield from differences(one.get(name), other.get(name), f"{key}.{name}")
    elif one != other:
        yield key, json.dumps(one), json.dumps(other)


def live(binary, path, way, name, record):
    def ip(*arguments):
        subprocess.run(["ip", *arguments], check=True)

    inside = ["ip", "netns", "exec", name]
    ip("netns", "add", name)
    try:
        subprocess.run([*inside, "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6"])
        ip("-n", name, "link", "add", "hs0", "type", "veth", "peer", "name", "hs1")
        for end in "hs0", "hs1":
            ip("-n", name, "link", "set", end, "mtu", str(MTU), "up")
        command = [*inside, binary, "capture", "-i", "hs1", "--format", "json", *way]
        sensor = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while "listening" not in (line := sensor.stderr.readline()):
            assert line, "the sensor has ended"
        recorder = [*inside, "tcpdump", "-i", "hs1", "-U", "-w", record, "--time-stamp-precision=nano", "-B", "65536"]
        recorder = subprocess.Popen(recorder, stderr=subprocess.PIPE, text=True)
        assert "listening" in recorder.stderr.readline()
        sent = subprocess.run([*inside, "tcpreplay", "-i", "hs0", path], capture_output=True, text=True)
        time.sleep(1.5)  # tcpdump gives up what the kernel still holds
        sensor.send_signal(signal.SIGTERM)
        recorder.send_signal(signal.SIGTERM)
        output, messages = sensor.communicate(timeout=60)
        recorder.communicate(timeout=60)
        sent = int(re.search(r"Successful packets:\s+(\d+)", sent.stdout)[1])
        read = re.search(r"(\d[\d,]*) read, (\d[\d,]*) dropped, (\d[\d,]*) unread", messages)
        return output, sent, [int(count.replace(",", "")) for count in read.groups()]
    finally:
        ip("netns", "del", name)


def replay(binary, path):
    command = [binary, "replay", "--quiet", "--format", "json", path]
    return findings(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def compare(arguments):
    number, binary, path, way, seconds = arguments
    record = f"/tmp/hsbench{os.getpid()}-{number}.pcap"
    output, sent, (read, dropped, unread) = live(binary, path, way, f"hsbench{os.getpid()}-{number}", record)
    found, recorded, original = findings(output), replay(binary, record), replay(binary, path)
    os.remove(record)
    is_recorded = without(LIFE, found) == without(LIFE, recorded)
    verdict = "DIFFERENT"
    for name, keys in ("measured", MEASURED), ("same", TIMES):
        if without(keys, found) == without(keys, original):
            verdict = name
    print(f"record {'same' if is_recorded else 'DIFFERENT':<9} capture {verdict:<9} {len(original):3} findings, {seconds:5.1f} s,"
          f" {sent} sent, {read} read, {dropped} dropped, {unread} unread, {' '.join(way)[2:]:<9}  {'/'.join(path.split('/')[-2:])}",
          flush=True)
    for other, keys in (recorded, LIFE), (original, MEASURED):
        for key, one, two in differences(without(keys, other), without(keys, found)):
            print(f"    {key}: replay {one[:200]}, capture {two[:200]}", flush=True)
    return is_recorded, verdict != "DIFFERENT", sent == read + dropped + unread


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--workers", nargs="*", default=["0"])
    parser.add_argument("--rings", nargs="*", default=[])
    parser.add_argument("binary")
    parser.add_argument("captures", nargs="+")
    options = parser.parse_args()
    fitting = [(path, *fit) for path in options.captures if (fit := frames(path))]
    ways = [["--workers", number] for number in options.workers] + [["--rings", number] for number in options.rings]
    runs = [(path, way, seconds) for path, seconds, _ in fitting for way in ways]
    work = [(number, options.binary, *run) for number, run in enumerate(runs)]
    with ThreadPoolExecutor(options.jobs) as pool:
        good = list(pool.map(compare, work))
    for way in ways:
        of_way = [told for run, told in zip(runs, good) if run[1] == way]
        recorded, same, accounted = (sum(column) for column in zip(*of_way))
        print(f"{' '.join(way)[2:]:<9} {len(of_way)} captures: {recorded} as a replay of the record, {same} as a replay of the capture,"
              f" {accounted} with every frame accounted for")
    sys.exit(not all(recorded and accounted for recorded, _, accounted in good))


if __name__ == "__main__":
    main()
