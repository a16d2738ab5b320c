#!/usr/bin/env python3
"""Wears `hopscope capture` out in a network of its own, and says whether memory stays flat, the account adds up, and relays are told.

    benches/soak.py [--minutes M] [--way "--rings 2"] [--pps N] HOPSCOPE CAPTURE...

Needs root, iproute2 and tcpreplay. All the while short connections come, none twice: two thousand a second at the usual rate, which in an
hour is what comes in eight at a million an hour. Meanwhile, in turns: a capture with something to be found (planted); a SYN flood from
everywhere; malformed frames; the interface goes down and comes back; the configuration changes, now and then for the worse; the
output is put aside by another program, or rotated; its disk is full for a while; the account is asked for.

Planted captures are those given of which a replay tells something of severity `medium` or worse. A finding counts as told if a line
with its id was written whose `last_seen` is no older than the planting; of a fan-out, which names the first port of a relay, if one of that
detector, client and relay was, for captures share relays.
"""
import argparse, collections, glob, json, os, random, re, shutil, signal, struct, subprocess, sys, tempfile, threading, time
from datetime import datetime

from live import frames

FLOWS = 20_000
WORTH = {"medium", "high", "critical"}


class Net:
    """A namespace with a pair of interfaces: what is sent into hs0 comes out of hs1."""

    def __init__(self):
        self.name = f"hssoak{os.getpid()}"
        self.inside = ["ip", "netns", "exec", self.name]
        run("ip", "netns", "add", self.name)
        run(*self.inside, "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6")
        self.link("add", "hs0", "type", "veth", "peer", "name", "hs1")
        for end in "hs0", "hs1":
            self.link("set", end, "mtu", "9000", "up")

    def link(self, *arguments):
        run("ip", "-n", self.name, "link", *arguments)

    def send(self, path, *options):
        quiet = subprocess.DEVNULL
        return subprocess.Popen([*self.inside, "tcpreplay", "-q", "-i", "hs0", *options, path], stdout=quiet, stderr=quiet)

    def received(self):
        command = [*self.inside, "cat", "/sys/class/net/hs1/statistics/rx_packets"]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


class Sensor:
    def __init__(self, net, binary, way, folder, config):
        self.messages = []
        command = [*net.inside, binary, "capture", "-i", "hs1", "--config", config, "--output", f"{folder}/findings.jsonl",
                   "--rotate-size", "1", "--rotate-seconds", "60", "--metrics", f"{folder}/hopscope.prom", *way]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        while "listening" not in (line := self.process.stderr.readline()):
            assert line, "the sensor has ended"
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        self.messages.extend(self.process.stderr)

    def told(self, what):
        return sum(what in line for line in self.messages)

    def signal(self, number):
        self.process.send_signal(number)

    def rss(self):
        """MiB, without the rings of the kernel that are mapped."""
        status = open(f"/proc/{self.process.pid}/status").read()
        return int(re.search(r"RssAnon:\s+(\d+)", status)[1]) // 1024

    def stop(self):
        self.signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        time.sleep(0.5)  # for the last of its messages
        return code


class Store:
    """What the sensor wrote, taken off its small disk as soon as it is put aside."""

    def __init__(self, folder):
        self.folder, self.lines, self.files = folder, {}, 0

    def gather(self, everything=False):
        for path in glob.glob(f"{self.folder}/findings.jsonl.*") + glob.glob(f"{self.folder}/moved-*"):
            self.take(path)
            os.remove(path)
        if everything:
            self.take(f"{self.folder}/findings.jsonl")

    def take(self, path):
        self.files += 1
        for line in open(path):
            finding = json.loads(line)
            for key in finding["id"], key_of(finding):
                if seen(finding) >= seen(self.lines.get(key)):
                    self.lines[key] = finding


def key_of(finding):
    if finding["detector"] == "fan-out":
        return f"fan-out {finding['client']['ip']} {finding['server']['ip']}"
    return finding["id"]


def seen(finding):
    return datetime.fromisoformat(finding["last_seen"].replace("Z", "+00:00")).timestamp() if finding else 0.0


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


def plants(binary, captures):
    """Captures with what they must tell."""
    told = {}
    for path in captures:
        fit = frames(path)
        if fit and fit[0] < 3:
            command = [binary, "replay", "--quiet", "--format", "json", path]
            lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
            ids = {key_of(finding): finding["detector"] for finding in map(json.loads, lines) if finding["severity"] in WORTH}
            if ids:
                told[path] = ids
    return told


