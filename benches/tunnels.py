#!/usr/bin/env python3
"""After how many flows in an hour payload-anomaly names tunnels over an approved port.

    tunnels.py --bin target/release/hopscope --lab target/captures/lab

Real sessions of the lab, moved: web sessions over TLS (benign captures) to one client and 192.0.2.10:443, thirty an hour for ten
hours, are learned (`hopscope learn`). Then the sessions of each tunnel, moved to the same client and server, come beside as
many web sessions, or alone. A capture has few sessions of its tunnel: they are repeated in turn until they are as many as said,
so that what is measured is the test and not how much tunnels vary. The control is web sessions that were not learned.
"""
import argparse, json, os, re, struct, subprocess, tempfile

CLIENT, SERVER, PORT = bytes([10, 50, 9, 9]), bytes([192, 0, 2, 10]), 443
WEB = ["neg_curl_wget_web", "neg_h2_load_api", "neg_chromium_browsing", "neg_video_chunks", "neg_update_checks", "mixed_office"]
LEGS = re.compile("dns|upstream|exit|user of|plain\\)|into|plain redis|SYN|local", re.I)
TUNNELS = {"websocket-tunnel", "tls-tunnel", "encrypted-proxy", "shadowsocks", "encrypted_proxy", "tls-proxy", "ssh-tunnel", "socks5",
           "vpn", "http-connect", "reverse-tunnel", "tls"}
OTHERS = {"beacon", "reverse-shell"}
COUNTS = (15, 30, 60, 120)
HOUR = 3600 * 10**6


def frames(path):
    data = open(path, "rb").read()
    assert data[:4] == b"\xd4\xc3\xb2\xa1", path
    at = 24
    while at < len(data):
        seconds, micros, kept, sent = struct.unpack_from("<IIII", data, at)
        yield seconds * 10**6 + micros, data[at + 16:at + 16 + kept], sent
        at += 16 + kept


def sessions(path, wanted):
    """TCP connections from their SYN on whose server (address, port) is wanted, each a list of frames from or to the client."""
    open_, done = {}, []
    for time, frame, sent in frames(path):
        if frame[12:14] != b"\x08\x00" or frame[23] != 6:
            continue
        ports = 14 + 4 * (frame[14] & 15)
        source = frame[26:30] + frame[ports:ports + 2]
        target = frame[30:34] + frame[ports + 2:ports + 4]
        flags = frame[ports + 13]
        if flags & 18 == 2 and target in wanted:
            open_[source, target] = []
            done.append(open_[source, target])
        for client, server, is_client in ((source, target, True), (target, source, False)):
            if (client, server) in open_:
                open_[client, server].append((time, frame, sent, is_client, ports))
    return [one for one in done if len(one) > 6]


def moved(session, begins, port):
    """The frames of a session as one of the client and the server from a moment on."""
    first = session[0][0]
    for time, frame, sent, is_client, ports in session:
        ends = (CLIENT + SERVER) if is_client else (SERVER + CLIENT)
        pair = struct.pack(">HH", port, PORT) if is_client else struct.pack(">HH", PORT, port)
        yield begins + time - first, frame[:26] + ends + pair + frame[ports + 4:] if ports == 34 else frame, sent


def capture(path, plan):
    """Writes sessions at their moments."""
    packets = []
    for number, (begins, session) in enumerate(plan):
        packets += moved(session, begins, 1024 + number % 60000)
    packets.sort(key=lambda packet: packet[0])
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for time, frame, sent in packets:
            out.write(struct.pack("<IIII", time // 10**6, time % 10**6, len(frame), sent) + frame)


def hour(number, many):
    """So many moments in an hour, 50 minutes of it."""
    return [number * HOUR + HOUR * 5 // 6 * place // many for place in range(many)]


def in_turn(all_, many, skip=0):
    return [all_[(skip + place) % len(all_)] for place in range(many)]


def tunnels(lab):
    for line in open(os.path.join(lab, "truth.jsonl")):
        truth = json.loads(line)
        legs = [one for one in truth["sessions"] if one["label"] == "positive" and one.get("proto", "tcp") == "tcp"
                and not LEGS.search(one["role"])]
        kinds = set(truth["kinds"])
        if truth["file"].count(".") > 1 or not kinds & TUNNELS or kinds & OTHERS:
            continue
        wanted = {bytes(map(int, one["server_ip"].split("."))) + struct.pack(">H", one["server_port"])
                  for one in legs if ":" not in one["server_ip"]}
        found = sessions(os.path.join(lab, "pcaps", truth["file"]), wanted)
        if found:
            yield truth["file"].removesuffix(".pcap"), legs[0]["role"], found


def told(bin_, config, path):
    out = subprocess.run([bin_, "replay", "--workers", "0", "--config", config, "--format", "json", path], capture_output=True, check=True)
    findings = [json.loads(line) for line in out.stdout.splitlines()]
    detectors = {one["detector"] for one in findings if one["severity"] in ("medium", "high", "critical")}
    return "payload-anomaly" in detectors, detectors - {"payload-anomaly"}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bin", required=True)
    arguments.add_argument("--lab", required=True)
    asked = arguments.parse_args()
    web_servers = {bytes([203, 0, 113, last]) + struct.pack(">H", 443) for last in (80, 81)}
    web = [one for name in WEB for one in sessions(os.path.join(asked.lab, "pcaps", name + ".pcap"), web_servers)]
    learned, kept = web[::2], web[1::2]
    with tempfile.TemporaryDirectory() as folder:
        path, config = os.path.join(folder, "a.pcap"), os.path.join(folder, "site.toml")
        capture(path, [(at, one) for number in range(10) for at, one in zip(hour(number, 30), in_turn(learned, 30, 30 * number))])
        subprocess.run([asked.bin, "learn", "--out", os.path.join(folder, "profile.toml"), path], capture_output=True, check=True)
        open(config, "w").write('[baseline]\nprofile = "profile.toml"\n')
        print(f"{len(learned)} web sessions learned, {len(kept)} kept back\n")
        print("| capture | sessions | " + " | ".join(f"{count} in an hour" for count in COUNTS) + " | other detectors |")
        print("|---|---|" + "---|" * len(COUNTS) + "---|")
        rows = [("(control) web that was not learned", "", kept)] + list(tunnels(asked.lab))
        named = {count: [0, 0] for count in COUNTS}
        anyhow = {count: 0 for count in COUNTS}
        for name, role, found in rows:
            cells, others = [], set()
            for count in COUNTS:
                alone = [(at, one) for at, one in zip(hour(20, count), in_turn(found, count))]
                beside = alone + [(at + 1, one) for at, one in zip(hour(20, count), in_turn(kept, count))]
                answers = []
                for place, plan in enumerate((alone, beside)):
                    capture(path, plan)
                    answer, by = told(asked.bin, config, path)
                    answers.append(answer)
                    others |= by
                    named[count][place] += answer and bool(role)
                    anyhow[count] += place == 0 and bool(role) and bool(answer or by)
                cells.append(" / ".join("yes" if answer else "no" for answer in answers))
            print(f"| {name} | {len(found)} | " + " | ".join(cells) + f" | {', '.join(sorted(others))} |", flush=True)
        all_ = len(rows) - 1
        print(f"| named of {all_}, alone / beside as many web sessions | | " + " | ".join(f"{a} / {b}" for a, b in named.values()) + " | |")
        print(f"| alone, by any detector | | " + " | ".join(str(count) for count in anyhow.values()) + " | |")


if __name__ == "__main__":
    main()
