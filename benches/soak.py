#!/usr/bin/env python3
"""Wears `hopscope capture` out in a network of its own, and says whether memory stays flat, the account adds up, and relays are told.

    benches/soak.py [--minutes M] [--ways "--rings 1,--rings 2"] [--pps N] HOPSCOPE CAPTURE...

Needs root, iproute2, tcpreplay and curl. One sensor for each way listens to the same interface. All the while short connections come, none
twice: two thousand a second at the usual rate, which in an hour is what comes in eight at a million an hour. Meanwhile, in turns: a capture with
something to be found (planted); a SYN flood from everywhere; malformed frames; the interface goes down and comes back; the configuration changes,
now and then for the worse; the output is put aside by another program, or rotated; its disk is full for a while; the account is asked for, by
signal and over HTTP. Packets of findings are kept as evidence.

Planted are those captures given of which a replay tells something of severity `medium` or worse. What must be told of each is what a replay of
all of them one after the other tells of it the second time round: in company some is told differently than alone, and that is listed. Those
that are proven must be told; of those that are probable, whose chance depends on what else a run has measured, it is listed which were not. A finding
counts as told if a line with its id was written whose `last_seen` is no older than the planting; of a fan-out, whose id names the relay at which
it was first told, if one of that client was.

Exits with 0 if every sensor ended well, its account is exact, every proven plant was told when it was planted last, and memory at the end is within a tenth, and
8 MiB, of what it was at the tenth minute (or after two fifths of a shorter run).
"""
import argparse, collections, glob, json, os, pathlib, random, re, shutil, signal, struct, subprocess, sys, tempfile, threading, time
from datetime import datetime

from captures import HEADER, records
from live import frames

FLOWS = 20_000
WORTH = {"medium", "high", "critical"}
APART = 10  # seconds between two plants of the replay that says what must be told


class Net:
    """A namespace with a pair of interfaces: what is sent into hs0 comes out of hs1."""

    def __init__(self):
        self.name = f"hssoak{os.getpid()}"
        self.inside = ["ip", "netns", "exec", self.name]
        run("ip", "netns", "add", self.name)
        run(*self.inside, "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6")
        self.link("add", "hs0", "type", "veth", "peer", "name", "hs1")
        self.link("set", "lo", "up")
        for end in "hs0", "hs1":
            self.link("set", end, "mtu", "9000", "up")

    def link(self, *arguments):
        run("ip", "-n", self.name, "link", *arguments)

    def send(self, path, *options):
        quiet = subprocess.DEVNULL
        return subprocess.Popen([*self.inside, "tcpreplay", "-q", "-T", "nano", "-i", "hs0", *options, path], stdout=quiet, stderr=quiet)

    def ask(self, port, page):
        command = [*self.inside, "curl", "-s", f"http://127.0.0.1:{port}/{page}"]
        return subprocess.run(command, capture_output=True, text=True).stdout

    def received(self):
        command = [*self.inside, "cat", "/sys/class/net/hs1/statistics/rx_packets"]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