class Soak:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.disk = f"{folder}/disk"
        os.mkdir(self.disk)
        run("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", self.disk)
        for name, packets in ("web", connections()), ("flood", flood()), ("malformed", malformed()):
            write(f"{folder}/{name}.pcap", packets)
        self.config = f"{folder}/site.toml"
        self.configure("10.0.0.0/8")
        self.plants = plants(options.binary, options.captures)
        assert self.plants, "nothing to plant"
        self.net = Net()
        self.counts = collections.Counter()
        self.planted = {}

    def configure(self, inside, wrong=""):
        with open(self.config, "w") as out:
            out.write(f'[flows]\nmax = 262144\n[networks]\ninside = ["{inside}"]\n{wrong}')

    def run(self):
        self.sensor = Sensor(self.net, self.options.binary, self.options.way.split(), self.disk, self.config)
        self.store = Store(self.disk)
        before, start = self.net.received(), time.time()
        end, rss = start + 60 * self.options.minutes, []
        churn = self.net.send(f"{self.folder}/web.pcap", "-K", "--unique-ip", "--loop", "100000000", "--pps", str(self.options.pps))
        turns = [self.plant, self.flood, self.plant, self.malformed, self.plant, self.flap, self.plant, self.reload, self.plant, self.put_aside,
                 self.plant, self.fill, self.plant, self.ask]
        while time.time() < end:
            for turn in turns:
                turn()
                self.store.gather()
                rss.append((time.time() - start, self.sensor.rss()))
                if time.time() > end:
                    break
        churn.terminate()
        churn.wait()
        time.sleep(2)
        received = self.net.received() - before
        code = self.sensor.stop()
        self.store.gather(everything=True)
        return self.report(code, received, rss)

    def plant(self):
        paths = list(self.plants)
        path = paths[self.counts["planted"] % len(paths)]
        self.counts["planted"] += 1
        now = time.time()
        self.net.send(path).wait()
        for finding, detector in self.plants[path].items():
            self.planted[finding] = (now, detector, path)

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
        self.configure(f"10.{number % 200}.0.0/16", "inside = 7\n" if number % 3 == 0 else "")
        self.sensor.signal(signal.SIGHUP)
        time.sleep(0.5)

    def put_aside(self):
        """As logrotate does it."""
        self.counts["put aside"] += 1
        if os.path.exists(f"{self.disk}/findings.jsonl"):
            os.rename(f"{self.disk}/findings.jsonl", f"{self.disk}/moved-{self.counts['put aside']}")
        self.sensor.signal(signal.SIGHUP)
        time.sleep(1)

    def fill(self):
        self.counts["full disks"] += 1
        ballast = f"{self.disk}/ballast"
        try:
            with open(ballast, "wb") as out:
                while True:
                    out.write(bytes(65536))
                    out.flush()
        except OSError:
            pass
        self.plant()
        time.sleep(5)
        os.remove(ballast)
        time.sleep(1.5)

    def ask(self):
        self.counts["asked"] += 1
        self.sensor.signal(signal.SIGUSR1)

    def report(self, code, received, rss):
        text = "".join(self.sensor.messages)
        last = re.findall(r"hs1: .* passed the filter: .*", text)[-1]
        numbers = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", last.removeprefix("hs1: "))]
        passed, read, dropped, unread = numbers[:4]
        late = [(detector, os.path.relpath(path)) for finding, (when, detector, path) in self.planted.items()
                if seen(self.store.lines.get(finding)) < when - 1]
        quarters = [[mib for at, mib in rss if quarter <= 4 * at / (rss[-1][0] + 1) < quarter + 1] for quarter in range(4)]
        is_exact = received == read + dropped + unread and passed == received
        print(f"{self.options.minutes} minutes, {self.options.way}, exit code {code}")
        print(f"did: {dict(self.counts)}")
        print(f"frames: {received} came to the interface, {passed} passed, {read} read, {dropped} dropped, {unread} unread:"
              f" {'exact' if is_exact else 'NOT EXACT'}")
        print(f"memory, MiB, least and most of each quarter: {[(min(q), max(q)) for q in quarters if q]}")
        print(f"planted: {len(self.planted)} findings, {len(self.planted) - len(late)} told; not told: {late}")
        print(f"told: {self.sensor.told('was read again')} configurations read, {self.sensor.told('stays as it was')} refused,"
              f" {self.sensor.told('cannot be read for now')} outages, {self.sensor.told('cannot be written')} full disks,"
              f" {self.sensor.told('nothing was lost')} of them without loss; {self.store.files} files of findings")
        print("the end of what it said:\n" + "".join(self.sensor.messages[-14:]))
        return code == 0 and is_exact and not late

    def clean(self):
        run("ip", "netns", "del", self.net.name)
        subprocess.run(["umount", self.disk])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--way", default="--rings 2")
    parser.add_argument("--pps", type=int, default=14_000)
    parser.add_argument("binary")
    parser.add_argument("captures", nargs="+")
    folder = tempfile.mkdtemp(prefix="hopscope-soak-")
    soak = Soak(parser.parse_args(), folder)
    try:
        good = soak.run()
    finally:
        if soak.sensor.process.poll() is None:
            soak.sensor.process.kill()
        soak.clean()
        shutil.rmtree(folder)
    sys.exit(not good)


if __name__ == "__main__":
    main()
