#!/usr/bin/env bash
# Captures of hosts that reach many and relay nothing.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/hops.sh"
DETECTOR=fan-out
COUNT=30

up_to_here() { net_up; many_targets $COUNT; site_up out; }
range() { seq -f 198.51.100.%g 101 $((100 + COUNT)); }

miss_nmap_connect() { # TCP connect scan, most ports closed
    up_to_here; record; on rly nmap -sT -Pn -n -p 22,80,443,3389 198.51.100.101-$((100 + COUNT)) >/dev/null; save; busy $RLY 198.51.100.101 4
}

miss_nmap_syn() { # SYN scan of a range where hardly anybody is
    up_to_here; record; on rly nmap -sS -Pn -n --max-retries 0 --host-timeout 20s -p 80,443 198.51.100.125-170 >/dev/null; save; busy $RLY 198.51.100.130 2
}

miss_nmap_all_open() { # a scan where every port asked answers
    up_to_here; record; on rly nmap -sT -Pn -n -p 80 198.51.100.101-$((100 + COUNT)) >/dev/null; save; busy $RLY 198.51.100.101 3
}

miss_crawler() { # thirty servers, two pages each
    local a
    up_to_here; record; for a in $(range); do curl_ rly -A crawler/1.0 "http://$a/{300,1500}" & sleep 0.05; done; wait $! || true; sleep 0.5; save; busy $RLY 198.51.100.130 4
}

miss_page_load() { # a browser fetches a page and what belongs to it: TLS to many hosts at once, after their names
    local n names=() jobs=()
    for n in $(seq 101 125); do names+=("--host-record=cdn$n.example.test,198.51.100.$n"); done
    NAMES=("${names[@]}"); up_to_here
    record
    curl_ cli https://cdn101.example.test/6000
    for n in $(seq 102 125); do curl_ cli https://cdn$n.example.test/300 & jobs+=($!); [ $((n % 6)) != 0 ] || { wait "${jobs[@]}"; jobs=(); }; done
    wait "${jobs[@]}"; save; busy $CLI 198.51.100.125 8
}

miss_poller() { # twelve servers, the same request, every second
    COUNT=12; up_to_here; record; on rly python3 "$TOOLS/apps.py" poll 5 $(range); save
}

miss_polled_poller() { # the same, while a person looks at the poller's own page
    local n
    COUNT=12; up_to_here; site_up rly
    record; on rly python3 "$TOOLS/apps.py" poll 5 $(range) & local poller=$!
    for n in 1 2 3 4 5; do curl_ cli http://$RLY/1500; sleep 0.9; done; wait $poller; save
}

miss_peers() { # a peer among many: goes out to thirty, and six come to it; random bytes everywhere
    local a n jobs=()
    up_to_here; spawn out $TRAFFIC raw_server 7007; spawn rly $TRAFFIC raw_server 7007; up out 7007; up rly 7007
    record
    for n in 1 2 3; do on cli $TRAFFIC raw_client $RLY 7007 6 & jobs+=($!); on web $TRAFFIC raw_client $RLY 7007 6 & jobs+=($!); done
    for a in $(range); do on rly $TRAFFIC raw_client $a 7007 2 & jobs+=($!); sleep 0.06; done
    wait "${jobs[@]}"; save; busy $RLY 198.51.100.130 6
}

scenarios "$@"