class Sensor:
    """A sensor with a small disk of its own."""

    def __init__(self, net, binary, way, folder, port):
        self.way, self.disk, self.config, self.port = way, f"{folder}/disk", f"{folder}/site.toml", port
        self.messages, self.lines, self.files, self.exhibits, self.rss, self.ups = [], {}, 0, 0, [], collections.Counter()
        os.makedirs(f"{self.disk}")
        run("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", self.disk)
        os.mkdir(f"{self.disk}/evidence")
        self.configure("10.0.0.0/8")
        command = [*net.inside, binary, "capture", "-i", "hs1", "--config", self.config, "--output", f"{self.disk}/findings.jsonl",
                   "--rotate-size", "1", "--rotate-seconds", "60", "--metrics", f"{self.disk}/hopscope.prom",
                   "--http", f"127.0.0.1:{port}", *way.split()]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        while "answering" not in (line := self.process.stderr.readline()):
            assert line, "the sensor has ended"
        threading.Thread(target=self.listen, daemon=True).start()

    def configure(self, inside, wrong=""):
        with open(self.config, "w") as out:
            out.write(f'[flows]\nmax = 262144\n[networks]\ninside = ["{inside}"]\n{wrong}'
                      '[evidence]\ndirectory = "disk/evidence"\nseverity = "medium"\ntotal_mebibytes = 2\n')

    def listen(self):
        self.messages.extend(self.process.stderr)

    def told(self, what):
        return sum(what in line for line in self.messages)

    def signal(self, number):
        self.process.send_signal(number)

    def measure(self, at):
        """MiB, without the rings of the kernel that are mapped."""
        status = open(f"/proc/{self.process.pid}/status").read()
        self.rss.append((at, int(re.search(r"RssAnon:\s+(\d+)", status)[1]) // 1024))

    def cpu(self):
        """Seconds."""
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.spent = self.cpu()
        self.signal(signal.SIGTERM)
        self.code = self.process.wait(timeout=60)
        time.sleep(0.5)  # for the last of its messages

    def gather(self, everything=False):
        """Takes what it wrote off its small disk, as soon as it is put aside."""
        for path in glob.glob(f"{self.disk}/findings.jsonl.*") + glob.glob(f"{self.disk}/moved-*"):
            self.take(path)
            os.remove(path)
        for path in glob.glob(f"{self.disk}/evidence/*"):
            self.exhibits += 1
            os.remove(path)
        if everything and os.path.exists(f"{self.disk}/findings.jsonl"):
            self.take(f"{self.disk}/findings.jsonl")

    def take(self, path):
        self.files += 1
        with open(path) as lines:
            note(self.lines, lines)

    def account(self):
        """What its last account says of the interface: passed, read, dropped, unread."""
        last = re.findall(r"hs1: .* passed the filter: .*", "".join(self.messages))[-1]
        return [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", last.removeprefix("hs1: "))][:4]


def key_of(finding):
    if finding["detector"] != "fan-out":
        return finding["id"]
    relay = finding["server"]["ip"] if finding["evidence"]["most_relays"] == 1 else "many relays"
    return f"fan-out of {finding['client']['ip']} through {relay}"


def seen(finding):
    return datetime.fromisoformat(finding["last_seen"].replace("Z", "+00:00")).timestamp() if finding else 0.0


def note(lines, more):
    """Keeps the newest line about each finding."""
    for line in more:
        finding = json.loads(line)
        key = key_of(finding)
        if seen(finding) >= seen(lines.get(key)):
            lines[key] = finding


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def write(path, packets):
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, packet in enumerate(packets):
            out.write(struct.pack("<IIII", 1 + number // 100_000, number % 100_000 * 10, len(packet), len(packet)) + packet)


def tcp(source, destination, ports, sequence, acknowledgement, flags, payload=b""):
    header = struct.pack("!BBHHHBBHII", 0x45, 0, 40 + len(payload), random.getrandbits(16), 0x4000, 64, 6, 0, source, destination)
    segment = struct.pack("!HHIIBBHHH", *ports, sequence, acknowledgement, 0x50, flags, 65535, random.getrandbits(16), 0)
    return b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + header + segment + payload


def connections():
    """Short connections of web servers."""
    for number in range(FLOWS):
        client, server = 0x0A400000 + random.getrandbits(20), 0x0A800000 + random.getrandbits(12)
        ports, back = (1024 + number % 60_000, 80), (80, 1024 + number % 60_000)
        mine, yours = random.getrandbits(31), random.getrandbits(31)
        ask = b"GET /%d HTTP/1.1\r\nHost: www.example.test\r\n\r\n" % number
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        yield tcp(client, server, ports, mine, 0, 0x02)
        yield tcp(server, client, back, yours, mine + 1, 0x12)
        yield tcp(client, server, ports, mine + 1, yours + 1, 0x18, ask)
        yield tcp(server, client, back, yours + 1, mine + 1 + len(ask), 0x18, answer)
        mine, yours = mine + 1 + len(ask), yours + 1 + len(answer)
        yield tcp(client, server, ports, mine, yours, 0x11)
        yield tcp(server, client, back, yours, mine + 1, 0x11)
        yield tcp(client, server, ports, mine + 1, yours + 1, 0x10)


def flood():
    for _ in range(100_000):
        yield tcp(random.getrandbits(32), 0x0A900001, (random.getrandbits(16), 443), random.getrandbits(32), 0, 0x02)


def malformed():
    for _ in range(20_000):
        yield b"\2\0\0\0\0\1\2\0\0\0\0\2" + random.choice([b"\x08\0", b"\x86\xdd", b"\x88\x47"]) + random.randbytes(random.randrange(1, 400))


def replay(binary, path):
    command = [binary, "replay", "--quiet", "--format", "json", path]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def in_company(binary, paths, folder):
    """What a replay of all captures, one after the other and twice, tells of each the second time."""
    clock, starts, told = 1_700_000_000, {}, {}
    with open(f"{folder}/company.pcap", "wb") as out:
        out.write(HEADER)
        for path in [*paths, *paths]:
            starts[path] = clock
            capture = list(records(pathlib.Path(path)))
            for seconds, micros, sent, frame in capture:
                at = clock + max(seconds - capture[0][0], 0)
                out.write(struct.pack("<IIII", at, micros, len(frame), sent) + frame)
            clock = at + APART
    note(told, replay(binary, f"{folder}/company.pcap"))
    return told, starts


def plants(binary, captures, folder):
    """Captures with what they must tell, and what they tell alone and not in company."""
    alone = {}
    for path in captures:
        fit = frames(path)
        if fit and fit[0] < 3:
            found = [finding for finding in map(json.loads, replay(binary, path)) if finding["severity"] in WORTH]
            found = {key_of(finding): f"{finding['certainty']} {finding['detector']}" for finding in found}
            if found:
                alone[path] = found
    told, starts = in_company(binary, alone, folder)
    is_told = lambda path, key: seen(told.get(key)) >= starts[path]
    must = {path: {key: detector for key, detector in keys.items() if is_told(path, key)} for path, keys in alone.items()}
    unlike = [(detector, os.path.basename(path)) for path, keys in alone.items() for key, detector in keys.items() if not is_told(path, key)]
    return {path: keys for path, keys in must.items() if keys}, unlike


class Soak:
    def __init__(self, options, folder):
        self.options, self.folder, self.sensors = options, folder, []
        for name, packets in ("web", connections()), ("flood", flood()), ("malformed", malformed()):
            write(f"{folder}/{name}.pcap", packets)
        self.plants, self.unlike = plants(options.binary, options.captures, folder)
        assert self.plants, "nothing to plant"
        self.net = Net()
        self.counts = collections.Counter()
        self.planted = []

    def run(self):
        for number, way in enumerate(self.options.ways.split(",")):
            self.sensors.append(Sensor(self.net, self.options.binary, way, f"{self.folder}/{number}", 9479 + number))
        before, start = self.net.received(), time.time()
        end, shown = start + 60 * self.options.minutes, start
        churn = self.net.send(f"{self.folder}/web.pcap", "-K", "--unique-ip", "--loop", "100000000", "--pps", str(self.options.pps),
                              "--pps-multi", "20")
        turns = [self.plant, self.flood, self.plant, self.malformed, self.plant, self.flap, self.plant, self.reload, self.plant, self.put_aside,
                 self.plant, self.fill, self.plant, self.ask]
        while time.time() < end:
            for turn in turns:
                turn()
                time.sleep(self.options.pause)
                for sensor in self.sensors:
                    sensor.gather()
                    sensor.measure(time.time() - start)
                if time.time() > shown + 300:
                    shown = time.time()
                    self.show(shown - start)
                if time.time() > end:
                    break
        churn.terminate()
        churn.wait()
        time.sleep(2)
        received = self.net.received() - before
        for sensor in self.sensors:
            sensor.stop()
            sensor.gather(everything=True)
        return self.report(received)

    def show(self, at):
        rss = ", ".join(f"{sensor.way} {sensor.rss[-1][1]} MiB {sensor.cpu():.0f} CPU s" for sensor in self.sensors)
        print(f"minute {at / 60:.0f}: {self.net.received()} frames; {rss}; {dict(self.counts)}", flush=True)

    def plant(self):
        paths = list(self.plants)
        path = paths[self.counts["planted"] % len(paths)]
        self.counts["planted"] += 1
        self.planted.append((time.time(), path))
        self.net.send(path).wait()

    def flood(self):
        self.counts["floods"] += 1
        self.net.send(f"{self.folder}/flood.pcap", "-K", "--topspeed").wait()

    def malformed(self):
        self.counts["malformed"] += 20_000
        self.net.send(f"{self.folder}/malformed.pcap", "-K", "--topspeed").wait()

    def flap(self):
        self.counts["flaps"] += 1
        self.net.link("set", "hs1", "down")
        time.sleep(1.5)
        self.net.link("set", "hs1", "up")
        time.sleep(1.5)

    def reload(self):
        self.counts["reloads"] += 1
        number = self.counts["reloads"]
        for sensor in self.sensors:
            sensor.configure(f"10.{number % 200}.0.0/16", "inside = 7\n" if number % 3 == 0 else "")
            sensor.signal(signal.SIGHUP)
        time.sleep(0.5)

    def put_aside(self):
        """As logrotate does it."""
        self.counts["put aside"] += 1
        for sensor in self.sensors:
            if os.path.exists(f"{sensor.disk}/findings.jsonl"):
                os.rename(f"{sensor.disk}/findings.jsonl", f"{sensor.disk}/moved-{self.counts['put aside']}")
            sensor.signal(signal.SIGHUP)
        time.sleep(1)

    def fill(self):
        self.counts["full disks"] += 1
        ballasts = [f"{sensor.disk}/ballast" for sensor in self.sensors]
        for ballast in ballasts:
            try:
                with open(ballast, "wb") as out:
                    while True:
                        out.write(bytes(65536))
                        out.flush()
            except OSError:
                pass
        self.plant()
        time.sleep(5)
        for ballast in ballasts:
            os.remove(ballast)
        time.sleep(1.5)

    def ask(self):
        self.counts["asked"] += 1
        for sensor in self.sensors:
            sensor.signal(signal.SIGUSR1)
            up = re.findall(r"^hopscope_up (\d)$", self.net.ask(sensor.port, "metrics"), re.M)
            sensor.ups[up[0] if up else "no answer"] += 1

    def report(self, received):
        print(f"{self.options.minutes} minutes; did: {dict(self.counts)}; {received} frames came to the interface")
        print(f"told alone, and not in company by a replay either: {self.unlike}")
        return all([self.report_of(sensor, received) for sensor in self.sensors])

    def report_of(self, sensor, received):
        passed, read, dropped, unread = sensor.account()
        is_exact = received == read + dropped + unread and passed == received
        newest = {path: when for when, path in self.planted}
        due = [(key, detector, path) for path in newest for key, detector in self.plants[path].items()]
        late = [(detector, os.path.basename(path)) for key, detector, path in due if seen(sensor.lines.get(key)) < newest[path] - 1]
        missed = [plant for plant in late if plant[0].startswith("proven")]
        last = sensor.rss[-1][0]
        early = [mib for at, mib in sensor.rss if at >= min(600, 0.4 * last)][0]
        most = max(mib for at, mib in sensor.rss if at >= min(600, 0.4 * last))
        is_flat = most <= 1.1 * early + 8
        is_up = set(sensor.ups) == {"1"}
        print(f"\n{sensor.way}: exit code {sensor.code}, {sensor.spent:.0f} CPU seconds, {1e6 * sensor.spent / max(read, 1):.2f} a million frames")
        print(f"frames: {passed} passed, {read} read, {dropped} dropped, {unread} unread: {'exact' if is_exact else 'NOT EXACT'}")
        print(f"memory, MiB: {early} at minute {min(600, 0.4 * last) / 60:.0f}, {most} at most since, {sensor.rss[-1][1]} at the end:"
              f" {'flat' if is_flat else 'NOT FLAT'}")
        print(f"planted: {len(due)} findings, {len(due) - len(late)} told when they were planted last; not told: {late}")
        print(f"hopscope_up: {dict(sensor.ups)}; {sensor.exhibits} files of packets taken away")
        print(f"told: {sensor.told('was read again')} configurations read, {sensor.told('stays as it was')} refused,"
              f" {sensor.told('cannot be read for now')} outages, {sensor.told('cannot be written')} full disks,"
              f" {sensor.told('nothing was lost')} of them without loss; {sensor.files} files of findings")
        print("the end of what it said:\n" + "".join(sensor.messages[-16:]), flush=True)
        return sensor.code == 0 and is_exact and is_flat and is_up and not missed

    def clean(self):
        for sensor in self.sensors:
            if sensor.process.poll() is None:
                sensor.process.kill()
            subprocess.run(["umount", sensor.disk])
        run("ip", "netns", "del", self.net.name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--ways", default="--rings 1,--rings 2")
    parser.add_argument("--pps", type=int, default=14_000)
    parser.add_argument("--pause", type=float, default=2, help="seconds between turns")
    parser.add_argument("binary")
    parser.add_argument("captures", nargs="+")
    folder = tempfile.mkdtemp(prefix="hopscope-soak-")
    soak = Soak(parser.parse_args(), folder)
    try:
        good = soak.run()
    finally:
        soak.clean()
        shutil.rmtree(folder)
    sys.exit(not good)


if __name__ == "__main__":
    main()
